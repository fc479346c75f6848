"""What a right may give: the answer, its article, what is done, and a sentence for a layperson; one outcome by each code.

Which kind of data gets which outcome is a table of its own: `dsar.law.rights`.
"""

from dataclasses import dataclass
from typing import Literal

Answer = Literal["yes", "no", "blocked"]
# What is done about a right, in the order it is done.
Deed = Literal[
    "copy", "hand over", "erase", "anonymise", "keep until", "suppress", "tell recipients", "tell the source", "correct", "add statement",
    "restrict", "stop", "weigh", "determine basis",
]  # fmt: skip


@dataclass(frozen=True)
class Outcome:
    """What a right gives for one kind of data, by which article, in a sentence for a layperson.

    `code` is stable and machine-readable; `reviewed_by` names who stands for the sentence.
    """

    answer: Answer
    code: str
    article: str
    sentence: str
    do: tuple[Deed, ...] = ()
    reviewed_by: str | None = None


def _no(code: str, article: str, reason: str) -> Outcome:
    return Outcome("no", code, article, f"{reason}; the law gives a copy of it (Article 15) but not a portable one (Article 20).")


def _yes(code: str, reason: str) -> Outcome:
    return Outcome("yes", code, "20(1)", f"{reason}, so you can take it with you (Article 20).", ("hand over",))


def _done(code: str, article: str, sentence: str, *do: Deed) -> Outcome:
    return Outcome("yes", code, article, sentence, do)


SAYS = {
    outcome.code: outcome
    for outcome in (
        _yes("consent-provided", "You gave us this and agreed to our use of it"),
        _yes("consent-observed", "This was recorded while you used our service, with your consent"),
        _yes("contract-provided", "You gave us this for our contract with you"),
        _yes("contract-observed", "This was recorded while you used what we agreed to provide"),
        _yes("through-agent", "Somebody acting for you gave us this, which counts as given by you"),
        Outcome(
            "blocked",
            "undetermined",
            "20(1)(a)",
            "We are still establishing on which legal basis we process this; until then we cannot say whether you can take it with you (Article 20).",
            ("determine basis",),
        ),
        _no("derived", "20(1)", "We worked this out ourselves, you did not provide it"),
        _no("third-party", "20(1)", "We received this from somebody else, you did not provide it"),
        _no("not-automated", "20(1)(b)", "We keep this on paper only"),
        _no("legal-duty", "20(1)(a)", "We process this to meet a legal duty"),
        _no("vital-interests", "20(1)(a)", "We process this to protect somebody's life or health"),
        _no("public-task", "20(3)", "We process this for a task in the public interest"),
        _no("recognised-interests", "20(1)(a)", "We process this for a legitimate interest that the law itself recognises"),
        _no("legitimate-interests", "20(1)(a)", "We process this for a legitimate interest of ours or of others"),
        Outcome("yes", "copy", "15(3)", "The law gives you a copy of this (Article 15).", ("copy",)),
        Outcome("yes", "copy-filed", "15(3)", "We keep this on paper in a filing system; the law gives you a copy of it (Article 15).", ("copy",)),
        Outcome(
            "yes",
            "copy-and-source",
            "15(1)(g)",
            "We received this from somebody else; the law gives you a copy of it and what we know of where it came from (Article 15).",
            ("copy",),
        ),
        _done(
            "correct", "16", "We check what you say is wrong, and correct it or complete it (Article 16).", "restrict", "correct", "tell recipients"
        ),
        _done(
            "correct-derived",
            "16",
            "We worked this out ourselves: we check what it rests on, work it out again, and add your statement if we still differ (Article 16).",
            "restrict",
            "correct",
            "add statement",
            "tell recipients",
        ),
        _done(
            "erase-consent", "17(1)(b)", "It rested on your consent, which you take back, so we erase it (Article 17).", "erase", "tell recipients"
        ),
        _done(
            "erase-marketing",
            "17(1)(b), 21(3)",
            "We erase it and keep no more than what stops us from writing to you again (Articles 17 and 21).",
            "erase",
            "suppress",
            "tell recipients",
        ),
        _done(
            "erase-contract",
            "17(1)(a)",
            "We erase it once it is no longer needed for what we agreed with you (Article 17).",
            "erase",
            "tell recipients",
        ),
        Outcome(
            "no",
            "keep-duty",
            "17(3)(b)",
            "A law obliges us to keep it until a fixed day; until then we use it for nothing else, then we erase it (Article 17).",
            ("keep until", "erase"),
        ),
        _done(
            "erase-vital", "17(1)(a)", "It was needed to protect somebody and no longer is, so we erase it (Article 17).", "erase", "tell recipients"
        ),
        Outcome(
            "no",
            "keep-task",
            "17(3)(b)",
            "We need it for a task in the public interest, so we keep it as long as that lasts (Article 17).",
            ("weigh",),
        ),
        _done(
            "erase-objection",
            "17(1)(c)",
            "You object and our interest does not outweigh yours, so we erase it (Article 17).",
            "erase",
            "tell recipients",
        ),
        _done(
            "anonymise-objection",
            "17(1)(c)",
            "You object: we erase it, or take out of it whatever could lead to you, so that it is nobody's data any more (Article 17).",
            "erase",
            "anonymise",
            "tell recipients",
        ),
        _done("erase-no-basis", "17(1)(d)", "No legal basis is on record for it, so we erase it (Article 17).", "erase", "tell recipients"),
        _done(
            "erase-third-party",
            "17(1)(a), 19",
            "We erase what we were given about you, and tell whoever gave it to us (Articles 17 and 19).",
            "erase",
            "tell the source",
            "tell recipients",
        ),
        _done("restrict", "18(1)", "We store it and do nothing else with it until it is settled (Article 18).", "restrict", "tell recipients"),
        _done(
            "stop-marketing",
            "21(3)",
            "We stop sending you advertising, at once and without asking why (Article 21).",
            "stop",
            "suppress",
            "tell recipients",
        ),
        _done(
            "weigh-objection",
            "21(1)",
            "We stop unless we show compelling grounds that outweigh yours, and leave it alone until that is decided (Article 21).",
            "restrict",
            "weigh",
            "stop",
        ),
        Outcome(
            "no",
            "no-objection",
            "21(1)",
            "The right to object is about what we do for a public task or a legitimate interest; this we do on another basis (Article 21).",
        ),
        Outcome(
            "blocked",
            "objection-undetermined",
            "21(1)",
            "We are still establishing on which legal basis we process this, and leave it alone until then (Article 21).",
            ("restrict", "determine basis"),
        ),
        _done("stop-consent", "7(3)", "You agreed to it and take that back: we stop from now on (Article 7).", "stop", "tell recipients"),
        _done(
            "stop-consent-marketing",
            "7(3)",
            "You agreed to it and take that back: we stop writing to you from now on (Article 7).",
            "stop",
            "suppress",
            "tell recipients",
        ),
        Outcome("no", "no-consent", "7(3)", "We do not do this on the basis of your consent, so there is none to take back (Article 7)."),
        Outcome(
            "blocked",
            "consent-undetermined",
            "7(3)",
            "We are still establishing on which legal basis we process this, and leave it alone until then (Article 7).",
            ("restrict", "determine basis"),
        ),
    )
}
