"""The export that leaves the house: refused while anything is open, and never with a stranger in it."""

from datetime import date
from decimal import Decimal
from zipfile import ZipFile

import openpyxl
import pytest

from dsar.answer.export import export, open_points, portability
from dsar.errors import AnswerIncomplete, IdentityNotVerified
from dsar.find.decisions import Decisions
from tests.decoded import decoded
from tests.worlds import NOW, TODAY, datamap, gather, request, sources

MAP = """
[sources.s.tables.accounts]
label = "Account"
match = { account = "id", email = "email" }
reveals = { account = "id", email = "second" }
columns = { id = {}, email = { label = "E-mail" }, second = {}, rep = { other_person = true }, notes = { label = "Notes", free_text = true } }
[sources.s.tables.orders]
label = "Order"
match = { account = "account" }
reveals = { address = "address" }
columns = { id = {}, account = {}, address = {}, total = { type = "decimal(9,2)", total = true }, gift_for = { other_person = true } }
[sources.s.tables.addresses]
label = "Address"
match = { address = "id" }
columns = ["id", "street"]
[sources.news.tables.readers]
label = "Subscription"
match = { email = "email" }
basis_column = "basis"
columns = ["id", "email", "basis", "nick"]
"""
SHOP = datamap(MAP)
CLEAN = {
    "s.accounts": [
        {"id": 1, "email": "ann@x.org", "second": None, "rep": "Zachary Clerk", "notes": None},
        {"id": 2, "email": "bob@x.org", "second": None, "rep": "Zachary Clerk", "notes": "Bobnote"},
    ],
    "s.orders": [
        {"id": 10, "account": 1, "address": 70, "total": Decimal("8.10"), "gift_for": "Grandma Giftee"},
        {"id": 11, "account": 1, "address": 70, "total": Decimal("0.20"), "gift_for": None},
        {"id": 12, "account": 2, "address": 71, "total": Decimal("99.99"), "gift_for": None},
    ],
    "s.addresses": [{"id": 70, "street": "Annstreet"}, {"id": 71, "street": "Bobstreet"}],
    "news.readers": [
        {"id": 3, "email": "ann@x.org", "basis": "6(1)(a)", "nick": "Annie"},
        {"id": 4, "email": "bob@x.org", "basis": "6(1)(a)", "nick": "Bobby"},
    ],
}  # fmt: skip
# Bob is sent something at Ann's first address; her account names a second mailbox, which is Bob's too.
SHARED = {
    **CLEAN,
    "s.accounts": [{**CLEAN["s.accounts"][0], "second": "bob@x.org", "notes": "Heldnote for cat@x.org"}, CLEAN["s.accounts"][1]],
    "s.orders": [*CLEAN["s.orders"][:2], {**CLEAN["s.orders"][2], "address": 70}],
}
STRANGE = ("Zachary", "Giftee", "Bobnote", "Bobstreet", "Bobby", "99.99")
STEM = "Quill-Co_A-1_portability"
CONTRACT, GIVEN = "needed for a contract with you, or for steps you asked for before one — Art. 6(1)(b)", "you gave it to us"
SHARE = "reached through a record that somebody else refers to as well"


def collected(data, map_=SHOP, change=None, **options):
    opened = sources(map_, data)
    if change:
        change(opened)
    return gather(map_, opened, request("A-1", "email=ann@x.org", **options))["A-1"]


def decisions(case, *codes):
    made = Decisions(case / "decisions.json", NOW)
    for code in codes:
        made.add(code, "R. Eader", NOW, date(2026, 12, 1) if code == "part 1" else None)
    return made


def refusal(case, dossier, *codes, kind=AnswerIncomplete):
    with pytest.raises(kind) as error:
        export(dossier, case, decisions(case, *codes), TODAY)
    assert not (case / "outbox").exists()
    return str(error.value)


def text(files):
    return "\n".join(inside for file in files for _, inside in decoded(file))


def grid(path, sheet):
    return [tuple(c.value for c in row if c.value is not None) for row in openpyxl.load_workbook(path)[sheet].iter_rows()]


def test_a_clean_dossier_leaves_with_the_persons_rows_and_nobody_elses(tmp_path):
    made = export(collected(CLEAN), tmp_path, decisions(tmp_path), TODAY)
    assert [f.name for f in made.files] == [f"{STEM}.xlsx", f"{STEM}.zip"]
    said = text(made.files)
    assert [s for s in STRANGE if s in said] == []
    assert "bob@" not in said
    workbook = openpyxl.load_workbook(made.files[0])
    assert workbook.sheetnames == [
        "Read me first", "Summary", "Account", "Order", "Address", "Subscription",
        "How we use it", "What is not included", "Where we looked", "Your rights", "Words and codes",
    ]  # fmt: skip
    summary = grid(made.files[0], "Summary")
    assert [line[:2] + line[2:3] for line in summary if line[:1] in {("System s",), ("System news",)}] == [
        ("System s", "Account", 1), ("System s", "Order", 2), ("System s", "Address", 1), ("System news", "Subscription", 1),
    ]  # fmt: skip
    assert [cell for line in summary for cell in line if "Total: " in str(cell)] == ["Total: 8.30"]
    with ZipFile(made.files[1]) as package:
        assert package.read("data/order.csv").decode() == ('"id","account","address","total"\r\n"10","1","70","8.10"\r\n"11","1","70","0.20"\r\n')
        assert {n for n in package.namelist() if n.startswith("data/") and n.endswith("csv")} == {
            "data/account.csv", "data/order.csv", "data/address.csv", "data/subscription.csv",
        }  # fmt: skip


def test_an_unsettled_identity_stops_everything_even_with_decisions(tmp_path):
    said = refusal(tmp_path, collected(CLEAN, verified=False), "part 1", kind=IdentityNotVerified)
    assert said.startswith("A-1: the requester's identity is not settled")


def test_open_points_stop_it_and_are_all_named(tmp_path):
    def lose(opened):
        del opened["news"].tables["readers"]

    dossier = collected(SHARED, change=lose)
    assert refusal(tmp_path, dossier) == (
        "A-1: s.accounts: 1 held; s.accounts: 1 cells speak of somebody else; s.addresses: 1 held"
        "; news.readers: failed: news.readers: the source has no such table — mend its name in dsar.toml"
        " — close these points, or record the decision 'part 1'"
    )
    assert [p.remedy for p in open_points(dossier)] == [
        "rule on them: `dsar review`, or the notebook review",
        "mask, keep or leave out what they say: `dsar review`, or the notebook review",
        "rule on them: `dsar review`, or the notebook review",
        "mend the source and collect again, or answer for it by hand",
    ]


def test_part_1_names_the_date_of_the_rest_and_holds_nothing_that_is_held(tmp_path):
    dossier = collected(SHARED)
    assert [str(p) for p in dossier.open_points] == [
        "s.accounts: 1 held",
        "s.accounts: 1 cells speak of somebody else",
        "s.addresses: 1 held",
        "news.readers: 1 held",
    ]
    made = export(dossier, tmp_path, decisions(tmp_path, "part 1"), TODAY)
    said = text(made.files)
    assert [s for s in (*STRANGE, "Annstreet", "Heldnote") if s in said] == []
    lines = [cell for line in grid(made.files[0], "Read me first") for cell in line]
    assert "This is part 1" in lines
    assert any("You will have the rest by 2026-12-01." in str(cell) for cell in lines)
    left = grid(made.files[0], "What is not included")
    checking = "We are still checking whether this is yours to receive."
    assert [line[:4] for line in left if line and line[0] in {"Account: Notes, parts", "Account", "Address", "Subscription"}] == [
        ("Account: Notes, parts", "not counted", checking, "Art. 15(4), 20(4)"),
        ("Account", 1, checking, "Art. 15(4), 20(4)"),
        ("Address", 1, checking, "Art. 15(4), 20(4)"),
        ("Subscription", 1, checking, "Art. 15(4), 20(4)"),
    ]
    assert SHARE not in said
    assert "somebody else refers" not in said


def test_a_complete_answer_is_not_called_part_1_though_the_decision_is_there(tmp_path):
    made = export(collected(CLEAN), tmp_path, decisions(tmp_path, "part 1"), TODAY)
    assert "part 1" not in text(made.files[:1]).lower()


def test_free_text_goes_out_where_it_speaks_of_nobody_else(tmp_path):
    data = {**CLEAN, "s.accounts": [{**CLEAN["s.accounts"][0], "notes": "Annsnote, ann@x.org"}]}
    case = tmp_path / "other"
    case.mkdir()
    assert "Annsnote, ann@x.org" in text(export(collected(data), case, decisions(case), TODAY).files)
    data["s.accounts"][0]["notes"] = "Annsnote, bob@x.org"
    assert refusal(tmp_path, collected(data)) == (
        "A-1: s.accounts: 1 cells speak of somebody else — close these points, or record the decision 'part 1'"
    )


@pytest.mark.parametrize("basis", [None, "undetermined", "consent", ""])
def test_a_basis_that_nobody_determined_stops_it(tmp_path, basis):
    data = {**CLEAN, "news.readers": [*CLEAN["news.readers"], {"id": 5, "email": "ann@x.org", "basis": basis, "nick": "Undetermined"}]}
    said = "A-1: news.readers: its legal basis is not determined — close these points, or record the decision 'part 1'"
    assert refusal(tmp_path, collected(data)) == said
    made = export(collected(data), tmp_path, decisions(tmp_path, "part 1"), TODAY)
    assert "Undetermined" not in text(made.files)
    assert "Annie" in text(made.files)


def test_rows_on_a_basis_that_is_not_portable_stay_and_are_counted(tmp_path):
    data = {**CLEAN, "news.readers": [*CLEAN["news.readers"], {"id": 5, "email": "ann@x.org", "basis": "6(1)(f)", "nick": "Stayshere"}]}
    made = export(collected(data), tmp_path, decisions(tmp_path), TODAY)
    assert "Stayshere" not in text(made.files)
    assert [line[:2] for line in grid(made.files[0], "What is not included") if line and line[0] == "Subscription"] == [("Subscription", 1)]
    assert [tuple(line) for line in portability(collected(data)).to_numpy()[-2:, [0, 2, 5]]] == [
        ("Subscription", 1, "yes"),
        ("Subscription", 1, "no"),
    ]


def test_nothing_found_is_an_answer_of_its_own(tmp_path):
    made = export(collected({}), tmp_path, decisions(tmp_path), TODAY)
    assert [f.name for f in made.files] == [f"{STEM}.xlsx", f"{STEM}.zip"]
    said = [str(cell) for line in grid(made.files[0], "Read me first") for cell in line]
    assert any(cell.endswith("we found nothing about you. The systems stand on the sheet Where we looked.") for cell in said)
    results = [line[-1] for line in grid(made.files[0], "Where we looked") if line and line[0] in {"System s", "System news"}]
    assert results == ["nothing"] * 4


def test_where_we_looked_names_systems_and_kinds_but_neither_tables_nor_identifiers(tmp_path):
    made = export(collected(CLEAN), tmp_path, decisions(tmp_path), TODAY)
    lines = grid(made.files[0], "Where we looked")
    on = "2026-11-23 10:00 (Europe/London)"
    assert lines[-4:] == [
        ("System s", "Account", "e-mail address", on, "found 1"),
        ("System s", "Order", "our reference number (account)", on, "found 2"),
        ("System s", "Address", "our reference number (address)", on, "found 1"),
        ("System news", "Subscription", "e-mail address", on, "found 1"),
    ]


def test_the_same_dossier_on_the_same_day_is_the_same_bytes_elsewhere_too(tmp_path):
    contents = []
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        made = export(collected(CLEAN), tmp_path / folder, decisions(tmp_path / folder), TODAY)
        contents.append([f.read_bytes() for f in made.files])
    assert contents[0] == contents[1]


def test_a_reissue_is_version_2_and_the_old_files_leave_the_outbox(tmp_path):
    export(collected(CLEAN), tmp_path, decisions(tmp_path), TODAY)
    export(collected(CLEAN), tmp_path, decisions(tmp_path), TODAY)
    data = {**CLEAN, "s.orders": CLEAN["s.orders"][:1]}
    made = export(collected(data), tmp_path, decisions(tmp_path), TODAY)
    assert [f.name for f in made.files] == [f"{STEM}_v2.xlsx", f"{STEM}_v2.zip"]
    assert sorted(f.name for f in (tmp_path / "outbox").iterdir()) == [f"{STEM}_v2.xlsx", f"{STEM}_v2.zip"]
    assert sorted(f.name for f in (tmp_path / "superseded").iterdir()) == [f"{STEM}.xlsx", f"{STEM}.zip"]
    with ZipFile(made.files[1]) as package:
        assert f"{STEM}_v2.xlsx" in package.namelist()


def test_portability_says_what_is_portable_on_which_basis():
    lines = portability(collected(CLEAN))
    assert lines.to_numpy()[:, :6].tolist() == [
        ["Account", "Id, E-mail, Second, Rep (left out: about somebody else), Notes", 1, CONTRACT, GIVEN, "yes"],
        ["Order", "Id, Account, Address, Total, Gift for (left out: about somebody else)", 2, CONTRACT, GIVEN, "yes"],
        ["Address", "Id, Street", 1, CONTRACT, GIVEN, "yes"],
        ["Subscription", "Id, Email, Basis, Nick", 1, "you agreed to it (consent) — Art. 6(1)(a)", GIVEN, "yes"],
    ]  # fmt: skip
