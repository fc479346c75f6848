"""Every error is named by what the analyst does next, and never carries a person's data."""


class DsarError(Exception):
    """One clear line: where, what, how to mend it. The root of all errors of this toolkit."""

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what, self.where, self.remedy = what, where, remedy

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.remedy))

    def __str__(self) -> str:
        line = f"{self.where}: {self.what}" if self.where else self.what
        return f"{line} — {self.remedy}" if self.remedy else line

    def _render_traceback_(self) -> list[str]:
        # IPython's hook: an analyst reads one line, not the toolkit's call stack.
        return [f"{type(self).__name__}: {self}"]


def _rebuild(kind: type[DsarError], what: str, where: str, remedy: str) -> DsarError:
    return kind(what, where=where, remedy=remedy)


class BadMap(DsarError):
    """Mend dsar.toml at the named key."""


class BadRequests(DsarError):
    """Mend requests.csv at the named line."""


class RegisterUnusable(DsarError):
    """Bring the register's database up, or correct its address."""


class ChangedMeanwhile(DsarError):
    """Look at the request again: somebody else changed it since you did."""


class BadEvent(DsarError):
    """Say what happened in the register's own words, with the details it needs."""


class BadMail(DsarError):
    """Register this letter by hand: it cannot be read as a mail."""


class UnknownLetter(DsarError):
    """Name one of the letters there are."""


class DraftUnfinished(DsarError):
    """Finish the draft by hand: fill in what it leaves open, and stand for it."""


class DeliveryDiffers(DsarError):
    """Look at the mail that was sent: it is not what was prepared."""


class UnknownRow(DsarError):
    """Name a table and a key that `dsar records` lists."""


class BadIdentifier(DsarError):
    """Ask the requester for the identifier again: it does not parse."""


class BadDates(DsarError):
    """Correct the dates: they contradict one another, or the law."""


class BadPlugin(DsarError):
    """Mend or uninstall the package that is named: what it brings cannot be used."""


class UnknownCalendar(DsarError):
    """Name a calendar of public holidays that is known, and a day within its years."""


class UnknownRequest(DsarError):
    """Add the request to requests.csv, or correct its id."""


class WorkspaceMissing(DsarError):
    """Name a folder that holds a dsar.toml, or make one with `dsar init`."""


class SourceUnreachable(DsarError):
    """Bring the source up, or correct its address; then collect again."""


class SourceBroken(DsarError):
    """The source answered, but not completely or not as declared; see `dsar check`."""


class NotOffered(DsarError):
    """This source cannot be asked this; take the fallback."""


class DossierMissing(DsarError):
    """Collect the request first."""


class ClusterUnfit(DsarError):
    """Bring the cluster up, or start its workers as it says."""


class IdentityNotVerified(DsarError):
    """Settle the requester's identity before anything leaves."""


class NotAsked(DsarError):
    """The request does not ask for this; correct its rights if the person did."""


class BadRuling(DsarError):
    """Rule again: the choice is none of those offered, or lacks a name or a reason."""


class ForeignData(DsarError):
    """A finished file holds something of somebody else; nothing was released. Rule on it, or correct the map."""


class AnswerIncomplete(DsarError):
    """Mend or decide the open points, or record a decision to send part 1."""


class UnsafeWorkbook(DsarError):
    """A written workbook holds something that must not leave; nothing was released."""


class DeliveryRefused(DsarError):
    """Choose another recipient or another way; nothing was prepared for sending."""


class LedgerBroken(DsarError):
    """Find out who changed the ledger, and bring it back from a backup."""


class ErasureRefused(DsarError):
    """Look at the rows named and plan again: nothing was changed in this source, or only what is said."""


class MachineRefuses(DsarError):
    """Mend the machine as it says, then run the same command again."""


class KeyMissing(DsarError):
    """Bring the key of the sealed case folders; nothing was lost, and nothing opened."""


class SealBroken(DsarError):
    """A sealed folder is not as it was left: bring it back, or find out who changed it."""
