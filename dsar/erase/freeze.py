"""What keeps anything from being erased for a while: an answer that is due first, or a restriction in force.

Whoever asks for a copy and for erasure gets the copy first (s.173 DPA 2018 makes it an offence to erase what was asked for), and
what is restricted is only stored (Art. 18(2)); both hold for other requests of the same person too.
"""

from collections.abc import Iterable

from dsar.request.case import Case

COPIES = ("access", "portability")
_WITHOUT = {"refused", "withdrawn", "lapsed", "redirected", "no data"}


def copies_owed(case: Case) -> list[str]:
    """Return the rights to a copy whose copy is still to be delivered: not those that ended without one."""
    return [r for r in case.request.rights if r in COPIES and case.outcomes.get(r) not in _WITHOUT and not case.delivered(r)]


def frozen(case: Case, others: Iterable[Case] = ()) -> str:
    """Return until when nothing of a case's person is erased, as an event in words; '' where nothing stands against it."""
    proved = {(i.kind, i.value) for i in case.request.identifiers if i.standing == "verified"}
    same = (o for o in others if o.request.id != case.request.id and proved & {(i.kind, i.value) for i in o.request.identifiers})
    return next((event for one in (case, *same) if not one.closed for event in _of(one)), "")


def _of(case: Case) -> Iterable[str]:
    owed = copies_owed(case)
    for right in case.request.rights:
        if right in owed:
            yield f"the copy asked for in {case.request.id} has been delivered"
        if right == "restriction" and case.outcomes.get(right) not in _WITHOUT and not case.last("lifting announced", right):
            yield f"the restriction of {case.request.id} has been lifted"
