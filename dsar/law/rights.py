"""What each right gives, as a table: (legal basis, origin, automated, marketing, right) → outcome.

Article 20 after its wording and WP242 rev.01: portable is what a person provided, knowingly or by
being observed, on consent or contract, in automated processing. Article 15 gives a copy of all.
Two rows are choices in the person's favour: steps before a contract count as contract, and what
an agent handed over for the person counts as provided.

The other rights after Articles 16 to 18, 21 and 7(3); the outcome of erasure is what is usual for the
kind of data: an open order, a retention period or a claim of a single row is weighed row by row
(`dsar.erase.plan`). What each outcome says to the person: `dsar.law.outcomes`.
"""

from dataclasses import dataclass
from typing import get_args

from dsar.datamap import Basis, Origin
from dsar.law.outcomes import SAYS, Outcome

RIGHTS = ("portability", "access", "rectification", "erasure", "restriction", "objection", "withdrawal")
_BASES: tuple[str, ...] = get_args(Basis)
_ORIGINS: tuple[str, ...] = get_args(Origin)
_CONSENT = ("6(1)(a)", "9(2)(a)")
_CONTRACT = ("6(1)(b)",)
_OWN = tuple(o for o in _ORIGINS if o != "third party")
_COMPUTER, _PAPER, _EITHER = (True,), (False,), (True, False)


@dataclass(frozen=True)
class Rule:
    """One row of the table: it holds for every combination of the values it lists."""

    bases: tuple[str, ...]
    origins: tuple[str, ...]
    automated: tuple[bool, ...]
    right: str
    outcome: Outcome
    marketing: tuple[bool, ...] = (True, False)

    def fits(self, basis: str, origin: str, automated: bool, right: str, marketing: bool = False) -> bool:
        """Whether this row speaks about the combination."""
        kind = basis in self.bases and origin in self.origins and automated in self.automated and marketing in self.marketing
        return right == self.right and kind


_INTERESTS = ("6(1)(ea)", "6(1)(f)")
_OTHERS = ("6(1)(a)", "9(2)(a)", "6(1)(b)", "6(1)(c)", "6(1)(d)")
_GIVEN = ("provided", "derived", "agent")
_ADVERTISING, _NO_ADVERTISING = (True,), (False,)

# Where several bases hold and none makes data portable, the earlier row gives the reason: what stands on consent or
# contract is refused for a reason of its own, which says more than that another basis is not among the two.
RULES = (
    Rule(_CONSENT, ("provided",), _COMPUTER, "portability", SAYS["consent-provided"]),
    Rule(_CONSENT, ("observed",), _COMPUTER, "portability", SAYS["consent-observed"]),
    Rule(_CONTRACT, ("provided",), _COMPUTER, "portability", SAYS["contract-provided"]),
    Rule(_CONTRACT, ("observed",), _COMPUTER, "portability", SAYS["contract-observed"]),
    Rule(_CONSENT + _CONTRACT, ("agent",), _COMPUTER, "portability", SAYS["through-agent"]),
    Rule(("undetermined",), _ORIGINS, _EITHER, "portability", SAYS["undetermined"]),
    Rule(_CONSENT + _CONTRACT, ("derived",), _COMPUTER, "portability", SAYS["derived"]),
    Rule(_CONSENT + _CONTRACT, ("third party",), _COMPUTER, "portability", SAYS["third-party"]),
    Rule(_CONSENT + _CONTRACT, _ORIGINS, _PAPER, "portability", SAYS["not-automated"]),
    Rule(("6(1)(c)",), _ORIGINS, _EITHER, "portability", SAYS["legal-duty"]),
    Rule(("6(1)(d)",), _ORIGINS, _EITHER, "portability", SAYS["vital-interests"]),
    Rule(("6(1)(e)",), _ORIGINS, _EITHER, "portability", SAYS["public-task"]),
    Rule(("6(1)(ea)",), _ORIGINS, _EITHER, "portability", SAYS["recognised-interests"]),
    Rule(("6(1)(f)",), _ORIGINS, _EITHER, "portability", SAYS["legitimate-interests"]),
    Rule(_BASES, _OWN, _COMPUTER, "access", SAYS["copy"]),
    Rule(_BASES, _OWN, _PAPER, "access", SAYS["copy-filed"]),
    Rule(_BASES, ("third party",), _EITHER, "access", SAYS["copy-and-source"]),
    Rule(_BASES, ("derived",), _EITHER, "rectification", SAYS["correct-derived"]),
    Rule(_BASES, tuple(o for o in _ORIGINS if o != "derived"), _EITHER, "rectification", SAYS["correct"]),
    # What a law obliges us to keep comes first: erasing it on another basis could not be undone.
    Rule(("6(1)(c)",), _ORIGINS, _EITHER, "erasure", SAYS["keep-duty"]),
    Rule(("6(1)(e)",), _ORIGINS, _EITHER, "erasure", SAYS["keep-task"]),
    Rule(("6(1)(b)",), _OWN, _EITHER, "erasure", SAYS["erase-contract"], _NO_ADVERTISING),
    Rule(_CONSENT, _OWN, _EITHER, "erasure", SAYS["erase-consent"], _NO_ADVERTISING),
    Rule((*_CONSENT, "6(1)(b)", *_INTERESTS, "undetermined"), _OWN, _EITHER, "erasure", SAYS["erase-marketing"], _ADVERTISING),
    Rule(("6(1)(d)",), _OWN, _EITHER, "erasure", SAYS["erase-vital"]),
    Rule(_INTERESTS, _GIVEN, _EITHER, "erasure", SAYS["erase-objection"], _NO_ADVERTISING),
    Rule(_INTERESTS, ("observed",), _EITHER, "erasure", SAYS["anonymise-objection"], _NO_ADVERTISING),
    Rule(("undetermined",), _OWN, _EITHER, "erasure", SAYS["erase-no-basis"], _NO_ADVERTISING),
    Rule((*_CONSENT, "6(1)(b)", "6(1)(d)", *_INTERESTS, "undetermined"), ("third party",), _EITHER, "erasure", SAYS["erase-third-party"]),
    Rule(_BASES, _ORIGINS, _EITHER, "restriction", SAYS["restrict"]),
    Rule(_BASES, _ORIGINS, _EITHER, "objection", SAYS["stop-marketing"], _ADVERTISING),
    Rule(("6(1)(e)", *_INTERESTS), _ORIGINS, _EITHER, "objection", SAYS["weigh-objection"], _NO_ADVERTISING),
    Rule(("undetermined",), _ORIGINS, _EITHER, "objection", SAYS["objection-undetermined"], _NO_ADVERTISING),
    Rule(_OTHERS, _ORIGINS, _EITHER, "objection", SAYS["no-objection"], _NO_ADVERTISING),
    Rule(_CONSENT, _ORIGINS, _EITHER, "withdrawal", SAYS["stop-consent"], _NO_ADVERTISING),
    Rule(_CONSENT, _ORIGINS, _EITHER, "withdrawal", SAYS["stop-consent-marketing"], _ADVERTISING),
    Rule(("undetermined",), _ORIGINS, _EITHER, "withdrawal", SAYS["consent-undetermined"]),
    Rule(("6(1)(b)", "6(1)(c)", "6(1)(d)", "6(1)(e)", *_INTERESTS), _ORIGINS, _EITHER, "withdrawal", SAYS["no-consent"]),
)


def decide(bases: tuple[str, ...], origin: str, automated: bool, right: str, marketing: bool = False) -> Outcome:
    """Return what a right gives for data that stand on these current legal bases.

    One basis that makes data portable is enough; failing that, an undetermined one blocks the
    answer until a person decides. One basis that obliges us to keep them keeps them. A basis the map
    does not know, as a cell of the source may hold, and no basis at all count as undetermined.
    Raises `ValueError` for another origin or right.
    """
    if origin not in _ORIGINS or right not in RIGHTS:
        raise ValueError(f"origin must be one of {', '.join(_ORIGINS)}; right one of {', '.join(RIGHTS)}")
    known = {basis if basis in _BASES else "undetermined" for basis in bases} or {"undetermined"}
    return next(rule.outcome for rule in RULES if any(rule.fits(basis, origin, automated, right, marketing) for basis in known))
