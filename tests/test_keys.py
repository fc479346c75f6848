"""Secrets are in the environment or in the system's keyring, under one spelling, and nowhere else."""

import io
import logging
import traceback
from concurrent.futures import ThreadPoolExecutor, wait

import keyring
import pytest

from connectors.sql import Sql
from dsar import keys, source
from dsar.datamap import Source
from dsar.errors import BadMap, SourceUnreachable
from dsar.source import Match, Want
from tests.keyrings import InFile

PASSWORD = "hunter-zwei-zqcanary"


@pytest.fixture
def ring(tmp_path, monkeypatch):
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "ring.json"))
    before = keyring.get_keyring()
    keyring.set_keyring(InFile())
    yield keyring
    keyring.set_keyring(before)


def declared(url):
    column = {"category": "user"}
    table = {"label": "T", "activity": "a", "key": ["id"], "match": {"email": "email"}, "columns": {"id": column, "email": column}}
    shop = {"connector": "sql", "url": url, "label": "Shop", "owner": "o@x.org", "without_tls": "a test", "tables": {"t": table}}
    return Source.model_validate(shop)


def test_the_keyring_is_asked_for_what_the_environment_does_not_name(ring, monkeypatch, tmp_path):
    settings = source.Settings("shop", declared("${SHOP_URL}"), tmp_path)
    monkeypatch.delenv("SHOP_URL", raising=False)
    with pytest.raises(BadMap, match="keyring set dsar SHOP_URL"):
        settings.expand("${SHOP_URL}")
    ring.set_password("dsar", "SHOP_URL", "sqlite:///kept.db")
    assert settings.expand("${SHOP_URL}") == "sqlite:///kept.db"
    monkeypatch.setenv("SHOP_URL", "sqlite:///told.db")
    assert settings.expand("${SHOP_URL}") == "sqlite:///told.db"
    assert keys.secret("NO_SUCH_NAME") is None


def test_a_key_that_two_make_at_once_is_one(tmp_path, monkeypatch):
    real, others = keys.secrets.token_bytes, []
    with ThreadPoolExecutor(1) as pool:

        def meanwhile(size):
            if not others:
                others.append(None)
                others[0] = pool.submit(keys.key, tmp_path, "ledger")
                wait(others, timeout=1)
            return real(size)

        monkeypatch.setattr(keys.secrets, "token_bytes", meanwhile)
        mine = keys.key(tmp_path, "ledger")
        assert others[0].result() == mine == keys.key(tmp_path, "ledger", make=False)


def test_a_secret_of_the_keyring_is_in_no_repr_message_traceback_or_log(ring, tmp_path, caplog):
    ring.set_password("dsar", "SHOP_URL", f"postgresql+psycopg://desk:{PASSWORD}@127.0.0.1:1/shop")
    settings = source.Settings("shop", declared("${SHOP_URL}"), tmp_path)
    opened = Sql(settings)
    told = io.StringIO()
    with caplog.at_level(logging.DEBUG):
        try:
            list(opened.read(Match("t", (Want("r", "email", "a@x.org"),))))
        except SourceUnreachable as error:
            traceback.print_exception(error, file=told)
            told.write(f"{error} {error!r} {error.args}")
    told.write(f"{settings!r} {opened!r} {vars(opened)!r} {settings.declared!r} {caplog.text}")
    assert "SourceUnreachable" in told.getvalue()
    assert PASSWORD not in told.getvalue()
