"""The sheet on how the data are used: why, on which basis, where from, for whom, for how long."""

from collections import defaultdict
from datetime import date, datetime

from dsar import values
from dsar.answer.contents import Answer
from dsar.answer.layout import Grid, Page, Paragraph
from dsar.answer.select import Chosen
from dsar.law import words
from dsar.law.retention import keep_until


def use_page(answer: Answer) -> Page:
    """Return the sheet: a line for all tables that are used alike."""
    datamap, say = answer.dossier.datamap, answer.say
    uses: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for chosen in (c for c in answer.chosen if c.groups):
        table = datamap.table(chosen.address)
        bases = "; ".join(dict.fromkeys(words.bases(g.bases, say) for g in chosen.groups)) + policy_versions(answer, chosen)
        origins = "; ".join(dict.fromkeys(say(words.ORIGINS[g.origin]) for g in chosen.groups))
        uses[datamap.activity(table).purpose, bases, origins, recipients(answer, chosen), kept(answer, chosen)].append(table.label)
    header = tuple(map(say, ("What", "Purpose", "Legal basis", "Where it comes from", "Who received it", "Kept until")))
    lines = tuple((", ".join(labels), *use) for use, labels in uses.items())
    return Page(say("How we use it"), (Grid(header, lines) if lines else Paragraph(say("We hold nothing of yours in the systems we searched.")),))


def policy_versions(answer: Answer, chosen: Chosen) -> str:
    """Return under which versions of the privacy policy the rows were given, where the map says when."""
    datamap = answer.dossier.datamap
    column = datamap.table(chosen.address).given_on
    days = [v for v in values.pylist(answer.dossier[str(chosen.address)][column]) if isinstance(v, date)] if column else []
    versions = dict.fromkeys(datamap.policy.at(d) or answer.say("one we have no copy of") for d in sorted(map(_day, days)))
    return answer.say("; under our privacy policy of {versions}", versions=", ".join(versions)) if versions else ""


def _day(moment: date) -> date:
    return moment.date() if isinstance(moment, datetime) else moment


def recipients(answer: Answer, chosen: Chosen) -> str:
    """Return who was given a table's data, with role, country and safeguard."""
    datamap = answer.dossier.datamap
    table = datamap.table(chosen.address)
    by_row = values.pylist(answer.dossier[str(chosen.address)][table.recipient_from]) if table.recipient_from else []
    names = dict.fromkeys([*datamap.activity(table).recipients, *(str(v) for v in by_row if v in datamap.recipients)])
    shown = [
        f"{r.name} ({r.role}, {r.country}{', ' + r.safeguard if r.safeguard else ''})"
        for r in (datamap.recipients[name] for name in names)
        if not r.confidential
    ]
    # Said whether or not there is one that may not be told of, so that it tells nothing.
    return "; ".join(shown) or answer.say("nobody is recorded by name; the kinds of recipients stand in our privacy policy")


def kept(answer: Answer, chosen: Chosen) -> str:
    """Return until when a table's rows are kept, and by which rule."""
    dossier, address = answer.dossier, chosen.address
    activity, say = dossier.datamap.activity(dossier.datamap.table(address)), answer.say
    rule = activity.retention
    if rule is None:
        return activity.until or say("until it is no longer needed for the purpose")
    ends = [keep_until(rule, dossier.retention_start(address, row)) for row in dossier.listed(address)]
    known = sorted(e for e in ends if e)
    period = words.period(rule, say)
    each = say("{period} each.", period=period)
    over = sum(e < answer.prepared for e in known)
    if known and known[-1] >= answer.prepared:
        each = say("{period} each, the last until {day}.", period=period, day=known[-1])
        each += f" {say('Past their day, and due to be erased: {count}.', count=over)}" if over else ""
    elif known:
        each = say("{period} each; that ended on {day}, and they are due to be erased.", period=period, day=known[-1])
    return f"{each} {rule.why} (Art. {rule.article})"
