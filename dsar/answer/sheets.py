"""The sheets of the requester's workbook, in the order they are read."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import reduce
from typing import Any

from dsar import values
from dsar.answer.contents import Answer
from dsar.answer.layout import Content, Facts, Grid, Heading, Page, Paragraph, Table
from dsar.answer.select import Chosen, groups
from dsar.answer.uses import use_page
from dsar.find.dossier import Dossier
from dsar.find.outcome import Outcome
from dsar.law import words
from dsar.texts import Texts

_YOU_WILL_HEAR = "You will hear from us without asking."
_WHAT_YOU_CAN_DO = "Write to us if you think it should be here, or complain: see the sheet Your rights."


def portability_sheets(answer: Answer) -> list[Content]:
    """Return the sheets of the portability workbook: what it is, the records, and what the law wants said."""
    return [
        _read_me(answer),
        _summary(answer),
        *(_records(answer, chosen) for chosen in answer.tables),
        use_page(answer),
        _not_included(answer),
        _where(answer),
        _rights(answer),
        _codes(answer),
    ]


def access_sheets(answer: Answer, read_me: Page, use: Page) -> list[Content]:
    """Return the sheets of the access workbook around its own first page and its own page on the use of the data."""
    records = (_records(answer, chosen) for chosen in answer.tables)
    return [read_me, _summary(answer), *records, use, _not_included(answer), _where(answer), _rights(answer), _codes(answer)]


def _read_me(answer: Answer) -> Page:
    say = answer.say
    opening = (
        Heading(say("A copy of your data that you can take with you")),
        Paragraph(
            " ".join(
                (
                    say(
                        "You asked for the data you gave us, and the data recorded while you used our service, in a form that other systems can read "
                        "(Article 20 of the General Data Protection Regulation)."
                    ),
                    _found(answer),
                    say("The systems stand on the sheet Where we looked."),
                )
            )
        ),
    )
    return read_me(answer, opening, _HOW_TO_READ)


def read_me(answer: Answer, opening: Iterable[Heading | Paragraph], how_to_read: Sequence[str]) -> Page:
    """Return the first sheet of a workbook: its opening, what is still to come, whose answer to what, and how to read it."""
    dossier, controller, say = answer.dossier, answer.dossier.datamap.controller, answer.say
    facts: dict[str, str | date] = {
        say("Reference"): dossier.request.id,
        say("From"): controller.name,
        say("Address"): controller.address,
        say("Request received on"): dossier.request.received,
        say("Data as of"): local(dossier, dossier.collected_at),
        say("Prepared on"): answer.prepared,
        say("Questions to"): controller.contact,
    }
    reading = (Paragraph(say(text)) for text in how_to_read)
    return Page(say("Read me first"), (*opening, *part_one_notice(answer), Facts(facts), Heading(say("How to read this")), *reading))


_HOW_TO_READ = (
    "The sheet Summary lists everything in this file. Each sheet after it holds one kind of record, numbered in the first column.",
    '"not recorded" means that we hold nothing there, or What is not included names it. Times carry their time zone in the heading of the column.',
    "What we hold but could not put in here, and why, is on the sheet What is not included.",
    "For another program, use the files in the folder data of the package that came with this workbook: they hold the exact values.",
)


def _found(answer: Answer) -> str:
    rows = sum(len(c.frame) for c in answer.tables)
    if rows:
        return answer.say("This answer holds one record." if rows == 1 else "This answer holds {count} records.", count=rows)
    if answer.chosen or answer.part_one:
        return answer.say("This answer holds no record: see the sheet What is not included.")
    return answer.say("In the systems we searched we found nothing about you.")


def part_one_notice(answer: Answer) -> Iterator[Heading | Paragraph]:
    """Say that the rest follows, and when, where only part 1 is sent."""
    if answer.part_one:
        yield Heading(answer.say("This is part 1"))
        yield Paragraph(
            answer.say(
                "Some of the records are still being checked. You will have the rest by {day}. You may complain about this: see Your rights.",
                day=answer.part_one.rest_by,
            )
        )


def _summary(answer: Answer) -> Page:
    datamap, say = answer.dossier.datamap, answer.say
    lines = []
    for chosen in answer.chosen:
        table = datamap.table(chosen.address)
        shown = chosen in answer.tables
        lines.append(
            (
                datamap.sources[chosen.address.source].label,
                table.label,
                answer.dossier.tables[chosen.address].outcome.rows or None,
                _span(chosen),
                _totals(answer, chosen),
                say("{count} on the sheet {sheet}", count=len(chosen.frame), sheet=answer.title(chosen.address)) if shown else say("no"),
                _portable(answer, chosen, shown=shown),
                say("yes, see What is not included" if chosen.left_out else "nothing"),
            )
        )
    header = tuple(map(say, ("System", "What", "Rows", "From – to", "Total", "In this file", "Also in portability file", "Left out")))
    nothing = Paragraph(say("Nothing was found in the systems listed under Where we looked."))
    return Page(say("Summary"), (Heading(say("What we found")), Grid(header, tuple(lines)) if lines else nothing))


def _portable(answer: Answer, chosen: Chosen, *, shown: bool) -> str:
    """Say where the machine-readable copy is; in an answer to access, what of it was or could be asked for (Art. 20)."""
    say = answer.say
    if answer.right == "portability":
        return f"data/{answer.data_name(chosen.address)}.csv" if shown else say("no")
    answers = {g.outcome.answer for g in groups(answer.dossier, "portability") if g.address == chosen.address}
    if "blocked" in answers:
        return say("not decided yet")
    if "portability" in answer.dossier.request.rights:
        return say("yes" if answers == {"yes"} else "in part" if "yes" in answers else "no")
    return say("yes, if you ask for it" if answers == {"yes"} else "in part, if you ask for it" if "yes" in answers else "no")


def _span(chosen: Chosen) -> str:
    """Return the earliest and latest day in a table's dates, as text; '' where it has none."""
    days = [
        day
        for column in chosen.frame
        for value in values.pylist(chosen.frame[column])
        if isinstance(value, date)
        for day in [value.strftime("%Y-%m-%d")]
    ]
    return "" if not days else min(days) if min(days) == max(days) else f"{min(days)} – {max(days)}"


def _totals(answer: Answer, chosen: Chosen) -> str:
    table = answer.dossier.datamap.table(chosen.address)
    sums = []
    for name, column in table.columns.items():
        if column.total and name in chosen.frame:
            units = values.pylist(chosen.frame[column.total]) if column.total in chosen.frame else [""] * len(chosen.frame)
            sums += [f"{table.label_of(name)}: {amount} {unit or ''}".rstrip() for unit, amount in _sums(values.pylist(chosen.frame[name]), units)]
    return "; ".join(sums)


def _sums(numbers: Sequence[Any], units: Sequence[Any]) -> Iterator[tuple[Any, str | None]]:
    """Yield the sum per unit: amounts in two currencies do not add up."""
    for unit in dict.fromkeys(units):
        known = [n for n, u in zip(numbers, units, strict=True) if u == unit and n is not None]
        if known:
            yield unit, values.as_text(reduce(operator.add, known))


def _records(answer: Answer, chosen: Chosen) -> Table:
    datamap = answer.dossier.datamap
    table = datamap.table(chosen.address)
    columns = [str(c) for c in chosen.frame.columns]
    return Table(
        title=answer.title(chosen.address),
        frame=chosen.frame,
        labels={c: table.label_of(c) for c in columns},
        codes={c: table.columns[c].values for c in columns if c in table.columns and table.columns[c].values},
        stored_zone=datamap.sources[chosen.address.source].timezone or "",
        intro=(answer.say("{what}, from {system}", what=table.label, system=datamap.sources[chosen.address.source].label),),
    )


def _not_included(answer: Answer) -> Page:
    datamap, say = answer.dossier.datamap, answer.say
    lines: list[tuple[str, int | str, str, str, str]] = [
        (
            left.what,
            say("not counted") if left.rows is None else left.rows,
            say(left.why),
            _article(left.rule),
            say(_YOU_WILL_HEAR if left.pending else _WHAT_YOU_CAN_DO),
        )
        for chosen in answer.chosen
        for left in chosen.left_out
    ]
    lines += [
        (datamap.table(a).label, say("not known"), say("We could not search this yet."), "Art. 12(3)", say(_YOU_WILL_HEAR))
        for a, found in answer.dossier.tables.items()
        if not found.outcome.complete and not datamap.is_processor(a)
    ]
    lines += [
        (datamap.sources[source].label, say("not known"), say("We could not search all of this system yet."), "Art. 12(3)", say(_YOU_WILL_HEAR))
        for source in dict(answer.dossier.undescribed)
    ]
    header = tuple(map(say, ("What", "How many", "Why", "Rule", "What you can do")))
    block = Grid(header, tuple(lines)) if lines else Paragraph(say("Nothing that we found was left out."))
    return Page(say("What is not included"), (block,))


def _article(rule: str) -> str:
    return rule if rule.startswith("Art.") else f"Art. {rule}"


def _where(answer: Answer) -> Page:
    dossier, say = answer.dossier, answer.say
    lines = []
    for address, found in dossier.tables.items():
        if dossier.datamap.is_processor(address):
            continue  # whose data it is answers for it: the request is redirected
        outcome = found.outcome
        kinds = ", ".join(words.kind(k, say) for k in outcome.searched_by) or say("no record of yours leads here")
        moment = local(dossier, outcome.collected_at) if outcome.collected_at else ""
        lines.append((dossier.datamap.sources[address.source].label, dossier.datamap.table(address).label, kinds, moment, _result(outcome, say)))
    lines += [(dossier.datamap.sources[s].label, say("other records"), "", "", say("not searched")) for s in dict(dossier.undescribed)]
    grid = Grid(tuple(map(say, ("System", "What", "Searched by", "On", "Result"))), tuple(lines))
    text = say("We searched these systems for the identifiers you gave us, and what they lead to.")
    return Page(say("Where we looked"), (Paragraph(text), grid))


def _result(outcome: Outcome, say: Texts) -> str:
    """Return what came of searching a table; never that something was found where none of it is the person's to receive."""
    if outcome.state == "found" and not outcome.rows:
        return say("being checked" if outcome.held else "see What is not included" if outcome.withheld else "nothing about you")
    result = say("found {count}", count=outcome.rows) if outcome.state == "found" else say(outcome.state)
    return say("{result}, more being checked", result=result) if outcome.held else result


def _rights(answer: Answer) -> Page:
    controller, say = answer.dossier.datamap.controller, answer.say
    complaint = say(
        "You can complain to us (section 164A of the Data Protection Act 2018): write to {contact}. We confirm within 30 days."
        if controller.regime == "uk"
        else "If you are not content with this answer, write to us first if you like: {contact}.",
        contact=controller.contact,
    )
    sentences = (
        say("You can ask us to correct your data, to erase it or to restrict what we do with it, and object to what we do with it."),
        say("Where you agreed to something you can take that back at any time. Taking your data with you changes none of this."),
        say("Automated decisions: {text}", text=controller.automated_decisions.text),
        complaint,
        say("You can complain to the supervisory authority: {authority}.", authority=controller.supervisory_authority),
        say("You can also go to a court."),
    )
    return Page(say("Your rights"), tuple(Paragraph(t) for t in sentences))


_TERMS = (
    ("portable", "what you gave us, or what was recorded while you used our service, on the basis of consent or a contract (Article 20)"),
    ("legal basis", "the reason in the law that lets us hold your data (Article 6)"),
    ("recipient", "somebody outside our company who was given your data"),
    ("not recorded", "we hold nothing in this place, or What is not included names it"),
    ("␉ ␍ ␀ …", "a tab or another control character that stands in the original"),
)


def _codes(answer: Answer) -> Page:
    datamap, say = answer.dossier.datamap, answer.say
    codes = tuple(
        (datamap.table(c.address).label, datamap.table(c.address).label_of(str(name)), code, meaning)
        for c in answer.tables
        for name in c.frame.columns
        if str(name) in datamap.table(c.address).columns
        for code, meaning in datamap.table(c.address).columns[str(name)].values.items()
    )
    terms = tuple((say(word), say(meaning)) for word, meaning in _TERMS)
    blocks: list[Heading | Grid] = [Heading(say("Words")), Grid((say("Word"), say("Meaning")), terms)]
    if codes:
        blocks += [Heading(say("Codes")), Grid(tuple(map(say, ("Sheet", "Column", "Code", "Meaning"))), codes)]
    return Page(say("Words and codes"), tuple(blocks))


def local(dossier: Dossier, moment: datetime) -> str:
    """Return a moment in the controller's time, with its zone."""
    zone = dossier.datamap.controller
    return f"{moment.astimezone(zone.zone):%Y-%m-%d %H:%M} ({zone.timezone})"


_README = """{controller}: a copy of your data, reference {request}

To read it, open index.html in your browser, or {workbook} with a spreadsheet program. Both hold the same.

The folder data holds the same records for other programs, as CSV and JSON with the exact values;
datapackage.json describes them (Frictionless Data Package). Opening the CSV files in a spreadsheet
program may change numbers and dates: use the workbook or the page for reading.

What is not included, and why, stands under What is not included.
checksums.sha256 lets you check that the files are as we made them.

Questions: {contact}
"""


def readme(answer: Answer, workbook: str) -> str:
    """Return the text of the package's README: what to open first, what each file is."""
    controller = answer.dossier.datamap.controller
    return answer.say(_README, controller=controller.name, request=answer.dossier.request.id, workbook=workbook, contact=controller.contact)
