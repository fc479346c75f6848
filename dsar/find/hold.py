"""Why something is held: what could be somebody else's waits for a human, and two texts say why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hold:
    """A reason to hold a row.

    `internal` is for the analyst, `for_requester` is neutral: it never says that, or how many,
    other people are involved. `widens` says whether a held row may lead to further rows (all held).
    """

    code: str
    internal: str
    for_requester: str
    widens: bool = False


_BEING_CHECKED = "We are still checking whether this is yours to receive."

HOLDS = {
    hold.code: hold
    for hold in (
        Hold(
            "claimed",
            "found by an identifier the requester claims but has not proved",
            "We have not yet been able to confirm that this is yours.",
            widens=True,
        ),
        Hold("shared", "reached through a record that somebody else refers to as well", _BEING_CHECKED),
        Hold("another's", "found by their address or number, but it bears the key of a record that is not known to be theirs", _BEING_CHECKED),
        Hold("household", "the address or number leads to records that bear different names", _BEING_CHECKED),
        Hold("two owners", "it bears keys of two records, and only one is known to be theirs", _BEING_CHECKED),
        Hold("unchecked", "reached through a record whose source cannot say who else refers to it", _BEING_CHECKED),
        Hold("unproven", "found by an address or number that stands in their record; nobody has proved it is theirs", _BEING_CHECKED),
        Hold(
            "unattributed",
            "on an address they used, but not with their browser within hours of an order or sign-in of theirs: it may be anybody's",
            "We cannot tell whether this was you.",
        ),
        Hold("address in use", "somebody else used the address around that time as well", "We cannot tell whether this was you."),
        Hold("two requests", "found for another request as well; if both are one person's, give both the same identifiers", _BEING_CHECKED),
        Hold("organisation", "the table belongs to company accounts; what in it is about this person has to be decided", _BEING_CHECKED),
        Hold("undeclared", "the table holds columns the data map does not know; classify them", "We are still classifying part of this record."),
    )
}
