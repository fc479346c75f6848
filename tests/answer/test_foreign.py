"""Before anything is released: another requester's identifier, or a person behind a held or masked item, blocks the answer."""

import pytest

from dsar.answer.export import export
from dsar.errors import ForeignData
from dsar.find.collect import collect
from dsar.find.decisions import Decisions
from dsar.find.review import Rulings, items, ruling
from tests.worlds import NOW, TODAY, datamap, gather, request, sources

MAP = datamap("""
[sources.s.tables.accounts]
match = { account = "id", email = "email", phone = "phone" }
reveals = { account = "id" }
columns = { id = {}, email = {}, phone = {}, name = { category = "user.name" }, remark = {} }
[sources.s.tables.letters]
match = { account = "account" }
columns = { id = {}, account = {}, text = { free_text = true } }
""")
ANN = {"id": 1, "email": "ann@x.org", "phone": "02079460001", "name": "Ann Lee", "remark": None}
BOB = {"id": 2, "email": "bob@x.org", "phone": "02079460001", "name": "Bob Roe", "remark": None}


def answer(case, ann=ANN, letters=(), others=(), identifiers=("email=ann@x.org",), choice=None):
    data = {"s.accounts": [ann, BOB], "s.letters": list(letters)}
    dossier = gather(MAP, sources(MAP, data), request("A", *identifiers))["A"]
    if choice:
        rulings = Rulings(None, [ruling(item, choice, by="R. Eader", on=NOW, reason="") for item in items(dossier) if not item.column])
        dossier = collect([request("A", *identifiers)], MAP, sources(MAP, data), lambda: NOW, rulings={"A": rulings})["A"]
    decisions = Decisions(case / "decisions.json", NOW)
    decisions.add("part 1", "R. Eader", NOW, TODAY)
    return export(dossier, case, decisions, TODAY, lambda _: others)


def blocked(case, **world):
    with pytest.raises(ForeignData) as raised:
        answer(case, **world)
    said = str(raised.value)
    assert not any(value in said for value in ("bob@", "Bob", "Roe", "7946", "zed@"))
    assert not (case / "outbox").exists() or not list((case / "outbox").iterdir())
    return said


def test_a_clean_answer_is_released(tmp_path):
    assert [f.suffix for f in answer(tmp_path, others=[request("B", "email=bob@x.org")]).files] == [".xlsx", ".zip"]


def test_another_requesters_address_in_a_column_nobody_marked_blocks(tmp_path):
    said = blocked(tmp_path, ann={**ANN, "remark": "moved in with zed@x.org"}, others=[request("Z", "email=zed@x.org")])
    assert "an identifier (email) of request Z" in said


def test_the_person_behind_a_held_row_blocks(tmp_path):
    both = ("email=ann@x.org", "phone=02079460001")
    for choice in (None, "not theirs", "withheld"):
        said = blocked(tmp_path, ann={**ANN, "remark": "see Roe, Bob"}, identifiers=both, choice=choice)
        assert "the name in a row of s.accounts that is not given out" in said


def test_what_is_masked_in_one_cell_and_stands_in_another_blocks(tmp_path):
    letters = [{"id": 5, "account": 1, "text": "forwarded to bob@x.org"}]
    assert "what is masked in s.letters, text" in blocked(tmp_path, ann={**ANN, "remark": "BOB@X.ORG"}, letters=letters)


def test_what_is_the_requesters_own_blocks_nothing(tmp_path):
    shared = [request("B", "email=bob@x.org", "phone=02079460001")]
    assert answer(tmp_path, others=shared).files  # the number stands in Ann's own record too


def test_control_characters_in_a_record_are_no_unknown_file(tmp_path):
    assert answer(tmp_path, ann={**ANN, "remark": "it beeps:\x07\x1b[31m and\x0b stops\x7f"}).files
    again = tmp_path / "again"
    again.mkdir()
    leaking = {**ANN, "remark": "it beeps:\x07\x1b zed@x.org"}
    assert "request Z" in blocked(again, ann=leaking, others=[request("Z", "email=zed@x.org")])
