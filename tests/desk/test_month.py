"""A month in the life of the desk: 25 requests of all kinds on the invented company, simulated days, every letter looked at."""

import re
from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP, default
from email.utils import format_datetime

import pytest

from dsar import datamap as maps
from dsar.desk import figures, identity, overview
from dsar.desk.docx import text_of
from dsar.errors import DeliveryDiffers, IdentityNotVerified, NotAsked
from dsar.find.collect import collect
from dsar.request.letters import BEFORE_IDENTITY
from dsar.request.listed import read_requests
from dsar.run.summaries import summaries
from dsar.workspace import Workspace
from fixtures import generate
from tests.decoded import decoded
from tests.desk.conftest import Time
from tests.request.test_letters import REQUIRED

START = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
ANSWERED = 14  # the day from which on it is
BY, READER = "M. Aker", "R. Eader"


# id → rights, what else was registered, and what happens: on which day identity is proved (None: never), and by what.
CAST = {
    "M-01": ("access", {}, 3),
    "M-02": ("erasure", {}, 4),
    "M-03": ("portability", {}, 3),
    "M-04": ("rectification", {}, 5),
    "M-05": ("restriction", {}, 5),
    "M-06": ("objection", {}, 2),
    "M-07": ("withdrawal", {}, 2),
    "M-08": ("complaint", {}, 6),
    "M-09": ("access; erasure", {}, 4),
    "M-10": ("access; portability; erasure", {"language": "de"}, 4),
    "M-11": ("access", {"stranger": True}, 3),
    "M-12": ("erasure", {"stranger": True}, 3),
    "M-13": ("access", {"stranger": True}, None),
    "M-14": ("access", {}, None),
    "M-15": ("access", {}, 9),  # after the first reminder
    "M-16": ("access", {"extend": 20}, 3),
    "M-17": ("access", {"clarify": (5, 12)}, 3),
    "M-18": ("access", {"fee": (6, 10)}, 3),
    "M-19": ("erasure", {"refuse": ["manifestly excessive"]}, 3),
    "M-20": ("access", {"requester": "agent", "reply_to": "law@firm.example", "authority": 6}, 5),
    "M-21": ("access", {"requester": "parent", "reply_to": "mum@home.example", "authority": 7, "language": "de"}, 5),
    "M-22": ("access", {"outcome": "redirected"}, 3),
    "M-23": ("access", {"same as": "M-01", "received": 20}, 23),
    "M-24": ("access", {"mailbox": "info@crowd.example"}, None),
    "M-25": ("objection; rectification", {"channel": "phone", "language": "de"}, 8),
}
LAPSED = {"M-13", "M-14", "M-24"}  # the last: a mailbox that several people read proves nobody


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    folder = tmp_path_factory.mktemp("month")
    generate.build(folder, subjects=100, days=20, log_lines=500)
    datamap, time = maps.read(folder / "dsar.toml"), Time(START)
    asking = read_requests(folder / "requests.csv", datamap, date(2027, 1, 1))
    (folder / "requests.csv").unlink()
    desk = Desk(Workspace(folder, datamap, time), time, asking)
    for day in range(61):
        time.now = START + timedelta(days=day)
        desk.live(day)
    return desk


class Desk:
    """The analyst: registers, asks, waits, answers, as the register says."""

    def __init__(self, ws, time, asking):
        self.ws, self.time = ws, time
        self.letters = []  # (request, letter, day, text, to, verified addresses, may_send)
        self.address = self.addresses(asking)
        self.refused, self.prepared = [], set()

    def addresses(self, asking):
        """Give everybody of the cast a mailbox: of somebody whose records are complete, or of nobody."""
        assert self.ws.register.cases() == {}  # it is there by now, for it is a source
        dossiers = collect(list(asking.values()), self.ws.datamap, self.ws.sources(), self.time)
        whole = [
            r.identifiers[0].value
            for r in asking.values()
            if [i.kind for i in r.identifiers] == ["email"] and dossiers[r.id].complete and list(dossiers[r.id])
        ]
        given = {i: f"stranger{n}@nowhere.example" if more.get("stranger") else whole.pop(0) for n, (i, (_, more, _)) in enumerate(CAST.items())}
        given |= {i: more["mailbox"] for i, (_, more, _) in CAST.items() if "mailbox" in more}
        return given | {i: given[more["same as"]] for i, (_, more, _) in CAST.items() if "same as" in more}

    def live(self, day):
        came = [request_id for request_id, (_, more, _) in CAST.items() if day == more.get("received", 0)]
        for request_id in came:
            self.register(request_id, *CAST[request_id][:2])
        self.ws.collect_all(map(self.ws.request, came))  # all in one pass over the sources, as `dsar collect` would
        for request_id in came:
            self.ws.first_steps(self.ws.request(request_id), by=BY)
        if day == ANSWERED:
            cases = map(self.case, CAST.keys() - {i for i, (_, more, _) in CAST.items() if {"received", "extend"} & more.keys()})
            self.prepare([case.request for case in cases if case.may_send and not case.closed])
        for request_id, (_, more, proved) in CAST.items():
            received = more.get("received", 0)
            if day < received + 1 or self.ws.register.case(request_id).closed:
                continue
            self.work(request_id, more, day - received, None if proved is None else proved - received)

    def register(self, request_id, rights, more):
        extra = {k: more[k] for k in ("requester", "reply_to", "language", "channel") if k in more}
        day = self.time.now.date().isoformat()
        self.ws.add(
            by=BY, **{"channel": "e-mail", **extra}, id=request_id, received=day, rights=rights, identifiers=f"email={self.address[request_id]}"
        )

    def case(self, request_id):
        return self.ws.register.case(request_id)

    def record(self, request_id, kind, **details):
        return self.ws.register.record(self.case(request_id), kind, by=BY, **details)

    def work(self, request_id, more, day, proved):
        request = self.ws.request(request_id)
        if day == 1:
            self.write(request_id)
            self.record(request_id, "acknowledged")
            identity.ask(self.ws.register, self.case(request_id), by=BY, doubt="a sender line proves nothing")
            if "authority" in more:
                self.record(request_id, "authority asked", authority="solicitor" if more["requester"] == "agent" else "parental responsibility")
            self.write(request_id)
        if day in {2, 8} and not self.case(request_id).may_send:
            self.nothing_leaves(request)
        for letter in list(self.case(request_id).reminders(self.ws.today)):
            self.write(request_id)
            if letter == "lapse":
                for right in request.rights:
                    self.record(request_id, "decided", right=right, outcome="lapsed")
                self.record(request_id, "closed", outcome="lapsed")
                return
            self.record(request_id, "identity reminded", after=int(letter.split()[1]))
        if day == proved:
            self.prove(request_id, more)
        if day == more.get("authority"):
            self.record(request_id, "authority confirmed", authority="solicitor", scope="access to all records")
        for name, start, end, details in (
            ("clarify", "clarification asked", "clarified", {"about": "which of our shops you mean"}),
            ("fee", "fee asked", "fee paid", {"amount": "10 GBP", "why": "further copy"}),
        ):
            asked, answered = more.get(name, (None, None))
            if day == asked:
                self.record(request_id, start, **details)
                self.write(request_id)
            if day == answered:
                self.record(request_id, end, **({"amount": "10 GBP"} if name == "fee" else {}))
        if day == more.get("extend"):
            self.record(request_id, "extended", right="access", reason="complexity", because="the call recordings have to be read one by one")
            self.write(request_id, "extension", right="access")
        case = self.case(request_id)
        ready = case.may_send and not case.waits_for and case.open_rights
        if ready and day >= max(ANSWERED, more.get("extend", 0) + 30 if "extend" in more else 0):
            self.answer(request_id, more)

    def prove(self, request_id, more):
        case = self.case(request_id)
        method = case.last("identity asked").details["method"]
        if method != "challenge code":
            identity.confirm(self.ws.register, case, by=BY, method=method)
            return
        reply = self.ws.case(case.request) / "reply.eml"
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Subject"] = identity.mailboxes(case)[0].value, "privacy@company.example", "Re"
        mail["Date"] = self.time.now.strftime("%a, %d %b %Y %H:%M:%S +0000")
        letter = next(text for r, name, _, text, *_ in self.letters if (r, name) == (request_id, "identity_request"))
        mail.set_content(re.search(r"[A-Z2-9]{4}-[A-Z2-9]{4}", letter)[0])  # the code as it stood in the letter that was sent
        reply.write_bytes(mail.as_bytes())
        identity.answered(self.ws.register, case, reply, by=BY)

    def nothing_leaves(self, request):
        """Whatever is tried before identity is refused, and leaves no file."""
        tries = (self.ws.access_report, self.ws.export, self.ws.checklist, lambda r: self.ws.draft(r, "access_answer"))
        for one in tries:
            with pytest.raises((IdentityNotVerified, NotAsked)) as caught:
                one(request)
            self.refused.append(type(caught.value))
        assert not list((self.ws.case(request) / "outbox").glob("*"))

    def answer(self, request_id, more):
        request = self.ws.request(request_id)
        if "refuse" in more:
            self.record(
                request_id, "decided", right="erasure", outcome="refused", grounds=more["refuse"], because="You asked the same four times this year."
            )
        elif more.get("outcome") == "redirected":
            self.record(request_id, "decided", right="access", outcome="redirected")
        else:
            if request_id not in self.prepared:
                self.prepare([request])
            for right in request.rights:
                self.produce(request, right)
                outcome = "no data" if not list(self.ws.collect(request)) else "granted"
                self.record(request_id, "decided", right=right, outcome=outcome)
        self.write(request_id)
        case = self.case(request_id)
        files = sorted((self.ws.case(request) / "outbox").glob("*"))
        if files:
            self.deliver(case, files)
        else:
            self.record(request_id, "letter sent", letter="answer")
        assert self.case(request_id).state == "done"
        self.record(request_id, "closed", outcome=self.case(request_id).outcomes[request.rights[0]])

    def prepare(self, requests):
        """Take snapshots, have what is held ruled on, and take them anew."""
        self.ws.collect_all(requests, again=True)
        self.prepared |= {request.id for request in requests}
        review = self.ws.review
        for group, waiting in review.waiting.items():
            if waiting[0].request in {request.id for request in requests}:
                review.rule(group, "mask" if waiting[0].column else "withheld", by=READER)
        self.ws.collect_all(requests)

    def produce(self, request, right):
        if right in {"rectification", "restriction", "objection", "withdrawal"}:
            self.ws.worklists(request, right)
        elif right != "complaint":
            {"access": self.ws.access_report, "portability": self.ws.export, "erasure": self.ws.checklist}[right](request)

    def deliver(self, case, files):
        to = case.reply_to or next(i.value for i in case.request.identifiers if i.standing == "verified")
        for wrong in ({"to": "else@example.org"}, {"cc": "else@example.org"}, {"less": 1}, {"spoil": True}):
            with pytest.raises(DeliveryDiffers):
                self.ws.delivered(case.request, self.sent(case, files, **{"to": to, **wrong}), by=BY)
        assert self.ws.delivered(case.request, self.sent(case, files, to=to), by=BY).last("delivered")

    def sent(self, case, files, *, to, cc=None, spoil=False, less=0):
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"], mail["Date"] = "privacy@company.example", to, format_datetime(self.time.now)
        if cc:
            mail["Cc"] = cc
        mail.set_content("attached")
        for path in files[less:]:
            mail.add_attachment(path.read_bytes() + (b"x" if spoil else b""), maintype="application", subtype="octet-stream", filename=path.name)
        target = self.ws.case(case.request) / "sent.eml"
        target.write_bytes(mail.as_bytes())
        return target

    def write(self, request_id, *names, right=""):
        case = self.case(request_id)
        verified = {i.value for i in case.request.identifiers if i.standing == "verified"}
        if case.reply_to and case.may_send:
            verified.add(case.reply_to)
        for file in self.ws.draft(case.request, *names, right=right)["File"]:
            path = self.ws.case(case.request) / "letters" / file
            to = message_from_bytes(path.with_suffix(".eml").read_bytes(), policy=default)["To"]
            name = file.removeprefix(f"{request_id}_").removesuffix(".docx")
            self.letters.append((request_id, name, self.time.now.date(), text_of(path.read_bytes()), to, verified, case.may_send))


def test_every_case_comes_to_its_end(month):
    ends = {i: c.last("closed").details["outcome"] for i, c in month.ws.register.cases().items() if c.closed}
    expected = (
        dict.fromkeys(CAST, "granted")
        | {"M-11": "no data", "M-12": "no data", "M-19": "refused", "M-22": "redirected"}
        | dict.fromkeys(LAPSED, "lapsed")
    )
    assert ends == expected


def test_nothing_was_late(month):
    for request_id, case in month.ws.register.cases().items():
        done = case.last("delivered") or case.last("letter sent")
        if done:
            assert all(done.on <= d.due for d in case.deadlines.values()), request_id


def test_no_draft_is_addressed_to_anything_but_a_verified_identifier(month):
    assert len(month.letters) > 90
    for request_id, name, _, _, to, verified, may_send in month.letters:
        assert to is None or (may_send and to in verified), (request_id, name)
    assert {to for *_, to, _, _ in month.letters if to} >= {"law@firm.example", "mum@home.example"}
    assert "info@crowd.example" not in {to for *_, to, _, _ in month.letters}


def test_before_identity_only_neutral_letters_are_written(month):
    early = {name for _, name, _, _, _, _, may_send in month.letters if not may_send}
    assert early == {"acknowledgement", "complaint_acknowledged", "identity_request", "reminder", "lapse"}
    assert early <= set(BEFORE_IDENTITY)
    assert set(month.refused) == {IdentityNotVerified, NotAsked}


def test_letters_before_identity_read_the_same_whether_or_not_anything_is_held(month):
    known, stranger = "M-14", "M-13"
    texts = defaultdict(dict)
    for request_id, name, day, text, *_ in month.letters:
        if request_id in {known, stranger}:
            texts[name, day][request_id] = re.sub(r"[A-Z2-9]{4}-[A-Z2-9]{4}", "CODE", text.replace(request_id, "REF"))
    assert {name for name, _ in texts} == {"acknowledgement", "identity_request", "reminder", "lapse"}
    for pair in texts.values():
        assert pair[known] == pair[stranger]


def test_each_letter_holds_what_it_must(month):
    authority = "Information Commissioner's Office"
    for request_id, name, _, text, *_ in month.letters:
        assert request_id in text, name
        assert "JeraSoft LLP" in text
        assert "privacy@company.example" in text
        assert "None" not in text
        if "routes" in REQUIRED[name]:
            assert authority in text, name
            assert "164A" in text, name
            assert "court" in text or "Gericht" in text, name
    written = {name for _, name, *_ in month.letters}
    assert written >= {
        "acknowledgement", "identity_request", "reminder", "lapse", "clarification", "extension", "refusal", "fee", "access_answer",
        "portability_answer", "erasure_answer", "rectification_answer", "restriction_answer", "objection_answer", "withdrawal_answer", "redirect",
        "suppression", "backups", "complaint_acknowledged", "complaint_outcome",
    }  # fmt: skip
    assert "recipient_notice" not in written  # lists went out; that anything was erased nobody has seen


def test_the_letters_speak_the_language_of_the_case(month):
    german = {r for r, (_, more, _) in CAST.items() if more.get("language") == "de"}
    assert {r for r, _, _, text, *_ in month.letters if "Guten Tag" in text} == german


def test_reminders_came_on_day_7_and_14_and_the_closing_letter_after_30(month):
    days = {name: [] for name in ("reminder", "lapse")}
    for request_id, name, day, *_ in month.letters:
        if request_id == "M-13" and name in days:
            days[name].append((day - date(2026, 11, 3)).days)
    assert days == {"reminder": [7, 14], "lapse": [30]}


def test_the_same_person_again_is_noticed_and_the_difference_shown(month):
    assert month.case("M-23").duplicates == ("M-01",)
    shown = month.ws.since(month.ws.request("M-23"))
    assert shown.empty
    assert "Nothing differs from M-01, collected 2026-11-16" in shown.to_display()


def test_clocks_follow_what_happened(month):
    due = {i: month.case(i).deadlines["access"].due for i in ("M-16", "M-17", "M-18", "M-20")}
    assert due == {
        "M-16": date(2027, 2, 5),  # three months from the 5th
        "M-17": date(2026, 12, 14),  # proved on the 5th, eight days asked for: Sunday the 13th
        "M-18": date(2026, 12, 14),  # paid on the 12th: Saturday the 12th
        "M-20": date(2026, 12, 8),  # authority on the 8th
    }


def test_the_register_tells_what_became_of_everything_and_names_nobody(month, tmp_path):
    path = overview.write(month.ws.register.cases().values(), tmp_path / "register.xlsx", month.ws.datamap.controller)
    texts = [text for _, text in decoded(path)]
    for address in month.address.values():
        assert not [t for t in texts if address in t]
    lines = {r: overview.row(month.case(r)) for r in CAST}
    assert {r: (line["Identity: method"], line["Outcome"]) for r, line in lines.items() if r in {"M-01", "M-13", "M-19", "M-25"}} == {
        "M-01": ("challenge code", "access: granted"),
        "M-13": ("", "access: lapsed"),
        "M-19": ("challenge code", "erasure: refused"),
        "M-25": ("challenge code", "objection: granted; rectification: granted"),
    }
    one = lines["M-16"]
    assert (one["Extended"], one["Due"]) == ("access: complexity, the call recordings have to be read one by one (2026-11-22)", "access: 2027-02-05")
    assert re.fullmatch(r"JeraSoft-LLP_M-16_your-data\.xlsx: [0-9a-f]{64}", one["Files (SHA-256)"])
    assert one["Closed on"] == "2026-12-22"
    assert one["Delete case on"] == "2029-12-22"


def test_the_audit_of_the_month_says_what_happened(month):
    """By hand: 29 rights in 25 requests; M-16 was extended and M-23 came late, so both are answered in December; three lapse then."""
    known = summaries(month.ws)
    november = figures.Period(date(2026, 11, 1), date(2026, 11, 30))
    total = figures.shares(figures.answers(known, november, november.last))[-1]
    assert total[:6] == ("all", 29, 24, 0, 5, "100.0 % of 24")
    year = figures.Period(date(2026, 11, 1), date(2027, 1, 31))
    total = figures.shares(figures.answers(known, year, year.last))[-1]
    assert total[:6] == ("all", 29, 26, 0, 0, "100.0 % of 26")
    assert [(r, right, why) for r, right, _, _, why in figures.extensions(known, year)] == [("M-16", "access", "complexity")]
    assert [(r, right, outcome, grounds) for r, right, _, outcome, grounds, _ in figures.refusals(known, year)] == [
        ("M-19", "erasure", "refused", "manifestly excessive")
    ]
    assert [(r, outcome) for r, _, _, outcome, _ in figures.complaints(known, year)] == [("M-08", "granted")]
    outcomes = Counter(a.outcome for a in figures.answers(known, year, year.last))
    assert outcomes == {"granted": 22, "no data": 2, "refused": 1, "redirected": 1, "lapsed": 3}
    assert not [line for line in figures.follow_ups(known) if "to be decided" in line[1]]
