"""On which ground data are erased (Art. 17(1)), by the legal basis they were processed on."""

from typing import NamedTuple


class Ground(NamedTuple):
    """An article and what it says, in plain words."""

    article: str
    sentence: str


_NO_LONGER_NEEDED = Ground("17(1)(a)", "No longer needed for the purpose it was collected for.")
_CONSENT_WITHDRAWN = Ground("17(1)(b)", "Rested on consent, which the request withdraws.")
_OBJECTION = Ground("17(1)(c)", "Rested on a legitimate interest or public task; who asks for erasure is taken to object to that.")
_NO_BASIS = Ground("17(1)(d)", "No legal basis is on record for it.")

GROUNDS = {
    "6(1)(a)": _CONSENT_WITHDRAWN,
    "9(2)(a)": _CONSENT_WITHDRAWN,
    "6(1)(b)": _NO_LONGER_NEEDED,
    "6(1)(c)": _NO_LONGER_NEEDED,
    "6(1)(d)": _NO_LONGER_NEEDED,
    "6(1)(e)": _OBJECTION,
    "6(1)(ea)": _OBJECTION,
    "6(1)(f)": _OBJECTION,
    "undetermined": _NO_BASIS,
}
