# ruff: noqa: DTZ001 - a time without a zone is among what is stored
"""The snapshot on disk: as it was saved or not at all, and nobody else's business."""

import json
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal

import pytest

from dsar import files, values
from dsar.datamap import Address
from dsar.errors import DossierMissing
from dsar.find.dossier import Found, load
from tests.worlds import datamap, gather, request, sources

MAP = datamap("""
[sources.shop.tables."a/b"]
label = "Slashes"
match = { email = "e-mail", customer = "id" }
reveals = { customer = "id" }
columns = ["id", "e-mail", "total", "born", "seen", "note", "nothing"]
[sources.shop.tables."ü x"]
match = { customer = "customer" }
columns = ["id", "customer"]
[sources.shop.tables."../up"]
match = { email = "mail" }
columns = ["id", "mail"]
""")
DATA = {
    "shop.a/b": [
        {"id": 2**60 + 1, "e-mail": "Ann@x.org", "total": Decimal("8.90"), "born": date(1990, 2, 28),
            "seen": datetime(2026, 1, 2, 3, 4, 5, 678900), "note": "", "nothing": None,
        },
        {"id": 2, "e-mail": "ann@X.org", "total": None, "born": None, "seen": None, "note": None, "nothing": None},
    ],
    "shop.ü x": [{"id": "007", "customer": 2}],
    "shop.../up": [],
}  # fmt: skip
ASKED = request("A-1", "email=ann@x.org")
CHANGED = "A-1: a file of the snapshot is missing or was changed — run `dsar collect`"


@pytest.fixture
def dossier():
    return gather(MAP, sources(MAP, DATA), ASKED)["A-1"]


@pytest.fixture
def folder(dossier, tmp_path):
    dossier.save(tmp_path / "dossier")
    return tmp_path / "dossier"


def same(one, other):
    assert {a: f.outcome for a, f in one.tables.items()} == {a: f.outcome for a, f in other.tables.items()}
    for address, found in one.tables.items():
        assert values.to_arrow(found.frame).equals(values.to_arrow(other.tables[address].frame))
        assert list(found.frame.dtypes) == list(other.tables[address].frame.dtypes)
    assert (one.request, one.datamap, one.collected_at, one.unlisted) == (other.request, other.datamap, other.collected_at, other.unlisted)


def refused(folder, request=ASKED, map_=MAP):
    with pytest.raises(DossierMissing) as error:
        load(folder, request, map_)
    return str(error.value)


def test_what_is_loaded_is_what_was_saved_with_types(dossier, folder):
    same(load(folder, ASKED, MAP), dossier)


def test_odd_names_of_tables_make_files_inside_the_folder(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["manifest.json", "shop.%C3%BC x.parquet", "shop...%2Fup.parquet", "shop.a%2Fb.parquet"]


def test_only_the_owner_may_read_it(folder):
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {p.stat().st_mode & 0o777 for p in folder.iterdir()} == {0o600}


def test_the_manifest_holds_no_identifier(folder):
    assert "ann@" not in (folder / "manifest.json").read_text().lower()


def test_saving_again_replaces_all_of_it(dossier, folder):
    (folder / "left over.parquet").write_bytes(b"x")
    dossier.save(folder)
    assert not (folder / "left over.parquet").exists()
    assert [p.name for p in folder.parent.iterdir()] == ["dossier"]
    same(load(folder, ASKED, MAP), dossier)


@pytest.mark.parametrize("name", ["shop.a%2Fb.parquet", "shop...%2Fup.parquet", "manifest.json"])
def test_one_changed_byte_is_noticed(folder, name):
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(bytes(data))
    assert refused(folder) == CHANGED


def test_an_outcome_changed_by_hand_is_noticed(folder):
    text = (folder / "manifest.json").read_text()
    assert text.count('"found"') == 2
    (folder / "manifest.json").write_text(text.replace('"found"', '"nothing"', 1))
    assert refused(folder) == CHANGED


@pytest.mark.parametrize("text", ["", "[]", "{}", "null", '{"seal": 1}'])
def test_a_manifest_that_is_none_is_noticed(folder, text):
    (folder / "manifest.json").write_text(text)
    assert refused(folder) == CHANGED


def test_a_missing_file_is_noticed(folder):
    (folder / "shop.a%2Fb.parquet").unlink()
    assert refused(folder) == CHANGED


def test_a_missing_folder_or_manifest_is_nothing_collected_yet(folder, tmp_path):
    (folder / "manifest.json").unlink()
    nothing = "A-1: nothing was collected yet — run `dsar collect`"
    assert [refused(folder), refused(tmp_path / "other")] == [nothing, nothing]


def test_another_map_other_identifiers_another_standing_and_another_request_do_not_fit(folder):
    other = "it was collected with another data map or other identifiers — run `dsar collect`"
    assert refused(folder, map_=MAP.model_copy(update={"sha256": "0"})) == f"A-1: {other}"
    assert refused(folder, request("A-1", "email=ann@x.org", "phone=02079460001")) == f"A-1: {other}"
    assert refused(folder, request("A-1", "email=ann@x.org", verified=False)) == f"A-1: {other}"
    assert refused(folder, replace(ASKED, id="B-1")) == f"B-1: {other}"


def killed_at(monkeypatch, step):
    """Have the second snapshot's run end at a step of `files.replace_dir`."""
    rename, calls = type(files.Path()).rename, []

    def dying(self, target):
        calls.append(target)
        if len(calls) == step:
            raise KeyboardInterrupt
        return rename(self, target)

    monkeypatch.setattr(type(files.Path()), "rename", dying)


@pytest.mark.parametrize("step", [1, 2])
def test_a_run_killed_at_either_rename_leaves_the_old_snapshot(dossier, folder, monkeypatch, step):
    fresh = gather(MAP, sources(MAP, {**DATA, "shop.ü x": []}), ASKED)["A-1"]
    with monkeypatch.context() as patch:
        killed_at(patch, step)
        with pytest.raises(KeyboardInterrupt):
            fresh.save(folder)
    same(load(folder, ASKED, MAP), dossier)
    fresh.save(folder)
    same(load(folder, ASKED, MAP), fresh)
    assert [p.name for p in folder.parent.iterdir()] == ["dossier"]


def test_a_run_killed_before_the_manifest_leaves_the_old_snapshot(dossier, folder, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(files, "write_atomic", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            dossier.save(folder)
    same(load(folder, ASKED, MAP), dossier)


# -- reading it ---------------------------------------------------------------------------------------


def test_records_tell_key_and_standing_of_each_row(dossier):
    assert dossier.records() == {
        "shop.a/b": {
            "outcome": "found",
            "rows": [{"key": k, "matched_on": "e-mail", "standing": "found"} for k in (2, 2**60 + 1)],
        },
        "shop.ü x": {"outcome": "found", "rows": [{"key": "007", "matched_on": "customer", "standing": "found"}]},
        "shop.../up": {"outcome": "nothing", "rows": []},
    }
    assert json.loads(json.dumps(dossier.records())) == dossier.records()


def test_held_rows_are_in_held_and_nowhere_else():
    dossier = gather(MAP, sources(MAP, DATA), request("A-1", "email=ann@x.org", verified=False))["A-1"]
    assert list(dossier) == []
    assert [len(dossier[str(a)]) + len(dossier.rows(a)) for a in dossier.tables] == [0, 0, 0]
    why = "found by an identifier the requester claims but has not proved"
    assert dossier.held.to_numpy().tolist() == [
        ["Slashes", "shop.a/b", "[2]", "given → email → e-mail", why],
        ["Slashes", "shop.a/b", f"[{2**60 + 1}]", "given → email → e-mail", why],
        ["ü x", "shop.ü x", '["007"]', "shop.a/b [2] → shop.customer → customer", why],
    ]


def test_found_tells_what_each_table_gave(dossier):
    assert dossier.found.to_numpy().tolist() == [
        ["System shop", "Slashes", "shop.a/b", 2, 0, "found 2"],
        ["System shop", "ü x", "shop.ü x", 1, 0, "found 1"],
        ["System shop", "../up", "shop.../up", 0, 0, "nothing"],
    ]
    assert dossier.complete


def test_a_table_that_is_not_in_the_map_is_refused_by_name(dossier):
    with pytest.raises(KeyError) as error:
        dossier["shop.c"]
    assert error.value.args == ("shop.c: not a table of the map; there are shop.a/b, shop.ü x, shop.../up",)


def test_a_retention_that_no_row_dates_is_none_even_where_rows_lead_in_circles():
    map_ = datamap("""
[activities.books]
purpose = "books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "day", years = 1, why = "law", article = "17(3)(b)" }
[sources.s.tables.a]
activity = "books"
match = { email = "email" }
reveals = { b = "id" }
columns = ["id", "email", "day"]
[sources.s.tables.b]
activity = "books"
match = { b = "a" }
columns = ["id", "a"]
""")
    data = {"s.a": [{"id": 1, "email": "ann@x.org", "day": date(2020, 1, 1)}], "s.b": [{"id": 2, "a": 1}]}
    dossier = gather(map_, sources(map_, data), ASKED)["A-1"]
    [row] = values.rows(dossier.rows(Address("s", "b")))
    assert dossier.retention_start(Address("s", "b"), row) == date(2020, 1, 1)
    itself = row | {"dsar_via": "s.b [2]"}
    circle = Found(dossier.tables[Address("s", "b")].outcome, values.to_arrow(values.frame({k: [v] for k, v in itself.items()})))
    turning = replace(dossier, tables={**dossier.tables, Address("s", "b"): circle})
    assert turning.retention_start(Address("s", "b"), itself) is None
