"""Systems without an interface: a person searches, and what they find comes back through a folder.

Social media inboxes, paper, suppliers, mailboxes, tickets, the gateway's back office. Each identifier that
is looked for is a search with an id (`S-…`, a keyed hash: the id tells nobody whose it is). Open searches stand
on the owner's worklist (`searches`); until its answer is back, the table waits for those who ask.

Documents are files, and what is attached to mails. Each is a row of its own, held whole until a person has read it (`documents = true`).

`inbox/` in the workspace (or `url`) takes the answers: the worklist, filled in, and in a folder named by
the search id whatever was found: csv, xlsx, json and JSON lines (a row each), mbox, eml and msg (a mail
each), pdf and pictures. `file.path` of a table says which: `records`, `mails` or `documents`.
What is read there, and what is masked in it: `connectors.inbox`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

import pandas as pd

from connectors import exact
from connectors.inbox import COLUMNS, FILES, NOTHING, Answer, Inbox
from dsar import datamap, keys, kinds, values
from dsar.errors import NotOffered, SourceBroken
from dsar.source import Ask, Asked, Can, Done, Everyone, Keys, Match, Others, Part, Rows, Schema, Search, Settings, Text, Waiting, Want


class Manual:
    """A system that a person searches."""

    can = Can(many=True, others=False, asks_people=True)

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._inbox = Inbox(settings)
        self._asked: dict[str, Search] = {}

    def schema(self) -> Mapping[str, Schema]:
        """Return the mapped tables: what a person finds has the columns of its kind, and one per kind of identifier."""
        return {name: Schema(dict.fromkeys(self._columns(table)), ("item",)) for name, table in self.settings.declared.tables.items()}

    def read(self, ask: Ask) -> Iterator[Part]:
        """Answer from the inbox; waits for whoever's search is not back. Raises `NotOffered` for `Others` and `Text`."""
        match ask:
            case Match():
                return self._match(ask)
            case Keys():
                return self._keys(ask)
            case Others() | Text() | Everyone():
                where, remedy = f"{self.settings.name}.{ask.table}", "ask whoever searches there, in their own words"
                raise NotOffered("a person's search cannot be asked this", where=where, remedy=remedy)

    def searches(self) -> Sequence[Search]:
        """Return the searches that reads of this source asked for, those answered among them."""
        return list(self._asked.values())

    def _match(self, ask: Match) -> Iterator[Part]:
        table = exact.mapped(self.settings, ask.table)
        # A person finds an address however it is tagged: that is no search of its own.
        searched = [w for w in ask.wanted if w.kind != kinds.MAILBOX and table.match_columns(w.kind, self.settings.name)]
        answers = self._inbox.answers()
        open_ones = [w for w in searched if answers.get(self.search_id(w), Answer("", "")).result not in {NOTHING, FILES}]
        for want in searched:
            self._note(ask.table, want, answers.get(self.search_id(want)), back=want not in open_ones)
        back = [w for w in searched if w not in open_ones]
        rows = [(row, want) for want in back for row in self._found(ask.table, want)]
        if ask.limit is not None and len(rows) > ask.limit:
            raise SourceBroken(f"more than {ask.limit} rows match", where=f"{self.settings.name}.{ask.table}", remedy="look at the inbox")
        if rows:
            columns = {want: table.match_columns(want.kind, self.settings.name)[0] for want in back}
            asks = tuple(Asked(n, want.ask_id, columns[want]) for n, (_, want) in enumerate(rows))
            yield Rows(self._frame(ask.table, [{**row, columns[want]: want.value} for row, want in rows]), asks)
        if open_ones:
            yield Waiting(None, self.settings.declared.owner, tuple(dict.fromkeys(w.ask_id for w in open_ones)))
        yield Done(None, len(rows))

    def _keys(self, ask: Keys) -> Iterator[Part]:
        wanted = {str(key[0]) for key in ask.keys}
        rows = [row for name in self._inbox.searches() for row in self._inbox.found(ask.table, name, set()) if row["item"] in wanted]
        if rows:
            yield Rows(self._frame(ask.table, rows))
        yield Done(None, len(rows))

    def search_id(self, want: Want) -> str:
        """Return the name of a search; it does not say who is looked for, not even to somebody who tries all numbers."""
        return f"S-{keys.keyed(self._key, self.settings.name, want.kind, want.value)[:12]}"

    @cached_property
    def _key(self) -> bytes:
        return keys.key(self.settings.root, "searches", make=not self._inbox.searches())  # another would know none of what came back

    def _columns(self, table: datamap.Table) -> list[str]:
        known = COLUMNS[self._inbox.form(table)]
        return [*known, *(c for kind in table.match for c in table.match_columns(kinds.scoped(kind, self.settings.name), self.settings.name))]

    def _note(self, table: str, want: Want, answer: Answer | None, *, back: bool) -> None:
        name = self.search_id(want)
        declared = self.settings.declared
        known = self._asked.get(name)
        what = declared.tables[table].label
        whats = (*known.what, what) if known and what not in known.what else known.what if known else (what,)
        remark = answer.remark if answer else ""
        self._asked[name] = Search(name, declared.label, declared.owner, whats, want.kind.rpartition(".")[2], want.value, remark, back)

    def _found(self, table: str, want: Want) -> list[dict[str, object]]:
        own = {want.value} if want.kind == "email" else set()
        return self._inbox.found(table, self.search_id(want), own)

    def _frame(self, table: str, rows: Sequence[Mapping[str, object]]) -> pd.DataFrame:
        return values.frame({c: [row.get(c) for row in rows] for c in self._columns(exact.mapped(self.settings, table))})
