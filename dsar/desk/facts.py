"""What a letter says of a case: from the register alone before identity is settled, from the snapshot after."""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from dsar.answer.select import choose
from dsar.desk import erased
from dsar.desk.due import MEASURED, require_asked
from dsar.desk.found import Found, part_one
from dsar.erase import measures
from dsar.errors import AnswerIncomplete, BadEvent
from dsar.find.dossier import Dossier
from dsar.request.case import Case
from dsar.request.events import Event
from dsar.request.letters import BEFORE_IDENTITY, require_identity, words


def facts(name: str, case: Case, found: Callable[[], Found], code: str = "", right: str = "", seen: Collection[str] = ()) -> dict[str, Any]:
    """Return what the letter needs; `found` is asked only for letters that say what was found, never for one before identity.

    `code` goes into an identity letter, `right` names what is extended or refused, `seen` are the rights that were seen carried
    out. Raises `BadEvent` where the register lacks the event the letter is about, `AnswerIncomplete` for a notice of what nobody
    saw, `NotAsked` for an answer to what nobody asked, and `IdentityNotVerified` before anything is looked up.
    """
    require_asked(name, case)
    if name in BEFORE_IDENTITY:
        return _register_facts(name, case, code)
    if name != "refusal":  # which may say no more than that we cannot tell whose data are meant
        require_identity(name, case)
    made = _EVENTS.get(name)
    if made:
        return made(case, right)
    if name == "recipient_notice":
        return _notice(case, right, seen)
    if name == "redirect":
        return _redirect(case, found)
    if name in _SNAPSHOT:
        return _SNAPSHOT[name](case, found())
    if name in MEASURED:
        return _measured(found(), MEASURED[name])
    return {}


def _register_facts(name: str, case: Case, code: str) -> dict[str, Any]:
    own = words(case.language)
    if name == "acknowledgement":
        return {"rights": [own["rights"][r] for r in case.request.rights]}
    if name in {"identity_request", "reminder", "lapse"}:
        asked = _needed(case, "identity asked")
        how = str(own["methods"][asked.details["method"]]).format(code=code)
        return {"how": how, "asked": asked.on, "authority_needed": not case.authority_settled}
    return {}


def _needed(case: Case, kind: str, right: str | None = None) -> Event:
    event = case.last(kind, right)
    if event is None:
        raise BadEvent("the letter is about an event that is not in the register", where=case.request.id, remedy=f"record '{kind}' first")
    return event


def _clarification(case: Case, _: str) -> dict[str, Any]:
    return {"about": _needed(case, "clarification asked").details["about"], "stops": "access" in case.request.rights}


def _extension(case: Case, right: str) -> dict[str, Any]:
    event = _needed(case, "extended", right or None)
    deadline = case.deadlines[event.right]
    reason = words(case.language)["reasons"][event.details["reason"]]
    return {"reason": reason, "because": event.details["because"], "due": deadline.due or deadline.cautious}


def _refusal(case: Case, right: str) -> dict[str, Any]:
    refused = [e for e in case.events if e.kind == "decided" and e.details["outcome"] in {"refused", "partial"} and right in {"", e.right}]
    if not refused:
        raise BadEvent("nothing was refused", where=case.request.id, remedy="record 'decided' with the outcome refused or partial first")
    event, own = refused[-1], words(case.language)
    codes = list(event.details["grounds"])
    because = "" if codes == ["cannot identify"] else event.details["because"]
    return {
        "right": own["rights"][event.right],
        "outcome": event.details["outcome"],
        "codes": codes,
        "grounds": [own["grounds"][c] for c in codes],
        "because": because,
    }


def _fee(case: Case, _: str) -> dict[str, Any]:
    event, own = _needed(case, "fee asked"), words(case.language)
    return {"amount": event.details["amount"], "ground": own["grounds"].get(event.details["why"]) or own["further_copy"]}


def _told(case: Case, _: str) -> dict[str, Any]:
    told = [r for e in case.events if e.kind == "recipients told" for r in e.details["recipients"]]
    if not told:
        _needed(case, "recipients told")
    return {"recipients": list(dict.fromkeys(told))}


def _notice(case: Case, right: str, seen: Collection[str]) -> dict[str, Any]:
    """Return what was carried out. Of an erasure nobody's word is taken for it; rows that needed no change a person decides on."""
    chosen = [r for r in case.request.rights if r in {"rectification", "erasure", "restriction"} and right in {"", r}]
    decided = {r for r, outcome in case.outcomes.items() if r != "erasure" and outcome in {"granted", "partial"}}
    done = [r for r in chosen if r in seen or r in decided]
    if not done:
        what = f"nobody has seen yet that {' or '.join(chosen) or 'anything that recipients are told of'} was carried out"
        raise AnswerIncomplete(what, where=case.request.id, remedy="look first: `dsar verify` for an erasure, `ws.verify` for what else was listed")
    own = words(case.language)["rights"]
    return {"what": "; ".join(str(own[r]) for r in done)}


def held_for_clients(dossier: Dossier) -> bool:
    """Whether a client of ours has something of theirs in what we keep for it."""
    return any(table.outcome.clients for table in dossier.tables.values())


def _redirect(case: Case, found: Callable[[], Found]) -> dict[str, Any]:
    if "redirected" not in case.outcomes.values() and not held_for_clients(found().dossier):
        remedy = "record 'decided' with the outcome redirected first, if it is so"
        raise BadEvent("no client of ours has anything of theirs, and no right was redirected", where=case.request.id, remedy=remedy)
    return {}


_EVENTS: Mapping[str, Callable[[Case, str], dict[str, Any]]] = {
    "clarification": _clarification,
    "extension": _extension,
    "refusal": _refusal,
    "fee": _fee,
    "recipients_told": _told,
}


def _handed_over(found: Found, right: str) -> dict[str, Any]:
    dossier, datamap = found.dossier, found.dossier.datamap
    chosen = choose(dossier, right)
    left = [f"{line.what} – {line.why}" for c in chosen for line in c.left_out]
    systems = {datamap.sources[a.source].label: None for a, f in dossier.tables.items() if f.outcome.complete and not datamap.is_processor(a)}
    return {
        "rows": sum(len(c.frame) for c in chosen),
        "systems": list(systems),
        "left_out": list(dict.fromkeys(left)),
        "rest_by": part_one(found, right),
        "collected": dossier.collected_at.astimezone(dossier.datamap.controller.zone).date(),
    }


def _access(_: Case, found: Found) -> dict[str, Any]:
    return _handed_over(found, "access")


def _portability(_: Case, found: Found) -> dict[str, Any]:
    return _handed_over(found, "portability")


def _erasure(case: Case, found: Found) -> dict[str, Any]:
    return {"rest_by": part_one(found, "erasure"), **erased.told(found, case.language)}


def _backups(case: Case, found: Found) -> dict[str, Any]:
    return erased.backups(found, case.language)


_SNAPSHOT: Mapping[str, Callable[[Case, Found], dict[str, Any]]] = {
    "access_answer": _access,
    "portability_answer": _portability,
    "erasure_answer": _erasure,
    "backups": _backups,
}


def _measured(found: Found, right: str) -> dict[str, Any]:
    rest_by = part_one(found, right)
    groups: dict[str, dict[str, None]] = {"stop": {}, "restrict": {}, "restrict and weigh": {}, "nothing": {}}
    for row in measures.overview(found.dossier, right).itertuples(index=False):
        groups[str(row.Action)][str(row.What)] = None
    return {
        "stopped": list(groups["stop"]),
        "touched": list(groups["restrict"]),
        "weighed": list(groups["restrict and weigh"]),
        "untouched": list(groups["nothing"]),
        "rest_by": rest_by,
    }
