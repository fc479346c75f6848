"""The folder that ties it together: the Python API of notebooks and of the `dsar` command."""

import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dsar import datamap as maps
from dsar import files
from dsar.answer import access, foreign, nearby
from dsar.answer import export as exports
from dsar.answer.delivery import Delivery, Way, deliver
from dsar.answer.nearby import Nearby
from dsar.answer.publish import Written, lies
from dsar.datamap import DataMap
from dsar.desk import agenda as agendas
from dsar.desk import delivered, drafts, facts, fastlane, identity, notebooks, quiet, status
from dsar.desk.copies import ENDINGS, copies
from dsar.desk.due import due as due_letters
from dsar.desk.found import Found
from dsar.desk.header import Header
from dsar.desk.picked import Picked
from dsar.desk.review import Open, Review
from dsar.erase import carried, first_steps, measurebook, measures
from dsar.erase import checklist as checklists
from dsar.erase.freeze import frozen
from dsar.erase.plan import plan
from dsar.errors import AnswerIncomplete, BadRequests, DeliveryRefused, DossierMissing, DsarError, WorkspaceMissing
from dsar.find import compare
from dsar.find import dossier as dossiers
from dsar.find.collect import Clock, Progress
from dsar.find.decisions import Code, Decision, Decisions
from dsar.find.dossier import Dossier
from dsar.find.review import Item, Ruling
from dsar.keep import bundle, record, tally, vault
from dsar.keep.ledger import Entry, Ledger
from dsar.law.deadlines import check_calendar
from dsar.listing import Listing, listing
from dsar.patience import patiently
from dsar.request import letters, tables
from dsar.request.case import Case
from dsar.request.entry import COLUMNS, entry
from dsar.request.register import Register
from dsar.request.request import Request
from dsar.snapshots import Snapshots, case_folder, opened
from dsar.source import Source

if TYPE_CHECKING:
    from IPython.display import Image
    from ipywidgets import VBox

MAP, REQUESTS, LEDGER, INTAKE = "dsar.toml", "requests.csv", "ledger.jsonl", "intake"


def now() -> datetime:
    """Return the time in UTC, to the second; `DSAR_NOW` (ISO) sets it, so that a run can be repeated."""
    given = os.environ.get("DSAR_NOW")
    moment = datetime.fromisoformat(given) if given else datetime.now(UTC)
    return moment.astimezone(UTC).replace(microsecond=0)


def open_workspace(folder: str | Path | None = None) -> "Workspace":
    """Return the workspace in `folder`, else `$DSAR_WORKSPACE`, else the nearest above the current folder.

    Sealed case folders are open until this process ends (`dsar.keep.vault`); in a notebook no history is kept from here on.

    Raises `WorkspaceMissing` where there is no `dsar.toml`, `BadMap` where it is not right,
    `UnknownCalendar` where it names a calendar without public holidays, and `KeyMissing` or `SealBroken` where
    sealed case folders cannot be opened.
    """
    root = located(folder)
    datamap = maps.read(root / MAP)
    check_calendar(datamap.controller.calendar)
    vault.opened(root)
    quiet.no_history()
    return Workspace(root, datamap)


def located(folder: str | Path | None = None) -> Path:
    """Return where the workspace lies: `folder`, else `$DSAR_WORKSPACE`, else the nearest above; raises `WorkspaceMissing`."""
    named = folder or os.environ.get("DSAR_WORKSPACE")
    candidates = [Path(named)] if named else [Path.cwd(), *Path.cwd().parents]
    for candidate in candidates:
        if (candidate / MAP).is_file():
            return candidate.resolve()
    raise WorkspaceMissing(
        f"there is no {MAP} here", where=str(named or "."), remedy="name the folder with --workspace, or make one with `dsar init DIR`"
    )


@dataclass(frozen=True)
class Workspace:
    """A folder with a data map, requests, and one case folder per request."""

    root: Path
    datamap: DataMap
    clock: Clock = field(default=now, repr=False)

    @cached_property
    def register(self) -> Register:
        """The register: `register.db`, or the database that `$DSAR_REGISTER` names; what `requests.csv` says is taken over first."""
        register = Register.open(
            tables.url(self.root), self.datamap.controller, self.clock, lambda changed: record.follow(self.ledger, changed), self.root
        )
        record.follow(self.ledger, register)
        register.follow(self.root / REQUESTS, self.datamap)
        return register

    @cached_property
    def ledger(self) -> Ledger:
        """What was done here, in a chain that shows what was changed in it since."""
        known = {"tool": version("dsar"), "map": files.sha256(self.root / MAP)[:16] if (self.root / MAP).is_file() else ""}
        return Ledger(self.root / LEDGER, self.clock, known, lambda entries: vault.seal(self.root, {e.request for e in entries}))

    def _wrote(self, what: str, request: Request, written: Written) -> Written:
        self.ledger.add([record.written(what, request.id, written.files)])
        return written

    @property
    def requests(self) -> dict[str, Request]:
        """The requests by id, in the order they were registered; raises `BadRequests` where `requests.csv` is not right."""
        return {i: case.request for i, case in self.register.cases().items()}

    def request(self, request_id: str) -> Request:
        """Return one request; raises `UnknownRequest`."""
        return self.register.case(request_id).request

    def case(self, request: Request) -> Path:
        """Return the request's case folder, made if missing; only its owner may enter."""
        return case_folder(self.root, request)

    @property
    def today(self) -> date:
        """The day it is at the controller's."""
        return self.clock().astimezone(self.datamap.controller.zone).date()

    def sources(self) -> dict[str, Source | DsarError]:
        """Return every source of the map, or the error that keeps it from being opened."""
        return opened(self.root, self.datamap)

    # -- find ------------------------------------------------------------------------------------

    @cached_property
    def _snapshots(self) -> Snapshots:
        return Snapshots(self.root, self.datamap, self.clock, self.register, self.ledger)

    def collect(self, request: Request, *, again: bool = False) -> Dossier:
        """Return the request's dossier: the snapshot on disk, or, without one or `again`, a fresh one."""
        return self._snapshots.one(request, again=again)

    def collect_all(self, requests: Iterable[Request], *, again: bool = False, progress: Progress | None = None) -> dict[str, Dossier]:
        """Return dossiers by request id, collecting what is missing in one pass over the sources.

        A snapshot in which a table failed or waits is collected anew, unless somebody decided on it.
        """
        return self._snapshots.all(requests, again=again, progress=progress)

    def snapshot(self, request: Request) -> Dossier | None:
        """Return the dossier on disk, or None where there is none that fits, or a ruling was made since."""
        return self._snapshots.valid(request)

    def kept(self, requests: Iterable[Request]) -> dict[str, Dossier]:
        """Return the snapshots, by request id, that `collect_all` would not collect anew."""
        return self._snapshots.kept(requests)

    def sweep(self, requests: Iterable[Request]) -> None:
        """Take away what runs that were killed left unfinished: it holds people's data, and nobody would look for it."""
        self._snapshots.sweep(requests)

    def difference(self, request: Request) -> Listing:
        """What changed between the last two times the sources were asked: columns What, Key, Change, Columns."""
        return compare.load(self.case(request) / "difference.json", self.datamap)

    # -- decide ----------------------------------------------------------------------------------

    @property
    def review(self) -> Review:
        """What waits for a person over all requests; open ones without a snapshot that fits are named. A ruling counts with the next `collect`."""
        cases = self.register.cases()
        latest = {i: self._snapshots.latest(case.request) for i, case in cases.items()}
        found = {i: Open(dossier, self._snapshots.rulings(cases[i].request)) for i, dossier in latest.items() if dossier}
        unseen = tuple(i for i, case in cases.items() if not case.closed and i not in found)
        return Review(self.datamap, found, self.clock(), self._ruled, unseen)

    def _ruled(self, made: Sequence[tuple[Item, Ruling]]) -> None:
        self.ledger.add(record.ruled(made))

    def why(self, request: Request, table: str, key: object) -> Listing:
        """Why a row is the request's, back to what the requester gave (`Dossier.why`): columns Row, Found by, Because of; the key as printed."""
        return self.collect(request).why(table, key)

    def decisions(self, request: Request) -> Decisions:
        """Return what was decided on the request's present snapshot."""
        return self._snapshots.decisions(request, self.collect(request))

    def decide(self, request: Request, code: Code, *, by: str, rest_by: date | None = None) -> Decision:
        """Record a decision on the present snapshot: 'part 1', with the day the rest follows by, not after the due date."""
        due = self.register.case(request.id).due
        if rest_by and rest_by > due:
            raise AnswerIncomplete(f"the rest has to follow by the due date, {due}", where=request.id, remedy="name an earlier day, or extend")
        decided = self.decisions(request).add(code, by, self.clock(), rest_by)
        self.ledger.add([Entry("decided", request.id, by, {"code": code, "rest_by": rest_by.isoformat() if rest_by else ""})])
        return decided

    def open_points(self, request: Request, right: str = "portability") -> Listing:
        """What stands between the request and a complete answer to a right: columns Table, What, To do."""
        points = exports.open_points(self.collect(request), right)
        return listing(("Table", "What", "To do"), [(p.table, p.what, p.remedy) for p in points], empty="Nothing is open.")

    # -- answer and erase ------------------------------------------------------------------------

    def portability(self, request: Request) -> Listing:
        """What is portable and what is not, and why: one line per table, legal basis and origin."""
        return exports.portability(self.collect(request))

    def nearby(self) -> Nearby:
        """Return an index of all requests' identifiers as they stand now, which must be in no file of anybody else; kept for the next answer."""
        kept = files.private_dir(self.root / "cases") / nearby.FILE
        return Nearby.kept(kept, self.register.state, self.register.identifiers, self.datamap.controller.region)

    def _others(self, request: Request) -> foreign.Others:
        """Return what tells the requests of other people that a text could name, as far as their identifiers go."""
        mine, index = self.register.sharing(request.identifiers), self.nearby()

        def others(text: str) -> list[Request]:
            near = sorted(index.requests(text) - mine)
            return [Request(r, request.received, (), found) for r, found in self.register.identifiers(near).items()] if near else []

        return others

    @patiently("writing the answer")
    def export(self, request: Request) -> Written:
        """Write the portability workbook and package; raises `IdentityNotVerified`, `AnswerIncomplete`."""
        written = exports.export(self._snapshots.fresh(request), self.case(request), self.decisions(request), self.today, self._others(request))
        return self._wrote("exported for portability", request, written)

    @patiently("locking the files")
    def deliver(self, request: Request, *, to: str | None = None, way: Way = "workbook") -> Delivery:
        """Prepare the outbox for sending: files under a passphrase, a draft mail, the second reader's sheet; raises `DeliveryRefused`."""
        if differs := tally.changed(self.ledger, self.register).get(request.id):
            raise DeliveryRefused(f"{tally.BEHIND}: {differs}", where=request.id, remedy=tally.REMEDY)
        folder = self.case(request)
        rest = set(self.register.case(request.id).open_rights) - copies(folder, {path.name for path in files.lying(folder / "outbox")})
        prepared = deliver(self.collect(request), folder, to=to, way=way, rest=bool(rest))
        self.ledger.add([record.written("prepared for sending", request.id, [*prepared.drafts, *prepared.files])])
        return prepared

    @patiently("writing the answer")
    def access_report(self, request: Request) -> Written:
        """Write the access workbook; raises `IdentityNotVerified`, `AnswerIncomplete`."""
        written = access.report(self._snapshots.fresh(request), self.case(request), self.decisions(request), self.today, self._others(request))
        return self._wrote("exported for access", request, written)

    def since(self, request: Request) -> Listing:
        """What differs from the person's previous request: columns What, Key, Change, Columns."""
        proved = {i for i in request.identifiers if i.standing == "verified"}
        for earlier in reversed(self.register.case(request.id).duplicates):
            other = self.request(earlier)
            if proved & set(other.identifiers) and (before := self.snapshot(other)):  # a claim alone makes nobody the same person
                return compare.shown(before, self.collect(request))
        return listing(("What", "Key", "Change", "Columns"), (), empty="There is no snapshot of an earlier request by this person.")

    def gone(self, request: Request) -> Listing:
        """What the snapshot of the first steps held, and the present one does not: columns What, Key.

        An answer tells what was held when the request came in; what a clean-up job took since is not simply left out.
        """
        before = None
        for standing in ("claimed", "verified"):  # identity may have been settled since
            then = replace(request, identifiers=tuple(replace(i, standing=standing) for i in request.identifiers))
            with suppress(DossierMissing):
                before = dossiers.load(self._before(request, INTAKE), then, self.datamap)
        if before is None:
            empty = "There is no snapshot of the first steps, or the map or the identifiers changed since: compare by hand."
            return listing(("What", "Key"), (), empty=empty)
        lines = [(self.datamap.table(a).label, key) for a, key in compare.lost(before, self.collect(request))]
        return listing(("What", "Key"), lines, empty=f"All that was there on {before.collected_at:%Y-%m-%d} is there still.")

    def measures(self, request: Request, right: str) -> Listing:
        """What rectification, restriction, objection or withdrawal mean for what was found: columns System, What, Action, Why, Article, Rows."""
        return measures.overview(self.collect(request), right)

    @patiently("writing the worklists")
    def worklists(self, request: Request, right: str) -> Written:
        """Write one worklist per system for such a right; raises `NotAsked`, `IdentityNotVerified`, `AnswerIncomplete`."""
        dossier = self.collect(request)
        written = measurebook.worklists(dossier, self.case(request), self.decisions(request), right)
        dossier.save(self._before(request, right))
        carried.forget(self.case(request), right)
        return self._wrote(f"worklists written for {right}", request, written)

    def _before(self, request: Request, right: str) -> Path:
        # What stood there when the lists went out, to be compared with what stands there when they come back.
        return files.private_dir(self.case(request) / "before") / right

    @patiently("asking the sources again")
    def verify(self, request: Request, right: str) -> Listing:
        """Ask the sources again what became of each row on a right's worklists, and note it: columns Step ID, What, Key, Now, Columns."""
        before = dossiers.load(self._before(request, right), request, self.datamap)
        seen = measures.verified(before, self.collect(request, again=True), right)
        carried.note(self.case(request), right, seen)
        return seen

    def plan(self, request: Request) -> Listing:
        """What is to be erased, kept or waited for: columns What, Action, Columns, Why, Article, Until, Rows."""
        steps = plan(self.collect(request), self.today, self._frozen(request))
        lines = Counter(
            (self.datamap.table(s.address).label, s.action, ", ".join(s.columns) or "all", s.why, s.article, str(s.until or "")) for s in steps
        )
        columns = ("What", "Action", "Columns", "Why", "Article", "Until", "Rows")
        return listing(columns, ((*line, rows) for line, rows in lines.items()), empty="Nothing was found, so there is nothing to erase.")

    @patiently("writing the worklists")
    def checklist(self, request: Request) -> Written:
        """Write one deletion worklist per system; raises `IdentityNotVerified`, `AnswerIncomplete`."""
        fresh, decisions = self._snapshots.fresh(request), self.decisions(request)
        written = checklists.checklist(fresh, self.case(request), decisions, self.today, self._frozen(request))
        return self._wrote("worklists written for erasure", request, written)

    def _frozen(self, request: Request) -> str:
        """Return what has to happen before anything of this person may be erased: a copy still owed, a restriction in force."""
        same = self.register.sharing([i for i in request.identifiers if i.standing == "verified"])
        return frozen(self.register.case(request.id), self.register.cases(sorted(same)).values())

    # -- the desk --------------------------------------------------------------------------------

    @patiently("taking the snapshot")
    def first_steps(self, request: Request, *, by: str) -> Written:
        """Take the snapshot, list for owners what to leave alone and what to stop at once, and record that; before identity is settled."""
        dossier = self.collect(request)
        if not (self._before(request, INTAKE) / "manifest.json").exists():
            dossier.save(self._before(request, INTAKE))
        written, systems = first_steps.write(dossier, self.case(request))
        first_steps.note(self.register, dossier, systems, by=by)
        return written

    def add(self, *, by: str, **cells: str) -> Listing:
        """Register one request from the columns of the import table (`dsar register template`); raises `BadRequests`."""
        try:
            made = entry({name: cells.pop(name, "") for name in COLUMNS}, self.datamap, self.today)
        except ValueError as error:
            raise BadRequests(str(error), remedy="nothing was registered") from None
        if cells:
            raise BadRequests(f"there is no column {', '.join(cells)}", remedy=f"use {', '.join(COLUMNS)}")
        lines = [(i, c.state, ", ".join(c.duplicates)) for i, c in self.register.add([made], by=by).items()]
        return listing(("Request", "State", "Seems to be by the same person as"), lines, empty="")

    @patiently("looking what waits")
    def agenda(self) -> Listing:
        """What waits today, the most urgent first, and the notebook for it: columns What waits, Requests, Go on with."""
        cases = self.register.cases().values()
        review = self.review
        return agendas.agenda(cases, review.waiting, self._made, self.today, review.unseen)

    def header(self, request: Request, right: str = "") -> Header:
        """Where a request stands, for the top of a notebook (on a right): days left, what it waits for, what is next; no snapshot is read."""
        return self._header(self.register.case(request.id), right)

    def _header(self, case: Case, right: str = "") -> Header:
        made = self._made(case)
        return Header(case, self.today, notebooks.next_for(case, made), right, made)

    def _made(self, case: Case) -> tuple[str, ...]:
        """Return the rights of a case whose files lie there: a copy in the outbox, an erasure that was tried or made."""
        folder = self.root / "cases" / case.request.id
        tried = ("erasure",) if (folder / "erasure").is_dir() else ()
        return (*(right for right, ending in ENDINGS.items() if lies(folder, "outbox", ending)), *tried)

    def picker(self) -> "VBox":
        """A list of the open cases to pick from, and below it all about the one that is picked.

        What is picked, the other notebooks are about, until another is (`picked`). Nothing is before somebody chooses.
        """
        from dsar.desk.picker import picker

        open_ = sorted((c for c in self.register.cases().values() if not c.closed), key=lambda c: (c.due, c.request.id))
        headers = {c.request.id: self._header(c) for c in open_}
        return picker(headers, self._picked.last, self._picked.note, self._about)

    def _about(self, request_id: str) -> dict[str, Listing]:
        request = self.request(request_id)
        return {"letters it needs now": self.letters_due(request), "until when": self.clock_of(request), "what happened": self.history(request)}

    @property
    def _picked(self) -> Picked:
        return Picked(files.private_dir(self.root / "cases"), record.user())

    def pick(self, request: Request) -> None:
        """Note the request that whoever works here goes on with."""
        self._picked.note(request.id)

    @property
    def picked(self) -> str:
        """The id of the request that was picked last, by whoever works here; raises `UnknownRequest` where none is."""
        return self._picked.required(self.register.cases().values())

    @property
    def at_hand(self) -> str:
        """The open request that was picked last, else the one due first; raises `UnknownRequest` where none is open."""
        return self._picked.or_first([str(i) for i in self.status()["Request"]])

    def status(self) -> Listing:
        """The open cases, the earliest due first: what waits on whom, and what to do next."""
        return status.status(self.register.cases().values(), self.today, self._made)

    def chart(self) -> "Image":
        """A picture of the open cases: a bar each, as long as the days left."""
        return status.chart(self.register.cases(), self.today)

    def calendar(self) -> bytes:
        """The dates of the open cases as iCalendar."""
        return status.calendar(self.register.cases().values(), self.datamap.controller, self.clock())

    def ready(self) -> list[fastlane.Ready]:
        """The cases of the fast lane: answered, complete, nothing held, addressed to a proved mailbox."""
        return fastlane.ready(self.register.cases().values(), lambda c: self.snapshot(c.request), lambda c: self.root / "cases" / c.request.id)

    def fast_lane(self) -> Listing:
        """The cases of the fast lane: columns Request, Rights, Due, Files, Read by."""
        return fastlane.listed(self.ready())

    def delivered(self, request: Request, *sent: Path, by: str) -> Case:
        """Record the delivery that sent mails prove, all of one answer together; raises `DeliveryDiffers`."""
        two_readers = self.datamap.controller.two_readers
        case = delivered.delivered(self.register, self.register.case(request.id), self.case(request), sent, by=by, two_readers=two_readers)
        bundle.keep(self.case(request), case)
        return case

    # -- write -----------------------------------------------------------------------------------

    def history(self, request: Request) -> Listing:
        """What happened to a request and to earlier ones of, as it seems, the same person: columns Request, On, By, What, Right, Details."""
        case = self.register.case(request.id)
        return status.history([*self.register.cases(case.duplicates).values(), case])

    def clock_of(self, request: Request) -> Listing:
        """Until when each right is due, and why: columns Request, Right, State, Due, Target, Tell of an extension by, How it was counted."""
        return status.clocks(self.register.case(request.id))

    def letters_due(self, request: Request) -> Listing:
        """The letters the case needs now, none of which is written by this: columns Request, Letter (its name for `draft`), Drafted on."""
        case = self.register.case(request.id)
        drafted = {re.sub(r"_\d+$", "", str(e.details["letter"])): str(e.on) for e in case.events if e.kind == "letter drafted"}
        lines = [(case.request.id, name, drafted.get(name, "")) for name in self._due(case)]
        return listing(("Request", "Letter", "Drafted on"), lines, empty=f"{case.request.id} needs no letter now.")

    @patiently("drafting letters")
    def draft(self, request: Request, *names: str, right: str = "") -> Listing:
        """Draft letters, those the case needs now when none is named: columns File, Goes to, What, Legal text.

        Your edits of an earlier draft stay. A due letter that has to wait for open points is listed with them. Raises `IdentityNotVerified`
        and `AnswerIncomplete` for a named letter that has to wait, `NotAsked` for one that answers what nobody asked, `BadEvent` where the
        register lacks what it is about, `UnknownLetter`.
        """
        case = self.register.case(request.id)
        made: list[drafts.Draft] = []
        waits = []
        for name in names or self._due(case):
            try:
                for ending, mailbox, code in identity.asked(self.register, case, name):
                    letter = letters.render(name, case, facts.facts(name, case, lambda: self._found(request), code, right, self._seen(case)))
                    made.append(drafts.write(replace(letter, name=name + ending), case, self.case(request), self.today, mailbox))
            except AnswerIncomplete as error:  # the others are written all the same
                if names:
                    raise
                waits.append(("not yet", "", f"{name.replace('_', ' ')}: {error.what}", ""))
        for draft in made:
            if draft.changed:
                details: dict[str, Any] = {"letter": draft.letter.name, "file": draft.path.name, "reviewed": draft.letter.reviewed}
                case = self.register.record(case, "letter drafted", by="dsar", **details)
        return listing(("File", "Goes to", "What", "Legal text"), [*drafts.listed(made), *waits], empty="No letter is due.")

    def _due(self, case: Case) -> list[str]:
        """Return the letters the case needs now; of whom a client of ours has something, they are told whom to ask."""
        due = list(due_letters(case, self.today, self._seen(case)))
        snapshot = self.snapshot(case.request) if case.may_send else None
        return [*due, "redirect"] if snapshot and facts.held_for_clients(snapshot) and "redirect" not in due else due

    def _seen(self, case: Case) -> tuple[str, ...]:
        return carried.carried_out(self.root / "cases" / case.request.id)

    def _found(self, request: Request) -> Found:
        return Found(self.collect(request), self.decisions(request), self.today, self._frozen(request), self.case(request))

    def finish(self, request: Request, name: str) -> Written:
        """Make the PDF of a draft as you left it; raises `DraftUnfinished`, `IdentityNotVerified`, `NotAsked`."""
        return self._wrote(
            "letter finished", request, Written((drafts.finish(name, self.register.case(request.id), self.case(request), self.ledger.head),))
        )
