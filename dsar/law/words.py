"""Legal terms in plain words, for what a layperson reads."""

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


def bases(articles: tuple[str, ...]) -> str:
    """Return legal bases in words with their articles."""
    return "; ".join(f"{BASES[a]} — Art. {a}" if a != "undetermined" else BASES[a] for a in articles)


def kind(name: str) -> str:
    """Return a kind of identifier in words."""
    known = {"email": "e-mail address", "phone": "phone number", "ip": "IP address, with time and browser"}
    return known.get(name) or f"our reference number ({name.rsplit('.', 1)[-1].replace('_', ' ')})"
