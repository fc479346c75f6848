"""What each right gives, as a table: (legal basis, origin, automated, right) → outcome.

Article 20 after its wording and WP242 rev.01: portable is what a person provided, knowingly or by
being observed, on consent or contract, in automated processing. Article 15 gives a copy of all.
Two rows are choices in the person's favour: steps before a contract count as contract, and what
an agent handed over for the person counts as provided.
"""

from dataclasses import dataclass
from typing import Literal, get_args

from dsar.datamap import Basis, Origin

Answer = Literal["yes", "no", "blocked"]
RIGHTS = ("portability", "access")
_BASES: tuple[str, ...] = get_args(Basis)
_ORIGINS: tuple[str, ...] = get_args(Origin)
_CONSENT = ("6(1)(a)", "9(2)(a)")
_CONTRACT = ("6(1)(b)",)
_OWN = tuple(o for o in _ORIGINS if o != "third party")
_COMPUTER, _PAPER, _EITHER = (True,), (False,), (True, False)


@dataclass(frozen=True)
class Outcome:
    """What a right gives for one kind of data, by which article, in a sentence for a layperson.

    `code` is stable and machine-readable; `reviewed_by` names who stands for the sentence.
    """

    answer: Answer
    code: str
    article: str
    sentence: str
    reviewed_by: str | None = None


@dataclass(frozen=True)
class Rule:
    """One row of the table: it holds for every combination of the values it lists."""

    bases: tuple[str, ...]
    origins: tuple[str, ...]
    automated: tuple[bool, ...]
    right: str
    outcome: Outcome

    def fits(self, basis: str, origin: str, automated: bool, right: str) -> bool:
        """Whether this row speaks about the combination."""
        return right == self.right and basis in self.bases and origin in self.origins and automated in self.automated


def _no(code: str, article: str, reason: str) -> Outcome:
    return Outcome("no", code, article, f"{reason}; the law gives a copy of it (Article 15) but not a portable one (Article 20).")


def _yes(code: str, reason: str) -> Outcome:
    return Outcome("yes", code, "20(1)", f"{reason}, so you can take it with you (Article 20).")


_SAYS = {
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
        ),
        _no("derived", "20(1)", "We worked this out ourselves, you did not provide it"),
        _no("third-party", "20(1)", "We received this from somebody else, you did not provide it"),
        _no("not-automated", "20(1)(b)", "We keep this on paper only"),
        _no("legal-duty", "20(1)(a)", "We process this to meet a legal duty"),
        _no("vital-interests", "20(1)(a)", "We process this to protect somebody's life or health"),
        _no("public-task", "20(3)", "We process this for a task in the public interest"),
        _no("recognised-interests", "20(1)(a)", "We process this for a legitimate interest that the law itself recognises"),
        _no("legitimate-interests", "20(1)(a)", "We process this for a legitimate interest of ours or of others"),
        Outcome("yes", "copy", "15(3)", "The law gives you a copy of this (Article 15)."),
        Outcome("yes", "copy-filed", "15(3)", "We keep this on paper in a filing system; the law gives you a copy of it (Article 15)."),
        Outcome(
            "yes",
            "copy-and-source",
            "15(1)(g)",
            "We received this from somebody else; the law gives you a copy of it and what we know of where it came from (Article 15).",
        ),
    )
}

# Where several bases hold and none makes data portable, the earlier row gives the reason: what stands on consent or
# contract is refused for a reason of its own, which says more than that another basis is not among the two.
RULES = (
    Rule(_CONSENT, ("provided",), _COMPUTER, "portability", _SAYS["consent-provided"]),
    Rule(_CONSENT, ("observed",), _COMPUTER, "portability", _SAYS["consent-observed"]),
    Rule(_CONTRACT, ("provided",), _COMPUTER, "portability", _SAYS["contract-provided"]),
    Rule(_CONTRACT, ("observed",), _COMPUTER, "portability", _SAYS["contract-observed"]),
    Rule(_CONSENT + _CONTRACT, ("agent",), _COMPUTER, "portability", _SAYS["through-agent"]),
    Rule(("undetermined",), _ORIGINS, _EITHER, "portability", _SAYS["undetermined"]),
    Rule(_CONSENT + _CONTRACT, ("derived",), _COMPUTER, "portability", _SAYS["derived"]),
    Rule(_CONSENT + _CONTRACT, ("third party",), _COMPUTER, "portability", _SAYS["third-party"]),
    Rule(_CONSENT + _CONTRACT, _ORIGINS, _PAPER, "portability", _SAYS["not-automated"]),
    Rule(("6(1)(c)",), _ORIGINS, _EITHER, "portability", _SAYS["legal-duty"]),
    Rule(("6(1)(d)",), _ORIGINS, _EITHER, "portability", _SAYS["vital-interests"]),
    Rule(("6(1)(e)",), _ORIGINS, _EITHER, "portability", _SAYS["public-task"]),
    Rule(("6(1)(ea)",), _ORIGINS, _EITHER, "portability", _SAYS["recognised-interests"]),
    Rule(("6(1)(f)",), _ORIGINS, _EITHER, "portability", _SAYS["legitimate-interests"]),
    Rule(_BASES, _OWN, _COMPUTER, "access", _SAYS["copy"]),
    Rule(_BASES, _OWN, _PAPER, "access", _SAYS["copy-filed"]),
    Rule(_BASES, ("third party",), _EITHER, "access", _SAYS["copy-and-source"]),
)


def decide(bases: tuple[str, ...], origin: str, automated: bool, right: str) -> Outcome:
    """Return what a right gives for data that stand on these current legal bases.

    One basis that makes data portable is enough; failing that, an undetermined one blocks the
    answer until a person decides. A basis the map does not know, as a cell of the source may hold,
    and no basis at all count as undetermined. Raises `ValueError` for another origin or right.
    """
    if origin not in _ORIGINS or right not in RIGHTS:
        raise ValueError(f"origin must be one of {', '.join(_ORIGINS)}; right one of {', '.join(RIGHTS)}")
    known = {basis if basis in _BASES else "undetermined" for basis in bases} or {"undetermined"}
    return next(rule.outcome for rule in RULES if any(rule.fits(basis, origin, automated, right) for basis in known))
