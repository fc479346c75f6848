"""The main job on a database that nobody here wrote: the answers were counted by hand with SQL."""

import csv
import json
import shutil
import sqlite3
import tomllib
from collections import Counter
from contextlib import closing
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import nbformat
import openpyxl
import pytest
from sqlalchemy import event
from sqlalchemy.engine import Engine

from dsar import datamap, values, workspace
from dsar.request.identity import Identifier
from dsar.request.request import Request
from tests.command import command
from tests.decoded import decoded

ROOT = Path(__file__).parents[1]
DATABASE = ROOT / "fixtures/chinook/chinook.sqlite"
TABLES = {"Customer": "CustomerId", "Invoice": "InvoiceId", "InvoiceLine": "InvoiceLineId"}
NOW = datetime(2026, 11, 23, 9, tzinfo=UTC)


def query(sql, *parameters):
    with closing(sqlite3.connect(f"file:{DATABASE}?mode=ro", uri=True)) as connection:
        return connection.execute(sql, parameters).fetchall()


@pytest.fixture(scope="module")
def answered(tmp_path_factory):
    """The example workspace, elsewhere, after `dsar batch` for customer 5; the others' files are made without notebooks."""
    folder = tmp_path_factory.mktemp("chinook")
    example = ROOT / "docs/examples/chinook"
    text = (example / "dsar.toml").read_text(encoding="utf-8")
    assert "${WORKSPACE}/../../../fixtures" in text
    (folder / "dsar.toml").write_text(text.replace("${WORKSPACE}/../../../fixtures", (ROOT / "fixtures").as_posix()), encoding="utf-8")
    (folder / "requests.csv").write_bytes((example / "requests.csv").read_bytes())
    run = command("--workspace", folder, "batch", "C-005", "--workers", "1")
    assert run.returncode == 0, run.stderr
    ws = workspace.open_workspace(folder)
    for request in map(ws.request, ("C-016", "C-049")):
        ws.export(request)
        ws.checklist(request)
    return folder


def test_every_request_finds_exactly_the_rows_counted_by_hand(answered):
    for request, customer in (("C-005", 5), ("C-016", 16), ("C-049", 49)):
        run = command("--workspace", answered, "records", request, "--json")
        how = "CustomerId" if request == "C-016" else "Email"
        invoices = [i for (i,) in query("select InvoiceId from Invoice where CustomerId = ? order by 1", customer)]
        lines = [
            i for (i,) in query("select InvoiceLineId from InvoiceLine join Invoice using (InvoiceId) where CustomerId = ? order by 1", customer)
        ]
        assert json.loads(run.stdout) == {
            "shop.Customer": {"outcome": "found", "rows": [{"key": customer, "matched_on": how, "standing": "found"}]},
            "shop.Invoice": {"outcome": "found", "rows": [{"key": i, "matched_on": "CustomerId", "standing": "found"} for i in invoices]},
            "shop.InvoiceLine": {"outcome": "found", "rows": [{"key": i, "matched_on": "InvoiceId", "standing": "found"} for i in lines]},
        }
        assert (1, len(invoices), len(lines)) == (1, 7, 38)


def test_the_invoices_of_customer_5_are_those_listed_with_the_data(answered):
    ws = workspace.open_workspace(answered)
    frame = ws.collect(ws.request("C-005"))["shop.Invoice"]
    assert values.pylist(frame["InvoiceId"]) == [77, 100, 122, 174, 295, 306, 361]
    assert sum(values.pylist(frame["Total"])) == Decimal("40.62")


def test_the_workbook_shows_the_rows_and_their_total(answered):
    [path] = (answered / "cases/C-005/outbox").glob("*.xlsx")
    book = openpyxl.load_workbook(path)
    summary = [[c.value for c in row] for row in book["Summary"].iter_rows()]
    assert [row[1:5] for row in summary if row[0] == "Online shop"] == [
        ["Account", 1, None, None],
        ["Invoices", 7, "2021-12-08 – 2025-05-06", "Total (USD): 40.62"],
        ["Invoice lines", 38, None, None],
    ]
    shown = [[c.value for c in row] for row in book["Invoices"].iter_rows()]
    head = next(n for n, row in enumerate(shown) if row[0] == "No.")
    expected = query("select * from Invoice where CustomerId = 5 order by InvoiceId")
    assert [row[1:3] + row[4:] for row in shown[head + 1 :]] == [
        [i, c, *("not recorded" if v is None else v for v in rest), total] for i, c, _, *rest, total in expected
    ]
    assert [row[3].date().isoformat() for row in shown[head + 1 :]] == [row[2][:10] for row in expected]
    assert len([row for row in book["Invoice lines"].iter_rows(values_only=True) if isinstance(row[0], int)]) == 38


def test_the_support_representative_is_in_no_output(answered):
    [(first, last, email, phone)] = query("select FirstName, LastName, Email, Phone from Employee where EmployeeId = 4")
    for request in ("C-005", "C-016", "C-049"):
        case = answered / "cases" / request
        for path in [*(case / "outbox").iterdir(), *(case / "worklists").iterdir()]:
            for name, text in decoded(path):
                for secret in (first, f"{first} {last}", email, phone):
                    assert secret not in text, (path.name, name)
    [package] = (answered / "cases/C-005/outbox").glob("*.zip")
    [header] = [next(csv.reader(text.splitlines())) for name, text in decoded(package) if name.endswith("data/account.csv")]
    assert header[-1] == "Email"  # SupportRepId, the column after it, is about somebody else


def test_nobody_elses_data_is_in_the_files_of_customer_5(answered):
    texts = "\n".join(text for path in (answered / "cases/C-005/outbox").iterdir() for _, text in decoded(path))
    others = query("select Email, LastName from Customer where CustomerId <> 5")
    assert [email for email, _ in others if email in texts] == []
    assert "frantisekw@jetbrains.com" in texts


def test_both_notebooks_ran_and_show_no_error(answered):
    for name in ("portability_export", "deletion_checklist"):
        notebook = nbformat.read(answered / f"cases/C-005/notebooks/{name}.ipynb", as_version=4)
        outputs = [o for cell in notebook.cells if cell.cell_type == "code" for o in cell.outputs]
        assert {o.output_type for o in outputs} == {"execute_result"}
        assert any("image/png" in o.data for o in outputs)


def steps(path):
    return [row for row in openpyxl.load_workbook(path)["Steps"].iter_rows(values_only=True) if str(row[0]).startswith("C-005-")]


def test_nothing_is_to_be_erased_before_the_copy_has_gone_out(answered):
    [path] = (answered / "cases/C-005/worklists").glob("*.xlsx")
    assert Counter((row[4], row[7], row[12]) for row in steps(path) if row[4] == "Account") == {
        ("Account", "not due", "the copy asked for in C-005 has been delivered"): 1
    }


def test_the_checklist_keeps_what_the_law_wants_kept(answered, tmp_path):
    ws = workspace.open_workspace(shutil.copytree(answered, tmp_path / "ws"))
    ws.register.record(ws.register.case("C-005"), "delivered", by="T. Ester", right="portability", files={"a.zip": "0" * 64})
    [path] = ws.checklist(ws.request("C-005")).files
    rows = steps(path)
    assert Counter((row[4], row[7]) for row in rows) == {
        ("Invoice lines", "keep"): 38,
        ("Invoices", "keep"): 7,
        ("Account", "keep"): 1,
        ("Account", "blank"): 1,
    }
    assert {row[12].date() for row in rows if row[5] == "361" and row[4] == "Invoices"} == {date(2031, 5, 6)}
    [blank] = [row for row in rows if row[7] == "blank"]
    assert (blank[6], blank[8], blank[11], blank[15]) == ("Customers > Search > Customer number 5", "Phone, Fax", "17(1)(a)", "To do")


def collected(folder, *, connector=None, files=None):
    """Return the dossiers of customers 5 and 16, from the database or from exported files."""
    content = tomllib.loads((ROOT / "docs/examples/chinook/dsar.toml").read_text(encoding="utf-8"))
    shop = content["sources"]["shop"]
    shop["url"] = f"sqlite:///{DATABASE}"
    if files:
        shop |= {"connector": connector, "url": "", "ignored": {}}
        for name, file in files.items():
            shop["tables"][name]["file"] = file
            for column in ("CustomerId", "InvoiceId", "InvoiceLineId", "TrackId", "SupportRepId", "Quantity"):
                if column in shop["tables"][name]["columns"]:
                    shop["tables"][name]["columns"][column]["type"] = "integer"
    ws = workspace.Workspace(folder, datamap.parse(content, folder / "dsar.toml"), lambda: NOW)
    requests = [request("C-5", "email", "frantisekw@jetbrains.com"), request("C-16", "shop.customer", "16")]
    return ws.collect_all(requests)


def request(request_id, kind, value):
    return Request(request_id, date(2026, 11, 2), ("portability",), (Identifier(kind, value, "verified"),), date(2026, 11, 4))


def export_csv(folder):
    # One customer's name has a letter that cp1252 lacks: such an export cannot hold it, whoever writes it.
    for table in TABLES:
        with (folder / f"{table}.csv").open("w", encoding="cp1252", errors="replace", newline="") as file:
            writer = csv.writer(file, delimiter=";")
            writer.writerow([column for (_, column, *_) in query(f"pragma table_info({table})")])
            writer.writerows(query(f"select * from {table}"))
    return {table: {"path": f"{table}.csv"} for table in TABLES}


def export_xlsx(folder):
    book = openpyxl.Workbook()
    for table in TABLES:
        sheet = book.create_sheet(table)
        columns = [column for (_, column, *_) in query(f"pragma table_info({table})")]
        sheet.append(columns)
        for row in query(f"select * from {table}"):
            sheet.append([datetime.fromisoformat(v) if c == "InvoiceDate" else v for c, v in zip(columns, row, strict=True)])
    book.save(folder / "shop.xlsx")
    return {table: {"path": "shop.xlsx", "sheet": table} for table in TABLES}


@pytest.mark.parametrize("export", [export_csv, export_xlsx])
def test_the_same_data_as_files_gives_the_same_rows(tmp_path, export):
    (tmp_path / "db").mkdir()
    from_database = collected(tmp_path / "db")
    from_files = collected(tmp_path, connector="lake", files=export(tmp_path))
    for name, dossier in from_database.items():
        assert sum(len(dossier[t]) for t in dossier) == 46
        assert {t: values.rows(from_files[name][t]) for t in from_files[name]} == {t: values.rows(dossier[t]) for t in dossier}
        assert from_files[name].records() == dossier.records()


def test_fifty_requests_read_each_table_as_often_as_one(tmp_path):
    def statements(requests, folder):
        seen = Counter()

        def count(connection, cursor, statement, *_):
            seen.update(t for t in TABLES if f'FROM "{t}"' in statement)

        folder.mkdir()
        content = tomllib.loads((ROOT / "docs/examples/chinook/dsar.toml").read_text(encoding="utf-8"))
        content["sources"]["shop"]["url"] = f"sqlite:///{DATABASE}"
        ws = workspace.Workspace(folder, datamap.parse(content, folder / "dsar.toml"), lambda: NOW)
        event.listen(Engine, "before_cursor_execute", count)
        try:
            dossiers = ws.collect_all(requests)
        finally:
            event.remove(Engine, "before_cursor_execute", count)
        return seen, dossiers

    fifty = [request(f"C-{n}", "email", email.lower()) for n, email in query("select CustomerId, Email from Customer order by 1 limit 50")]
    one, _ = statements(fifty[4:5], tmp_path / "one")
    many, dossiers = statements(fifty, tmp_path / "fifty")
    assert one == many == {"Customer": 1, "Invoice": 1, "InvoiceLine": 1}
    assert len(dossiers) == 50
    assert all(dossier.complete and set(dossier) == {"shop.Customer", "shop.Invoice", "shop.InvoiceLine"} for dossier in dossiers.values())
