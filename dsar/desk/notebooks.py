"""The notebooks in the order of use: a copy before anything is erased, a look back before it is called erased."""

from collections.abc import Collection, Iterable
from typing import NamedTuple

from dsar.desk.status import in_order
from dsar.request.case import Case


class Notebook(NamedTuple):
    """One notebook: the name of its file, its title, and the right it answers, if any."""

    name: str
    title: str
    right: str = ""


NOTEBOOKS = (
    Notebook("desk", "1 · The desk"),
    Notebook("review", "2 · Review"),
    Notebook("access_report", "3 · Access report", "access"),
    Notebook("portability_export", "4 · Portability export", "portability"),
    Notebook("rectification_checklist", "5 · Rectification checklist", "rectification"),
    Notebook("restriction_checklist", "6 · Restriction checklist", "restriction"),
    Notebook("objection_checklist", "7 · Objection checklist", "objection"),
    Notebook("consent_withdrawal", "8 · Consent withdrawal", "withdrawal"),
    Notebook("deletion_checklist", "9 · Deletion checklist", "erasure"),
    Notebook("verify_erasure", "10 · Verify an erasure"),
    Notebook("complaint_answer", "11 · Complaint", "complaint"),
    Notebook("retention_audit", "12 · Retention audit"),
)
NAMED = {notebook.name: notebook for notebook in NOTEBOOKS}
FOR = {notebook.right: notebook for notebook in NOTEBOOKS if notebook.right}


def next_for(case: Case, made: Collection[str]) -> Notebook | None:
    """Return the notebook a case goes on with, by what the register knows and which rights have their files already (`made`).

    What waits for a ruling is known to its snapshot alone: the review and the notebook of each right say so.
    """
    if case.closed:
        return None
    if case.state != "in work":
        return NAMED["desk"]
    right = in_order(case.open_rights)[0]
    if right in made:
        return NAMED["verify_erasure" if right == "erasure" else "desk"]
    return FOR[right]


def all_for(rights: Iterable[str]) -> list[Notebook]:
    """Return the notebooks of some rights, in the order they are answered."""
    return [FOR[right] for right in in_order(rights)]
