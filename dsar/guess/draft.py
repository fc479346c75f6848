"""The draft as TOML: a section that loads as it stands, and says at each line what is guessed and why.

No value that was read stands in it. Its tables are `guessed = true`: found and shown, and held in every answer until a person
has read the section and taken that line out. Nothing is proposed to be ignored but in a comment: leaving out is a decision.
"""

import re
from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import tomlkit

from dsar.guess import columns, links, plan
from dsar.guess.plan import Draft
from dsar.guess.sample import Sample
from dsar.source import Schema, Source

_HEAD = """\
# A draft of [sources.{name}] by `dsar map`. What is guessed says so; the rest is what the system itself declares.
# It loads as it stands. Its tables are found and shown, but held in every answer, until you have read each one, mended it, and
# taken its line `guessed = true` out. To do, beside that:
#   [activities.{activity}]  why these rows exist, on which legal basis, for how long: one activity per purpose
#   owner   the mailbox of whoever deletes in this system
#   match   the columns that make a row the person's: one too many sends somebody else's rows, one too few leaves some out
# `dsar map --to-xlsx FILE` makes a workbook of it for those who read no TOML. docs/data-map.md explains every key.
"""


def draft(name: str, source: Source, *, sample: Sample, connector: str, url: str = "", file: Path | None = None, region: str | None = None) -> str:
    """Return the TOML of `[sources.NAME]` with its tables, and an activity for them to belong to until somebody says which.

    `url` goes into the map as it is, so it must hold no password. `file` is the file the tables are read from; then no
    address is written. Raises what `source.schema()` raises.
    """
    schema = source.schema()
    keys = links.keys(schema, sample)
    guesses = {table: columns.table(table, known, sample.get(table, {}), region) for table, known in schema.items()}
    found = links.of(source, schema, sample)
    people = {t: key[0] for t, (key, _) in keys.items() if len(key) == 1 and columns.is_of_people(t, guesses[t])}
    perhaps = links.perhaps(source, schema, sample, found, people)
    mapped, others = plan.drafts(schema, guesses, found, perhaps, {t: key for t, (key, _) in keys.items()})
    activity = re.sub(r"\W", "_", name)
    lines = [*_HEAD.format(name=name, activity=activity).splitlines(), "", *_activity(activity), ""]
    # A source without a table is none: then its section is a comment, and the map loads without it.
    lines += [line if mapped else f"#{line}" for line in _source(name, connector, url, file)]
    lines += _left(name, others, {table for table, columns_ in sample.items() if not any(columns_.values())})
    for table, one in mapped.items():
        at = ("sources", name, "tables", table)
        lines += ["", _section(*at), *_table(table, one, activity, keys[table], _file(file, table, len(schema)), people=source.can.everyone)]
        lines += ["", _section(*at, "match"), *_match(one)]
        if one.reveals:
            lines += ["", _section(*at, "reveals"), *_reveals(one)]
        lines += ["", _section(*at, "columns"), *_columns(schema[table], one, {k.column: k for k in found if k.table == table})]
    return "\n".join(lines) + "\n"


def _activity(name: str) -> Iterator[str]:
    yield _section("activities", name)
    yield _guessed(_pair("purpose", "not on record yet"), "nothing tells why; the requester reads this")
    yield _guessed(_pair("basis", "undetermined"), "nothing tells; until somebody decides, nothing of it is portable")
    yield _guessed(_pair("origin", "provided"), 'or "observed", "derived", "third party", "agent"')


def _source(name: str, connector: str, url: str, file: Path | None) -> Iterator[str]:
    yield _section("sources", name)
    yield _pair("connector", connector)
    if file is None:
        variable = re.search(r"\$\{(\w+)\}", url)
        yield _pair("url", url) + (f"  # export {variable[1]}=… before you start" if variable else "")
    yield _guessed(_pair("label", _words(name)), "the system's name, as the requester will read it")
    yield _guessed(_pair("owner", "nobody named yet"), "the mailbox of whoever deletes in this system")


def _left(name: str, others: Mapping[str, str], empty: Container[str]) -> Iterator[str]:
    """Say which tables are not mapped: commented out, so that `dsar check` names them until a person has decided."""
    unclear = {table: why for table, why in others.items() if why}
    if unclear:
        yield from ("", "# Not mapped, because nothing tells whose rows they are; map them by hand, or ignore them with the reason:")
        yield from (_plain(f"#   {table}: {why}") for table, why in unclear.items())
    if plain := [table for table in others if table not in unclear]:
        yield from ("", "# Nothing personal was seen in these. Where that is true, take the # away; until then `dsar check` names them:")
        yield f"#{_section('sources', name, 'ignored')}"
        yield from (f"#{_guessed(_pair(table, 'no personal data'), 'it was empty' if table in empty else '')}" for table in plain)


def _table(name: str, one: Draft, activity: str, key: tuple[tuple[str, ...], bool], file: Mapping[str, str], *, people: bool) -> Iterator[str]:
    yield _guessed(_pair("label", _words(name)), "in words the requester knows")
    yield _guessed(_pair("activity", activity))
    columns_, declared = key
    yield _pair("key", list(columns_)) if declared else _guessed(_pair("key", list(columns_)), "no primary key is declared: it must tell rows apart")
    if file:
        yield f"file = {{ {', '.join(_pair(k, v) for k, v in file.items())} }}"
    if one.of_organisations:
        yield _guessed(_pair("owner", "organisation"), 'by its name: a contact gets only what is about the contact; else "person"')
    elif one.of_people and people and any(g.category.startswith("user.name") for g in one.guesses.values()):
        yield _guessed("people = true", "a register of people: somebody may stand in it twice")
    yield "guessed = true  # holds its rows back; take this line out once you have read the table"


def _match(one: Draft) -> Iterator[str]:
    for kind, found in one.match.items():
        names = list(found)
        value = _pair(kind, names[0] if len(names) == 1 else names)
        why = "; ".join(dict.fromkeys(found.values()))
        if len(names) > 1 and kind not in {"email", "phone"}:
            why += ": leave out those that are not the person's own"
        known = all((kind, c) in one.declared for c in names)
        yield f"{value}  # {why}" if known and why == "its own key" else _guessed(value, why)
    for kind, found in one.perhaps.items():
        for column, why in found.items():
            yield _guessed(f"#{_pair(kind, column)}", f"{why}; write it in if these rows are that person's")


def _reveals(one: Draft) -> Iterator[str]:
    for kind, (column, prefix, why) in one.reveals.items():
        if kind == "ip":
            at, browser = plan.beside_ip(one)
            inside = {"column": column, "at": at, "browser": browser}
            yield _guessed(f"ip = {{ {', '.join(_pair(k, v) for k, v in inside.items() if v)} }}", why)
        elif prefix:
            yield _guessed(f"{_key(kind)} = {{ {_pair('column', column)}, {_pair('prefix', prefix)} }}", why)
        else:
            yield _guessed(_pair(kind, column), why)


def _columns(known: Schema, one: Draft, found: Mapping[str, links.Link]) -> Iterator[str]:
    for column, logical in known.columns.items():
        guess = one.guesses[column]
        link = found.get(column)
        other = guess.other_person or bool(link and columns.is_about_another(column)) or bool(link and link.target == one.name)
        said = [_pair("category", "user.unique_id" if link else guess.category)]
        said += ["free_text = true"] * guess.free_text + ["other_person = true"] * other
        leads = link and (link.why if link.target in link.why else f"{link.why}: {link.target}.{link.target_column}")
        notes = [leads or guess.why, *([logical] if logical else [])]
        yield _guessed(f"{_key(column)} = {{ {', '.join(said)} }}", "; ".join(notes))


def _guessed(line: str, why: str = "") -> str:
    return f"{line}  # guessed{': ' if why else ''}{_plain(why)}"


def _plain(text: str) -> str:
    """Return a text that stays within its comment, whatever a table is called."""
    return re.sub(r"[\x00-\x1f\x7f\x85\u2028\u2029\ud800-\udfff]", " ", text)


def _file(file: Path | None, table: str, tables: int) -> dict[str, str]:
    if file is None:
        return {}
    return {"path": file.as_posix()} | ({"sheet": table} if tables > 1 else {})


def _words(name: str) -> str:
    return columns.words(name).capitalize() or name


def _section(*parts: str) -> str:
    return f"[{'.'.join(_key(p) for p in parts)}]"


def _pair(key: str, value: str | list[str]) -> str:
    return f"{_key(key)} = {tomlkit.item(value).as_string()}"


def _key(name: str) -> str:
    return tomlkit.key(name).as_string()
