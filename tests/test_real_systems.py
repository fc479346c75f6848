"""Tryton and Mailman as they really run: what is entered for a subject is found, the namesake's is not.

Slow: `make real` installs them into environments of their own; `.ci/run` does, elsewhere they are skipped.
"""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import tomllib
from pathlib import Path

import httpx
import pytest
from filelock import FileLock

from connectors.mailman import Mailman
from connectors.sql import Sql
from connectors.tryton import Tryton
from dsar import datamap, values
from dsar.datamap import parse
from dsar.find.survey import survey
from dsar.guess import sample
from dsar.guess.draft import draft
from dsar.source import Settings
from tests import servers, worlds

ROOT = Path(__file__).parents[1]
MAPS = ROOT / "connectors/maps"
pytestmark = pytest.mark.slow


def library(name):
    return parse(tomllib.loads(worlds.HEAD + (MAPS / f"{name}.toml").read_text(encoding="utf-8")), Path("dsar.toml"))


def gathered(name, connector, *identifiers):
    known = library(name)
    opened = {name: connector(Settings(name, known.sources[name], Path(), "GB"))}
    return worlds.gather(known, opened, *[worlds.request(f"R-{n}", *some) for n, some in enumerate(identifiers)])


def installed(folder, program):
    path = ROOT / folder / "bin" / program
    if not path.exists():
        pytest.skip(f"{program} is not installed: make real")
    return str(path)


# -- Tryton -----------------------------------------------------------------------------------------


DATABASES = {}  # of a server, by its address


class Erp:
    """A session of Tryton's administrator, to enter data with."""

    def __init__(self, url):
        self.client = httpx.Client(base_url=url, timeout=60, trust_env=False)
        number, token, *_ = self.call("common.db.login", "admin", {"password": "secret"}, "en")
        proof = base64.b64encode(f"admin:{number}:{token}".encode()).decode()
        self.client.headers["Authorization"] = f"Session {proof}"
        self.user, self.context = number, {}

    def call(self, method, *params):
        answer = self.client.post("/rpc/", json={"id": 1, "method": method, "params": list(params)}).json()
        assert "result" in answer, answer
        return answer["result"]

    def create(self, model, **fields):
        return self.call(f"model.{model}.create", [fields], self.context)[0]


def contacts(*pairs):
    return [["create", [{"type": kind, "value": value} for kind, value in pairs]]]


def decimal(text):
    return {"__class__": "Decimal", "decimal": text}


@pytest.fixture(scope="session")
def new_books(tmp_path_factory):
    """A database of Tryton as it is before anybody enters something: made once, by whichever process of pytest comes first."""
    folder = tmp_path_factory.getbasetemp()
    made = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "tryton" / "world.sqlite"
    made.parent.mkdir(exist_ok=True)
    with FileLock(made.parent / "lock"):
        if not (made.parent / "whole").exists():
            (made.parent / "trytond.conf").write_text(f"[database]\nuri = sqlite://\npath = {made.parent}\n", encoding="utf-8")
            (made.parent / "pw").write_text("secret\n", encoding="utf-8")
            made.touch()
            env = {**os.environ, "TRYTONPASSFILE": str(made.parent / "pw")}
            plain = [installed(".venv-tryton", "trytond-admin"), "-c", str(made.parent / "trytond.conf"), "-d", "world"]
            subprocess.run([*plain, "--all", "--email", "admin@quill.example"], check=True, capture_output=True, env=env)
            modules = ["party", "sale", "web_shop", "web_user", "marketing_email"]
            subprocess.run([*plain, "-u", *modules, "--activate-dependencies"], check=True, capture_output=True, env=env)
            (made.parent / "whole").touch()
    return made


@pytest.fixture(scope="module")
def tryton(new_books):
    server = installed(".venv-tryton", "trytond")
    folder = servers.short_folder()
    port = servers.free_port()
    config = folder / "trytond.conf"
    config.write_text(f"[database]\nuri = sqlite://\npath = {folder}\n[web]\nlisten = 127.0.0.1:{port}\n", encoding="utf-8")
    shutil.copy(new_books, folder)
    process = servers.spawn([server, "-c", str(config), "-d", "world"], folder / "log")
    url = f"http://127.0.0.1:{port}/world"

    def answers():
        with contextlib.suppress(httpx.HTTPError):
            return httpx.get(url, trust_env=False).status_code < 500
        return False

    servers.wait_for(answers, seconds=120, what="Tryton")
    DATABASES[url] = folder / "world.sqlite"
    yield url
    servers.stop(process)
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="module")
def entered(tryton):
    """Ada with everything Tryton holds of her, and a namesake with the same."""
    erp = Erp(tryton)
    currency = erp.create("currency.currency", name="Pound", symbol="£", code="GBP", rounding=decimal("0.01"), digits=2)
    company = erp.create("company.company", party=erp.create("party.party", name="Quill & Co"), currency=currency)
    news = erp.create("marketing.email.list", name="News")
    erp.call("model.res.user.write", [erp.user], {"companies": [["add", [company]]], "company": company}, {})
    erp.context = {"company": company}

    def person(*pairs):
        street = [["create", [{"street": "1 Kiln Yard", "city": "Exampleton", "postal_code": "EX4 7LM"}]]]
        party = erp.create("party.party", name="Ada Smith", addresses=street, contact_mechanisms=contacts(*pairs))
        reference = f"party.party,{party}"
        note = erp.create("ir.note", resource=reference, message="Called about her order")
        letter = {"__class__": "bytes", "base64": base64.b64encode(b"Dear Sirs").decode()}
        attachment = erp.create("ir.attachment", name="letter.txt", type="data", data=letter, resource=reference)
        web = erp.create("web.user", email=pairs[0][1].lower(), party=party)
        entry = erp.create("marketing.email", email=pairs[0][1].lower(), list_=news)
        sale = erp.create("sale.sale", party=party, company=company, currency=currency)
        line = erp.create("sale.line", sale=sale, description="Ink", quantity=2, unit_price=decimal("3.50"), type="line")
        return {
            "party.party": [party], "web.user": [web], "marketing.email": [entry], "sale.sale": [sale], "sale.line": [line], "ir.note": [note],
            "ir.attachment": [attachment],
        }  # fmt: skip

    ada = person(("email", "Ada@Example.org"), ("email", "ada.work@example.org"), ("phone", "+44 20 7946 0018"), ("website", "https://ada.example"))
    other = person(("email", "ada@example.com"), ("phone", "+44 20 7946 0019"))
    erp.call("model.party.party.write", ada["party.party"], {"active": False}, {})  # archived: hers all the same
    return ada, other


def keys(dossier, source):
    found = worlds.rows(dossier)
    return {table.removeprefix(f"{source}."): [key for key, standing, _ in lines if standing == "found"] for table, lines in found.items()}


@pytest.mark.parametrize("identifier", ["email=ADA@example.org", "email=ada.work@example.org", "phone=020 7946 0018"])
def test_everything_tryton_holds_of_a_subject_is_found(tryton, entered, monkeypatch, identifier):
    monkeypatch.setenv("TRYTON_URL", tryton)
    monkeypatch.setenv("TRYTON_AUTH", "admin:secret")
    ada, _ = entered
    dossier = gathered("tryton", Tryton, [identifier])["R-0"]
    found = keys(dossier, "tryton")
    expected = dict(ada)
    if identifier != "email=ADA@example.org":
        del expected["marketing.email"]  # linked by the text of the first address only, and found once that is given
    assert {table: found[table] for table in expected} == expected
    assert len(found["party.address"]) == 1
    assert len(found["party.contact_mechanism"]) == 4
    assert set(found) <= {*ada, "party.address", "party.contact_mechanism"}


def test_a_namesake_and_many_subjects_are_kept_apart(tryton, entered, monkeypatch):
    monkeypatch.setenv("TRYTON_URL", tryton)
    monkeypatch.setenv("TRYTON_AUTH", "admin:secret")
    ada, other = entered
    dossiers = gathered("tryton", Tryton, ["email=ada@example.org"], ["email=ada@example.com"], ["email=nobody@example.org"])
    for request, mine in (("R-0", ada), ("R-1", other)):
        found = keys(dossiers[request], "tryton")
        assert {table: found[table] for table in mine} == mine
    assert keys(dossiers["R-2"], "tryton") == {}
    line = dossiers["R-0"].tables[next(a for a in dossiers["R-0"].tables if a.table == "sale.line")]
    assert [str(row["unit_price"]) for row in values.rows(line.frame)] == ["3.50"]


def test_the_map_fits_the_real_schema_and_a_wrong_password_fails(tryton, monkeypatch):
    monkeypatch.setenv("TRYTON_URL", tryton)
    monkeypatch.setenv("TRYTON_AUTH", "admin:secret")
    known = library("tryton")
    assert survey(known, {"tryton": Tryton(Settings("tryton", known.sources["tryton"], Path(), "GB"))}) == []
    monkeypatch.setenv("TRYTON_AUTH", "admin:wrong")
    said = worlds.results(gathered("tryton", Tryton, ["email=ada@example.org"])["R-0"])
    assert all(words.startswith("failed") for words in said.values()), said
    monkeypatch.setenv("TRYTON_URL", tryton.replace("/world", "/nowhere"))
    said = worlds.results(gathered("tryton", Tryton, ["email=ada@example.org"])["R-0"])
    assert all(words.startswith("failed") for words in said.values()), said


def test_the_draft_of_trytons_own_database_follows_its_texts(tryton, entered, tmp_path):
    """On SQLite Tryton declares no foreign keys; notes and attachments name table and key in a text."""
    declared = datamap.Source.model_construct(connector="sql", label="erp", owner="", url=f"sqlite:///{DATABASES[tryton]}", tables={}, ignored={})
    known = Sql(Settings("erp", declared, tmp_path, "GB")).schema()
    opened = Sql(Settings("erp", sample.provisional(declared, known), tmp_path, "GB"))
    text = draft("erp", opened, sample=sample.of(opened, known), connector="sql", url=declared.url, region="GB")
    (Path(os.environ.get("DSAR_KEEP", tmp_path)) / "draft.toml").write_text(text, encoding="utf-8")
    tables = parse(tomllib.loads(worlds.HEAD + text), Path("dsar.toml")).sources["erp"].tables
    assert all(table.guessed for table in tables.values())
    assert tables["ir_note"].match["reference"] == "resource"
    assert tables["party_party"].reveals["reference"] == datamap.Reveal(column="id", prefix="party.party,")
    assert tables["party_address"].match["party_party"] == "party"
    assert "party" in tables["sale_sale"].match["party_party"]
    assert tables["sale_line"].match["sale_sale"] == "sale"


# -- Mailman ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def mailman():
    program = installed(".venv-mailman", "mailman")
    folder = servers.short_folder()
    port, lmtp, smtp = (servers.free_port() for _ in range(3))
    config = folder / "mailman.cfg"
    config.write_text(
        f"[mailman]\nlayout: here\nsite_owner: owner@lists.example\n[paths.here]\nvar_dir: {folder}/var\n"
        f"[webservice]\nhostname: 127.0.0.1\nport: {port}\nadmin_user: admin\nadmin_pass: pass\n"
        f"[mta]\nincoming: mailman.mta.null.NullMTA\nlmtp_host: 127.0.0.1\nlmtp_port: {lmtp}\nsmtp_host: 127.0.0.1\nsmtp_port: {smtp}\n",
        encoding="utf-8",
    )
    as_root = ["--run-as-root"] if os.getuid() == 0 else []
    with (folder / "out").open("wb") as out:
        subprocess.run([program, *as_root, "-C", str(config), "start"], check=True, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    client = httpx.Client(base_url=f"http://127.0.0.1:{port}/3.1", auth=("admin", "pass"), timeout=60, trust_env=False)

    def answers():
        with contextlib.suppress(httpx.HTTPError):
            return client.get("/system/versions").status_code == 200
        return False

    try:
        servers.wait_for(answers, seconds=300, what="Mailman")  # fifteen processes, and a busy machine may have one core to spare
        yield client
    finally:
        with (folder / "out").open("ab") as out:
            subprocess.run([program, *as_root, "-C", str(config), "stop"], check=False, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
        shutil.rmtree(folder, ignore_errors=True)


def post(client, path, **data):
    answer = client.post(path, data=data)
    assert answer.status_code < 300, (path, answer.status_code, answer.text)
    return answer


@pytest.fixture(scope="module")
def subscribed(mailman):
    post(mailman, "/domains", mail_host="lists.example")
    for name in ("news", "offers"):
        post(mailman, "/lists", fqdn_listname=f"{name}@lists.example")
    done = {"pre_verified": True, "pre_confirmed": True, "pre_approved": True, "display_name": "Ada Smith"}
    for name in ("news", "offers"):
        post(mailman, "/members", list_id=f"{name}.lists.example", subscriber="Ada@Example.org", **done)
    post(mailman, "/members", list_id="news.lists.example", subscriber="ada@example.com", **done)
    # Gone from the lists, and still there:
    post(mailman, "/members", list_id="news.lists.example", subscriber="bob@example.org", **done)
    (member,) = mailman.get("/members/find", params={"subscriber": "bob@example.org"}).json()["entries"]
    assert mailman.delete(f"/members/{member['member_id']}").status_code == 204
    post(mailman, "/lists/offers.lists.example/bans", email="ada@example.org")
    post(mailman, "/bans", email="ada@example.org")
    post(mailman, "/members", list_id="news.lists.example", subscriber="cleo@example.org", display_name="Cleo")  # has yet to confirm
    return mailman


def test_everything_mailman_holds_is_found_and_the_namesake_is_not(subscribed, monkeypatch):
    monkeypatch.setenv("MAILMAN_URL", str(subscribed.base_url).rstrip("/"))
    monkeypatch.setenv("MAILMAN_AUTH", "admin:pass")
    people = ["ada@example.org", "bob@example.org", "cleo@example.org", "nobody@example.org"]
    dossiers = gathered("mailman", Mailman, *([f"email={p}"] for p in people))
    counts = {r: {t.removeprefix("mailman."): len(lines) for t, lines in worlds.rows(d).items()} for r, d in dossiers.items()}
    assert counts == {
        "R-0": {"addresses": 1, "users": 1, "members": 2, "bans": 2},
        "R-1": {"addresses": 1, "users": 1},
        "R-2": {"addresses": 1, "users": 1, "requests": 1},
        "R-3": {},
    }
    assert all(words.startswith(("found", "nothing")) for d in dossiers.values() for words in worlds.results(d).values())
    everything = json.dumps([values.rows(t.frame) for t in dossiers["R-0"].tables.values()], default=str)
    assert "ada@example.com" not in everything


def test_mailman_with_a_wrong_key_or_address_fails(subscribed, monkeypatch):
    url = str(subscribed.base_url).rstrip("/")
    for address, key in ((url, "admin:wrong"), (url.removesuffix("/3.1"), "admin:pass")):
        monkeypatch.setenv("MAILMAN_URL", address)
        monkeypatch.setenv("MAILMAN_AUTH", key)
        said = worlds.results(gathered("mailman", Mailman, ["email=ada@example.org"])["R-0"])
        assert all(words.startswith("failed") for words in said.values()), said
