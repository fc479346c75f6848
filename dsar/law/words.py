"""Legal terms in plain words, for what a layperson reads."""

from dsar.datamap import Retention
from dsar.texts import ENGLISH, Texts

BASES = {
    "6(1)(a)": "you agreed to it (consent)",
    "6(1)(b)": "needed for a contract with you, or for steps you asked for before one",
    "6(1)(c)": "a law requires it",
    "6(1)(d)": "to protect somebody's life",
    "6(1)(e)": "a task in the public interest",
    "6(1)(ea)": "a legitimate interest that the law recognises",
    "6(1)(f)": "our legitimate interest",
    "9(2)(a)": "you explicitly agreed to it (consent)",
    "undetermined": "not determined yet",
}

ORIGINS = {
    "provided": "you gave it to us",
    "observed": "recorded while you used our service",
    "derived": "worked out by us from other data",
    "third party": "given to us by somebody else",
    "agent": "given to us by somebody acting for you",
}


def bases(articles: tuple[str, ...], say: Texts = ENGLISH) -> str:
    """Return legal bases in words with their articles."""
    return "; ".join(f"{say(BASES[a])} — Art. {a}" if a != "undetermined" else say(BASES[a]) for a in articles)


def kind(name: str, say: Texts = ENGLISH) -> str:
    """Return a kind of identifier in words."""
    known = {"email": say("e-mail address"), "phone": say("phone number"), "ip": say("IP address, with time and browser")}
    return known.get(name) or say("our reference number ({name})", name=name.rsplit(".", 1)[-1].replace("_", " "))


def period(rule: Retention, say: Texts = ENGLISH) -> str:
    """Return a retention period in words: '6 years'."""
    parts = [(rule.years, "year"), (rule.months, "month"), (rule.days, "day")]
    return ", ".join(say(f"{{n}} {word}{'s' if n != 1 else ''}", n=n) for n, word in parts if n)
