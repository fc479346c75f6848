"""The command: what it prints, and one clear line with exit status 2 when something is wrong."""

import json
import os
import sqlite3
import subprocess
import sys
import tomllib

import pytest

from dsar import cli, cli_answer, cli_workspace, datamap, forgotten
from dsar.request.identity import CHANNELS
from dsar.workspace import open_workspace
from tests.run.test_batch import MAP, REQUESTS

PEOPLE = "id,email\n1,ann@example.org\n2,ben@example.org\n"


@pytest.fixture
def dsar(monkeypatch, capsys):
    """Run the command in this process; return its exit status, standard output and standard error."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["dsar", *map(str, words)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code or 0, printed.out, printed.err

    return run


@pytest.fixture
def desk(tmp_path):
    (tmp_path / "dsar.toml").write_text(MAP, encoding="utf-8")
    (tmp_path / "requests.csv").write_text(REQUESTS, encoding="utf-8")
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    return tmp_path


def test_init_makes_a_workspace_that_is_well_formed_and_overwrites_nothing(dsar, tmp_path):
    folder = tmp_path / "desk"
    assert dsar("init", folder)[0] == 0
    assert sorted(p.name for p in folder.iterdir()) == [".gitignore", "dsar.toml", "requests.csv"]
    datamap.read(folder / "dsar.toml")
    (folder / "contacts.csv").write_text("id,email,name\n1,ann@example.org,Ann\n", encoding="utf-8")
    status, out, err = dsar("--workspace", folder, "check")
    assert (status, out.split("\n\n")[0], err) == (0, "1 sources, 1 tables, 0 requests: all as the map says", "")
    assert "no data protection officer is named" in out  # a map that is well-formed still has gaps
    (folder / "dsar.toml").write_text("mine", encoding="utf-8")
    status, _, error = dsar("init", folder)
    assert (status, error) == (2, f"dsar: {folder}: dsar.toml and requests.csv is there already, so nothing was written — name another folder\n")
    assert (folder / "dsar.toml").read_text(encoding="utf-8") == "mine"


@pytest.mark.parametrize(
    ("event", "written", "recorded"),
    [
        ("fee asked", ["amount=10", "why=further copy"], {"amount": "10", "why": "further copy"}),
        ("identity reminded", ["after=7"], {"after": 7}),
        ("letter drafted", ["letter=closing", "file=a.docx", "reviewed=yes"], {"letter": "closing", "file": "a.docx", "reviewed": True}),
        (
            "recipients told",
            ["recipients=A, B", "impossible=C: gone, moved; D: x"],
            {"recipients": ["A", "B"], "impossible": {"C": "gone, moved", "D": "x"}},
        ),
    ],
)
def test_each_detail_of_an_event_is_recorded_as_the_event_needs_it(dsar, desk, event, written, recorded):
    assert dsar("--workspace", desk, "record", "R-1", event, *written, "--by", "M")[0] == 0
    assert open_workspace(desk).register.case("R-1").last(event).details == recorded


@pytest.mark.parametrize("written", ["reviewed=perhaps", "impossible=C: gone", "letter"])
def test_a_detail_that_is_none_of_the_event_is_refused(dsar, desk, written):
    status, _, error = dsar("--workspace", desk, "record", "R-1", "letter drafted", "letter=closing", "file=a.docx", written, "--by", "M")
    assert (status, error.startswith("dsar: letter drafted: ")) == (2, True)


def test_letters_are_finished_by_name(dsar, desk):
    status, out, error = dsar("--workspace", desk, "letters", "R-1", "--finish")
    assert (status, out) == (2, "")
    assert error == "dsar: --finish: no letter was named, so nothing was made — name one: dsar letters R-1 NAME --finish\n"


def test_what_a_closed_case_was_answered_stays_unless_it_is_named(dsar, desk):
    """After an edit of the map its snapshot fits no more, and to collect it anew takes away what was delivered."""
    ws = open_workspace(desk)
    for request, write in (("R-1", ws.export), ("R-2", ws.export), ("R-4", ws.access_report)):
        write(ws.request(request))
    outbox = sorted((desk / "cases").glob("*/outbox/*"))
    closed = {path.relative_to(desk / "cases").parts[0] for path in outbox}
    assert closed == {"R-1", "R-2", "R-4"}
    for request in closed:
        ws.register.record(ws.register.case(request), "closed", by="A", outcome="withdrawn")
    (desk / "dsar.toml").write_text(MAP.replace('label = "', 'label = "The ', 1), encoding="utf-8")
    for command in ("collect", "batch"):
        assert not closed & set(dsar("--workspace", desk, command)[1].split())
    assert sorted((desk / "cases").glob("*/outbox/*")) == outbox
    assert dsar("--workspace", desk, "collect", *closed)[0] == 0
    assert not list((desk / "cases").glob("*/outbox/*"))


def test_errors_are_one_line_with_the_remedy(dsar, desk, tmp_path):
    status, out, error = dsar("--workspace", tmp_path / "nowhere", "check")
    remedy = "name the folder with --workspace, or make one with `dsar init DIR`"
    assert (status, out, error) == (2, "", f"dsar: {tmp_path / 'nowhere'}: there is no dsar.toml here — {remedy}\n")

    assert dsar("--workspace", desk, "records", "R-9") == (2, "", "dsar: the register: there is no such request — near to it are R-4, R-3, R-2\n")

    (desk / "requests.csv").write_text(REQUESTS.replace("ann@example.org", "ann at example"), encoding="utf-8")
    status, out, error = dsar("--workspace", desk, "collect")
    line = "line 2: an identifier of kind 'email' does not parse — an e-mail address looks like name@example.org"
    assert (status, out, error) == (2, "", f"dsar: requests.csv: {line} — mend these lines; nothing was done\n")


def test_a_fault_of_ours_names_only_its_class(dsar, desk, monkeypatch):
    who = "ann@example.org"  # not in the line that raises, since a traceback quotes it

    def broken(*_, **__):
        raise RuntimeError(who)

    monkeypatch.setattr(cli_workspace, "survey", broken)
    status, _, error = dsar("--workspace", desk, "check")
    assert (status, error) == (2, "dsar: RuntimeError: a fault in this toolkit — run again with --debug and report it\n")
    status, _, error = dsar("--debug", "--workspace", desk, "check")
    assert status == 2
    assert "test_cli.py" in error  # where it came from
    assert "RuntimeError: its words are left out" in error
    assert "ann@example.org" not in error


def test_records_are_keys_never_contents(dsar, desk):
    status, out, _ = dsar("--workspace", desk, "records", "R-1", "--json")
    assert (status, json.loads(out)) == (0, {"crm.people": {"outcome": "found", "rows": [{"key": "1", "matched_on": "email", "standing": "found"}]}})
    assert dsar("--workspace", desk, "records", "R-3", "--json")[1] == '{\n "crm.people": {\n  "outcome": "nothing",\n  "rows": []\n }\n}\n'
    status, out, _ = dsar("--workspace", desk, "records", "R-1")
    assert [cell.strip() for cell in out.splitlines()[3].split("│")[1:-1]] == ["crm.people", "found", '["1"]', "email", "found"]
    assert "ann@example.org" not in out


def test_a_key_as_records_prints_it_is_one_that_why_takes(dsar, desk, monkeypatch):
    written = (desk / "dsar.toml").read_text(encoding="utf-8")
    (desk / "dsar.toml").write_text(written.replace('key = ["id"]', 'key = ["id", "email"]'), encoding="utf-8")
    (desk / "people.csv").write_text("id,email\nA-1-of-2026-with-a-long-name-that-nobody-may-cut,ann@example.org\n", encoding="utf-8")
    monkeypatch.setenv("COLUMNS", "80")
    out = dsar("--workspace", desk, "records", "R-1")[1]
    key = " ".join(line.split("│")[3].strip() for line in out.splitlines() if line.startswith("│"))
    assert json.loads(key.replace(" ", "")) == ["A-1-of-2026-with-a-long-name-that-nobody-may-cut", "ann@example.org"]
    monkeypatch.setenv("COLUMNS", "200")
    assert "the requester gave it" in " ".join(dsar("--workspace", desk, "why", "R-1", "crm.people", key.replace(" ", ""))[1].split())


def test_a_key_that_is_not_there_is_one_line_with_where_and_what_to_do(dsar, desk):
    said = "dsar: R-1 crm.people: no such row is in the dossier — `dsar records R-1` lists the keys there are\n"
    assert dsar("--workspace", desk, "why", "R-1", "crm.people", "9") == (2, "", said)
    said = "dsar: R-1 crm.person: no such table is in the dossier — name one of crm.people\n"
    assert dsar("--workspace", desk, "why", "R-1", "crm.person", "1") == (2, "", said)


def test_check_names_what_the_map_and_the_source_disagree_on(dsar, desk):
    (desk / "people.csv").write_text("id,email,shoe_size\n1,ann@example.org,44\n", encoding="utf-8")
    status, out, _ = dsar("--workspace", desk, "check")
    assert (status, out.splitlines()[:2]) == (
        1,
        [
            "crm.people: the map does not know the column shoe_size — classify it; until then the table is held",
            "1 sources, 1 tables, 4 requests: 1 to mend",
        ],
    )


def test_collect_shows_one_outcome_per_table(dsar, desk):
    status, out, error = dsar("--workspace", desk, "collect", "R-1", "R-4")
    assert status == 0
    assert [line for line in out.splitlines() if line.startswith("R-")] == ["R-1", "R-4"]
    assert [line.split("│")[3].strip() for line in out.splitlines() if "crm.people" in line] == ["found 1", "nothing"]
    assert error == "reading crm.people\n"


def test_a_collection_that_nobody_watches_tells_now_and_then_what_it_reads(monkeypatch, capsys):
    moments = iter([100.0, 100.1, 109.9, 110.0, 119.0])
    monkeypatch.setattr(cli_answer, "monotonic", lambda: next(moments))
    tell = cli_answer.now_and_then()
    for table in ("a.a", "a.b", "a.c", "b.a", "b.b"):
        tell(table)
    assert capsys.readouterr().err == "reading a.a\nreading b.a\n"


def test_the_program_is_named_so_that_it_runs_as_printed(monkeypatch, tmp_path):
    there = tmp_path / "bin dir"
    there.mkdir()
    (there / "dsar").write_text("#!/bin/sh\n", encoding="utf-8")
    (there / "dsar").chmod(0o755)
    monkeypatch.setenv("PATH", "/nowhere")
    named = {}
    for began in (str(there / "dsar"), ".venv/bin/dsar", "dsar", "/somewhere/dsar/__main__.py"):
        monkeypatch.setattr(sys, "argv", [began, "demo"])
        named[began] = cli_workspace.program()
    assert named == {
        str(there / "dsar"): f"'{there}/dsar'",
        ".venv/bin/dsar": ".venv/bin/dsar",
        "dsar": "dsar",
        "/somewhere/dsar/__main__.py": f"{sys.executable} -m dsar",
    }
    monkeypatch.setenv("PATH", str(there))
    monkeypatch.setattr(sys, "argv", [str(there / "dsar"), "demo"])
    assert cli_workspace.program() == "dsar"


def test_map_drafts_a_database_a_file_and_a_folder(dsar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with sqlite3.connect("shop.db") as db:
        db.execute("create table customers (id integer primary key, email text)")
        db.execute("create table orders (id integer primary key, customer_id integer references customers (id))")
    db.close()
    status, out, _ = dsar("map", "sqlite:///shop.db", "--name", "shop")
    source = tomllib.loads(out)["sources"]["shop"]
    assert (status, source["connector"], list(source["tables"])) == (0, "sql", ["customers", "orders"])
    assert source["tables"]["orders"]["key"] == ["id"]
    assert list(source["tables"]["orders"]["columns"]) == ["id", "customer_id"]

    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    status, out, _ = dsar("map", "people.csv")
    table = tomllib.loads(out)["sources"]["source"]["tables"]["people"]
    assert (status, table["file"]["path"], list(table["columns"])) == (0, "people.csv", ["id", "email"])
    (tmp_path / "exports").mkdir()
    (tmp_path / "exports/people.csv").write_text(PEOPLE, encoding="utf-8")
    status, out, _ = dsar("map", "exports", "--name", "exports", "--no-sample")
    source = tomllib.loads(out)["sources"]["exports"]
    assert (status, source["url"], source["tables"]["people"]["match"]) == (0, "exports", {"email": "email"} | source["tables"]["people"]["match"])

    assert dsar("map", "shop") == (
        2,
        "",
        "dsar: this is neither a database's URL nor a file or folder of tables — write sqlite:///shop.db, postgresql://…, or a name\n",
    )
    unreachable = (
        "sources.source: the database cannot be opened (OperationalError) — check that it is up, and its `url` in dsar.toml or the environment"
    )
    assert dsar("map", "sqlite:///secret-password-missing.db") == (2, "", f"dsar: {unreachable}\n")
    assert not (tmp_path / "secret-password-missing.db").exists()


def test_check_names_the_systems_nobody_answered_for(dsar, desk):
    status, out, _ = dsar("--workspace", desk, "check")
    asked = [line for line in out.splitlines() if line.startswith("  ") and line.strip().split(":")[0] in forgotten.SYSTEMS]
    assert (status, len(asked)) == (0, len(forgotten.SYSTEMS))
    assert "  backups: backups and archives: which set, until when" in asked
    text = (desk / "dsar.toml").read_text(encoding="utf-8")
    answers = "".join(f'{name} = {{ none = "there is none, says Ann" }}\n' for name in forgotten.SYSTEMS if name != "chat")
    (desk / "dsar.toml").write_text(f"{text}\n[systems]\n{answers}", encoding="utf-8")
    out = dsar("--workspace", desk, "check")[1]
    assert f"1 of {len(forgotten.SYSTEMS)} systems one forgets are not answered for; say under [systems] what becomes of each:\n  chat: " in out


def test_a_draft_is_appended_and_checked_unchanged(dsar, tmp_path, monkeypatch):
    assert dsar("init", tmp_path / "desk")[0] == 0
    monkeypatch.chdir(tmp_path / "desk")
    (tmp_path / "desk/contacts.csv").write_text("id,email,name\n", encoding="utf-8")
    with sqlite3.connect("shop.db") as db:
        db.execute("create table customers (id integer primary key, email text)")
        db.execute("create table colours (code text primary key)")
    db.close()
    draft = dsar("map", "sqlite:///shop.db", "--name", "shop")[1]
    written = tmp_path / "desk/dsar.toml"
    written.write_text(written.read_text(encoding="utf-8") + draft, encoding="utf-8")
    status, out, error = dsar("check")
    assert (status, error) == (1, "")
    assert out.splitlines()[:3] == [
        "shop.customers: its section is guessed, and nobody has confirmed it — read it and take out `guessed = true`; until then it is held",
        "shop.colours: is neither mapped nor ignored — map it, or list it under sources.shop.ignored with the reason",
        "2 sources, 2 tables, 0 requests: 2 to mend",
    ]
    text = written.read_text(encoding="utf-8").replace("guessed = true", "")
    written.write_text(text.replace("#[sources", "[sources").replace("#colours", "colours"), encoding="utf-8")
    assert dsar("check")[0] == 0


def test_a_dry_run_says_that_it_asks_no_source_and_takes_requests_over_as_every_command_does(dsar, desk):
    assert "no source is asked, no answer made" in " ".join(dsar("batch", "--help")[1].split())
    assert dsar("--workspace", desk, "batch", "--dry-run")[0] == 0
    assert not (desk / "cases").exists()
    assert len(open_workspace(desk).register.events()) == 7  # four requests, three of them with their identity settled


def test_help_lists_the_ways_a_request_may_come(dsar):
    told = " ".join(dsar("register", "add", "--help")[1].split())
    assert f"How it came: {', '.join(CHANNELS)}." in told


def test_batch_exits_with_1_when_something_failed(dsar, desk):
    (desk / "requests.csv").write_text(REQUESTS.splitlines()[0] + "\n" + REQUESTS.splitlines()[4] + "\n", encoding="utf-8")
    (desk / "people.csv").unlink()
    status, out, _ = dsar("--workspace", desk, "batch")
    assert status == 1
    assert out.splitlines()[-1] == f"1 to do: 0 done, 0 already done, 0 waiting, 1 failed. Files lie in {desk / 'cases'}"


def test_the_workspace_comes_from_the_environment_or_the_folders_above(dsar, desk, monkeypatch):
    inside = desk / "notebooks"
    inside.mkdir()
    monkeypatch.chdir(inside)
    assert dsar("check")[0] == 0
    monkeypatch.chdir("/")
    monkeypatch.setenv("DSAR_WORKSPACE", str(desk))
    assert dsar("check")[0] == 0


def test_python_m_dsar_is_the_command(desk):
    environment = {**os.environ, "PYTHONWARNINGS": "error::UserWarning"}
    run = subprocess.run([sys.executable, "-m", "dsar", "--workspace", desk, "check"], capture_output=True, text=True, check=False, env=environment)
    assert (run.returncode, run.stdout.split("\n\n")[0]) == (0, "1 sources, 1 tables, 4 requests: all as the map says"), run.stderr
    run = subprocess.run([sys.executable, "-m", "dsar", "--workspace", "/nowhere", "check"], capture_output=True, text=True, check=False)
    assert run.returncode == 2
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize(("words", "typed"), [([], "1\n"), (["-"], "1\n")])
def test_a_key_may_be_typed_or_piped_in_since_it_may_be_an_address(desk, words, typed):
    from typer.testing import CliRunner

    asked = ["--workspace", str(desk), "why", "R-1", "crm.people"]
    told, found = CliRunner().invoke(cli.app, [*asked, "1"]), CliRunner().invoke(cli.app, [*asked, *words], input=typed)
    assert (told.exit_code, found.exit_code) == (0, 0)
    assert found.output.endswith(told.output)


def test_demo_leaves_other_peoples_folders_alone(dsar, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine", encoding="utf-8")
    status, _, error = dsar("demo", tmp_path)
    assert (status, error) == (2, f"dsar: {tmp_path}: this is no demo workspace, so it is left alone — name another folder\n")
    assert (tmp_path / "thesis.txt").exists()


def test_demo_never_takes_a_real_workspace_for_its_own(dsar, desk):
    (desk / "cases/R-1").mkdir(parents=True)
    assert dsar("demo", desk)[0] == 2
    assert (desk / "cases/R-1").is_dir()


def test_what_map_writes_begins_at_the_workspace(dsar, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "desk").mkdir()
    (tmp_path / "desk/dsar.toml").write_text(MAP, encoding="utf-8")
    with sqlite3.connect("shop.db") as db:
        db.execute("create table customers (id integer primary key, email text)")
    db.close()
    (tmp_path / "people.csv").write_text(PEOPLE, encoding="utf-8")
    assert 'url = "sqlite:///../shop.db"' in dsar("--workspace", "desk", "map", "sqlite:///shop.db", "--name", "shop")[1]
    assert 'path = "../people.csv"' in dsar("--workspace", "desk", "map", "people.csv")[1]
    assert f'url = "sqlite:///{tmp_path}/shop.db"' in dsar("--workspace", "desk", "map", f"sqlite:///{tmp_path}/shop.db")[1]
    assert 'url = "sqlite:///shop.db"' in dsar("map", "sqlite:///shop.db")[1], "without a workspace nobody knows where the map will be"


def test_a_batch_names_the_notebooks_that_somebody_edited_since_it_runs_its_own(dsar, desk):
    dsar("--workspace", desk, "notebooks", "--copy")
    assert "Edited" not in dsar("--workspace", desk, "batch", "--dry-run")[2]
    copy = desk / "notebooks/portability_export.ipynb"
    copy.write_text(copy.read_text(encoding="utf-8").replace("ws.header(", "ws.headed("), encoding="utf-8")
    assert "not used: portability_export.ipynb" in dsar("--workspace", desk, "batch", "--dry-run")[2]


def test_a_demo_is_made_in_no_other_workspace(dsar, desk):
    said = "dsar: --workspace: a demo has a folder of its own — name its folder instead: `dsar demo FOLDER`\n"
    assert dsar("--workspace", desk, "demo") == (2, "", said)
