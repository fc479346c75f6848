"""Who asks: the least that settles the doubt, proof that proves what it proves, and no copy of anything."""

from datetime import UTC, date, datetime

import pytest

from dsar import kinds
from dsar.desk import identity
from dsar.errors import BadEvent, ChangedMeanwhile, IdentityNotVerified
from dsar.request.entry import entry
from dsar.request.identity import AUTHORITIES, challenge_code, child_note, holds_code, proportionate
from dsar.request.listed import HEADER
from tests.desk.conftest import MAP
from tests.desk.letters import mail

START = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)


def new(register, identifiers="email=ann@example.org", **cells):
    usual = dict.fromkeys(HEADER, "") | {"id": "A", "received": "2026-11-02", "rights": "access", "identifiers": identifiers, "channel": "e-mail"}
    return register.add([entry(usual | cells, MAP, register.today)], by="M")[cells.get("id", "A")]


def test_a_code_that_comes_back_verifies_the_mailbox_it_went_to_and_no_other(register, tmp_path, time):
    case = new(register, "email=ann@example.org; email=ann@work.example; phone=020 7946 0001")
    case, note = identity.ask(register, case, by="M", doubt="a sender line proves nothing")
    assert note == "Asked by: challenge code. Why this is enough: a sender line proves nothing; that the mailbox answers is enough."
    codes = identity.codes(register, case)
    assert len(set(codes.values())) == 2
    time.day(20)
    mail(tmp_path, 1, "Ann@Example.org", f"here it is: {codes['ann@example.org'].lower().replace('-', ' ')}", day="16")
    case = identity.answered(register, case, tmp_path / "01.eml", by="M")
    assert [i.standing for i in case.request.identifiers] == ["verified", "claimed", "claimed"]
    assert case.request.verified_on == date(2026, 11, 16)
    assert case.deadlines["access"].start == date(2026, 11, 16)


def test_a_code_from_another_mailbox_proves_nothing_and_one_that_proved_is_not_counted_twice(register, tmp_path):
    case = new(register, "email=ann@example.org; email=evil@evil.org")
    code = identity.codes(register, case)["ann@example.org"]
    strangers = ("evil@evil.org", "ann@example.org <evil@evil.org>", "ann@example.org, evil@evil.org", "Ann <ann@example.org>, <evil@evil.org>")
    for n, sender in enumerate(strangers, 1):
        mail(tmp_path, n, sender, code, day="02")
        with pytest.raises(IdentityNotVerified, match="from another mailbox than the one it is for"):
            identity.answered(register, case, tmp_path / f"0{n}.eml", by="M")
    mail(tmp_path, 5, "ann@example.org", code, day="02")
    case = identity.answered(register, case, tmp_path / "05.eml", by="M")
    with pytest.raises(IdentityNotVerified, match="proved already"):
        identity.answered(register, case, tmp_path / "05.eml", by="M")
    assert len([e for e in register.case("A").events if e.kind == "identity confirmed"]) == 1


@pytest.mark.parametrize(("dated", "recorded"), [("03", 10), ("12", 12), ("30", 20)])
def test_whatever_date_the_mail_bears_it_answered_between_the_question_and_today(register, tmp_path, time, dated, recorded):
    case = new(register)
    time.day(8)
    case, _ = identity.ask(register, case, by="M", doubt="a sender line proves nothing")
    time.day(18)
    mail(tmp_path, 1, "ann@example.org", identity.codes(register, case)["ann@example.org"], day=dated)
    case = identity.answered(register, case, tmp_path / "01.eml", by="M")
    assert case.request.verified_on == date(2026, 11, recorded)


@pytest.mark.parametrize("text", ["yes it is me", "AAAA-AAAA", ""])
def test_a_mail_without_the_code_proves_nothing_whoever_its_sender_line_names(register, tmp_path, text):
    case = new(register)
    mail(tmp_path, 1, "ann@example.org", text, day="02")
    with pytest.raises(IdentityNotVerified, match="A: the mail holds no code that was sent to a mailbox of this request"):
        identity.answered(register, case, tmp_path / "01.eml", by="M")
    assert not register.case("A").request.identity_settled


def test_the_code_of_another_request_opens_nothing(register, tmp_path):
    case, other = new(register), new(register, id="B")
    mail(tmp_path, 1, "ann@example.org", identity.codes(register, other)["ann@example.org"], day="02")
    with pytest.raises(IdentityNotVerified):
        identity.answered(register, case, tmp_path / "01.eml", by="M")


def test_a_shared_mailbox_proves_nobody(register):
    case = new(register, "email=info@example.org")
    assert identity.codes(register, case) == {}
    with pytest.raises(IdentityNotVerified, match="a mailbox that several people read proves nobody"):
        identity.confirm(register, case, by="M", method="two facts")
    both = new(register, "email=info@example.org; phone=020 7946 0001", id="B")
    assert [i.standing for i in identity.confirm(register, both, by="M", method="call back").request.identifiers] == ["claimed", "verified"]
    assert [kinds.is_of_many(a) for a in ("info@x.org", "info+gdpr@x.org", "informatics@x.org", "kontakt@x.de", "ann@x.org")] == [
        True,
        True,
        False,
        True,
        False,
    ]


def test_of_a_document_only_its_kind_is_kept(register):
    case = new(register)
    case = identity.confirm(register, case, by="M", method="document seen", document="passport")
    assert case.events[-1].details == {"method": "document seen", "kinds": ["email"], "document": "passport"}
    with pytest.raises(BadEvent, match="document is not as it should be"):
        identity.confirm(register, case, by="M", method="document seen", document="passport no. 533380006")
    with pytest.raises(IdentityNotVerified, match="a code is confirmed by the mail that holds it"):
        identity.confirm(register, case, by="M", method="challenge code")


def test_an_address_that_comes_later_is_a_new_check(register):
    case = identity.confirm(register, new(register), by="M", method="two facts")
    case = identity.claim(register, case, "email=new@example.org; email=ann@example.org", MAP, by="M")
    assert [(i.value, i.standing) for i in case.request.identifiers] == [("ann@example.org", "verified"), ("new@example.org", "claimed")]


@pytest.mark.parametrize(
    ("case", "method"),
    [
        (("internal", "person", ["access"], ["ann@x.org"]), "signed in"),
        (("e-mail", "person", ["access"], ["ann@x.org"]), "challenge code"),
        (("e-mail", "person", ["access"], ["info@x.org"]), "two facts"),
        (("letter", "person", ["portability"], []), "two facts"),
        (("phone", "person", ["objection"], []), "call back"),
        (("letter", "agent", ["access"], ["law@firm.example"]), "two facts"),
    ],
)
def test_no_more_is_asked_than_the_doubt_needs(case, method):
    assert proportionate(*case)[0] == method


def test_where_law_and_policy_differ_it_follows_the_law_and_says_so(register):
    _, note = identity.ask(register, new(register, channel="phone"), by="M", doubt="a caller we do not know")
    assert "The policy asks for proof of identity because this request was not made in writing." in note
    assert "the toolkit follows the law" in note


def test_reminders_come_on_day_7_and_14_and_the_closing_letter_after_a_month(register, time):
    case = new(register)
    case, _ = identity.ask(register, case, by="M", doubt="a sender line proves nothing")
    told = {}
    for day in range(32):
        time.day(day)
        for letter in case.reminders(register.today):
            told[day] = letter
            if letter.startswith("reminder"):
                case = register.record(case, "identity reminded", by="M", after=int(letter.split()[1]))
    assert told == {7: "reminder 7", 14: "reminder 14", 30: "lapse", 31: "lapse"}


def test_an_agent_needs_authority_besides_identity(register):
    case = new(register, requester="agent", reply_to="law@firm.example")
    case = identity.confirm(register, case, by="M", method="two facts")
    assert (case.may_send, case.state) == (False, "identity to settle")
    case = register.record(case, "authority asked", by="M", authority="solicitor")
    assert case.state == "waiting for the requester"
    case = register.record(case, "authority confirmed", by="M", authority="solicitor", scope="access to all records")
    assert (case.may_send, case.state) == (True, "in work")


def test_whose_right_a_childs_is():
    assert child_note(12, "GB-SCT").startswith("In Scotland a child of 12 or more is presumed able")
    assert "assess it" in child_note(12, "GB-ENG")
    assert "proof of parental responsibility" in child_note(8, "GB-ENG")
    assert "parental responsibility" in AUTHORITIES


def test_a_code_is_read_however_it_is_typed_and_differs_by_mailbox_and_request():
    code = challenge_code("secret", "A", "ann@x.org")
    assert holds_code(f"> {code.lower()} \n", code)
    assert not holds_code("nothing", code)
    assert (
        len({code, challenge_code("secret", "B", "ann@x.org"), challenge_code("secret", "A", "ben@x.org"), challenge_code("x", "A", "ann@x.org")})
        == 4
    )


def test_a_stale_look_at_a_case_confirms_nothing(register):
    stale = new(register)
    register.record(stale, "acknowledged", by="N")
    with pytest.raises(ChangedMeanwhile):
        identity.confirm(register, stale, by="M", method="two facts")
    assert not register.case("A").request.identity_settled


def test_an_identity_letter_is_listed_with_the_mailbox_it_asks_and_bears_no_address(register, tmp_path):
    from dsar.desk import drafts
    from dsar.desk.facts import facts
    from dsar.request.letters import render

    case = new(register, "email=ann@example.org; email=ann@work.example")
    case, _ = identity.ask(register, case, by="M", doubt="a sender line proves nothing")
    for mailbox, code in identity.codes(register, case).items():
        letter = render("identity_request", case, facts("identity_request", case, lambda: None, code, ""))
        draft = drafts.write(letter, case, tmp_path, register.today, mailbox)
        assert drafts.listed([draft])[0][1] == mailbox
        assert b"ann@" not in draft.mail.read_bytes()
