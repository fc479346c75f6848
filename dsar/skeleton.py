"""The skeleton of a data map: what a source's schema tells, and gaps for what only people know.

No row is read. A gap is an empty text that the map's check refuses, so that none is overlooked:
a foreign key taken for granted would send one person another's rows, one left out would lose some.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import tomlkit

from dsar import kinds
from dsar.source import Schema, Source

_LOOKS = {"email": re.compile("mail", re.IGNORECASE), "phone": re.compile("phone|mobile|fax", re.IGNORECASE)}
_FREE_TEXT = re.compile("note|comment|message|body|subject|remark|description|text|reason|memo|content", re.IGNORECASE)
_HEAD = """\
# Fill in every "" below, then run `dsar check`: it names the gaps that are left.
#   activity  one of [activities] above: why these rows exist, on which legal basis, for how long
#   category  a fideslang key: user.name, user.contact.email, user.payment ... (docs/data-map.md lists the usual ones)
#   free_text = true for what somebody typed: it may speak of others, and is then searched for them before it goes out
#   match     the columns that say whose row it is: write the column in, or delete the line
# A table without personal data: delete its sections and name it under `ignored`, with the reason.
"""


def skeleton(name: str, source: Source, *, url_hint: str, connector: str, file: Path | None) -> str:
    """Return the TOML of `[sources.NAME]` with every table and column of the source.

    `url_hint` is the address or its beginning: only its scheme is written, since the rest may hold
    a password. `file` is the file the tables are read from; then no address is written. Raises what
    `source.schema()` raises.
    """
    schema = source.schema()
    issued = {table: _kind(table) for table in schema}
    lines = [_HEAD, *_source(name, url_hint, connector, file)]
    for table, known in schema.items():
        at = ("sources", name, "tables", table)
        lines += ["", _section(*at), *_table(table, known, _file(file, table, len(schema)))]
        lines += ["", _section(*at, "match"), *_match(table, known, issued)]
        if any(table == target for other in schema.values() for target, _ in other.references.values()) and len(known.key) == 1:
            lines += ["", _section(*at, "reveals"), f"{_pair(issued[table], known.key[0])}  # other tables refer to it"]
        lines += ["", _section(*at, "columns"), *_columns(known)]
    return "\n".join(lines) + "\n"


def _source(name: str, url_hint: str, connector: str, file: Path | None) -> Iterator[str]:
    yield _section("sources", name)
    yield _pair("connector", connector)
    if file is None:
        variable = re.sub(r"[^A-Z0-9]", "_", name.upper()) + "_URL"
        scheme = re.match(r"[A-Za-z][\w+.-]*(?=:)", url_hint)
        yield f"{_pair('url', f'${{{variable}}}')}  # export {variable}={scheme[0] if scheme else '...'}:... before you start"
    yield f"{_pair('label', _words(name))}  # the system's name, as the requester will read it"
    yield f"{_pair('owner', '')}  # the mailbox of whoever deletes in this system"
    yield "ignored = {}"


def _table(name: str, known: Schema, file: Mapping[str, str]) -> Iterator[str]:
    yield f"{_pair('label', _words(name))}  # in words the requester knows"
    yield _pair("activity", "")
    yield _pair("key", list(known.key)) + ("" if known.key else "  # no primary key: name the columns that tell rows apart")
    if file:
        yield f"file = {{ {', '.join(_pair(k, v) for k, v in file.items())} }}"


def _match(table: str, known: Schema, issued: Mapping[str, str]) -> Iterator[str]:
    own = known.key[0] if len(known.key) == 1 else None
    if own:
        yield f"{_pair(issued[table], own)}  # its own key"
    likely: dict[tuple[str, str], list[str]] = {}
    for column in known.columns:
        target = known.references.get(column, (table, ""))[0]
        # A reference to the same table leads to another person or an older version, never to the row's owner.
        if target != table and target in issued:
            likely.setdefault((issued[target], f"refers to {target}: write it in if these rows belong to whoever that one belongs to"), []).append(
                column
            )
        for kind, looks in _LOOKS.items():
            if looks.search(column):
                likely.setdefault((kind, f"looks like one: write it in if it is the person's own {kind}"), []).append(column)
    for (kind, why), columns in likely.items():
        yield f"{_pair(kind, '')}  # {' or '.join(columns)} {why}, else delete this line"
    if not own and not likely:
        yield '# nothing tells whose rows these are: write KIND = "column", for example email = "address"'


def _columns(known: Schema) -> Iterator[str]:
    for column, logical in known.columns.items():
        target = known.references.get(column)
        notes = [*([logical] if logical else []), *(["key"] if column in known.key else []), *([f"refers to {'.'.join(target)}"] if target else [])]
        speaks = ", free_text = true" if logical in {None, "text"} and column not in known.references and _FREE_TEXT.search(column) else ""
        yield f'{_key(column)} = {{ category = ""{speaks} }}' + (f"  # {', '.join(notes)}" if notes else "")


def _kind(table: str) -> str:
    word = re.sub(r"\W", "_", table)
    return f"{word}_key" if word in kinds.GLOBAL else word


def _file(file: Path | None, table: str, tables: int) -> dict[str, str]:
    if file is None:
        return {}
    return {"path": file.as_posix()} | ({"sheet": table} if tables > 1 else {})


def _words(name: str) -> str:
    return re.sub(r"(?<=[a-z])(?=[A-Z])|_", " ", name).capitalize()


def _section(*parts: str) -> str:
    return f"[{'.'.join(_key(p) for p in parts)}]"


def _pair(key: str, value: str | list[str]) -> str:
    return f"{_key(key)} = {tomlkit.item(value).as_string()}"


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()
