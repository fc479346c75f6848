"""Why something is held: what could be somebody else's waits for a human, and two texts say why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Hold:
    """A reason to hold a row.

    `internal` is for the analyst, `for_requester` is neutral: it never says that, or how many,
    other people are involved, and is empty where the answer keeps silent. `widens` says whether a held row may lead to further rows (all held).
    """

    code: str
    internal: str
    for_requester: str
    widens: bool = False

    @property
    def standing(self) -> str:
        """What becomes of a row: it waits, or it is settled that it does not go out, or that it is not this person's at all."""
        return {"company": "company", "withheld": "withheld", "not theirs": "another's", "cannot tell": "withheld"}.get(self.code, "held")


KIND_SIMILAR = "similar record"
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
        Hold(
            "two requests", "found for another request as well; if both are one person's, give both the same identifiers", _BEING_CHECKED, widens=True
        ),
        Hold("shared mailbox", "found by an address that several people read by its name (info@, sales@): it proves nobody", _BEING_CHECKED),
        Hold("similar address", "their address but for a tag or dots: whether that is the same mailbox, its host decides", _BEING_CHECKED),
        Hold("weak", "found by a name, a date of birth or a postal address, which others may share", _BEING_CHECKED),
        Hold("organisation", "a company account nobody else belongs to: a sole trader's company data are their own", _BEING_CHECKED),
        Hold("through company", "reached through a record of a company account; whether it is about them has to be decided", _BEING_CHECKED),
        Hold("company", "the company's own affairs: they belong to its account, but it is not about them", "Not about you."),
        Hold(KIND_SIMILAR, "much like a record of theirs, and perhaps the same person entered twice", _BEING_CHECKED),
        Hold(
            "known by key",
            "known from an earlier plan by its key alone, and changed since: look whether it is still theirs",
            _BEING_CHECKED,
        ),
        Hold("third party", "the text names somebody else, or gives their address or number", _BEING_CHECKED),
        Hold(
            "withheld",
            "a person ruled that it is left out: it is also about somebody else",
            "The law does not let us give you this.",
        ),
        Hold("not theirs", "a person ruled that it is not theirs", ""),
        Hold("cannot tell", "a person ruled that nobody can tell whose it is", "We cannot tell whether this was you."),
        Hold("document", "a document that nobody has read for other people's data yet", "We are still preparing this document for you."),
        Hold(
            "guessed",
            "the map of its table is a guess that nobody has confirmed: read it, and take out `guessed = true`",
            "We are still classifying part of this record.",
            widens=True,
        ),
        Hold("undeclared", "the table holds columns the data map does not know; classify them", "We are still classifying part of this record."),
    )
}
