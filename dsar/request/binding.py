"""One register, one workspace: the register's key lies with the workspace's keys, and a mark of that key in the register.

Requests of another workspace would be answered from systems that do not hold them, and of a register that is not asked nobody is answered.
"""

import secrets
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from dsar import keys
from dsar.errors import RegisterUnusable, WorkspaceMissing
from dsar.request import tables

_PURPOSE = "register"  # the key's name
_SECRET, _MARK = "secret", "secret is with the keys"  # notes of the register
_UNMARKED = "1"  # as registers were that did not know whose they are
_ANOTHER = "check DSAR_REGISTER: each workspace has a register of its own"


def bind(engine: sa.Engine, home: Path | None) -> None:
    """See to it that a register has a key, and that it and the workspace `home` go together; raises `RegisterUnusable` where they do not.

    None: it is no workspace's, and keeps its key itself. The key is in both places until it is safe in its own, so a run that is killed here is
    completed by the next.
    """
    if home is None:
        _begin(engine, "")
        return
    key = _key(home)
    kept, mark = _notes(engine)
    if key and mark == _mark(key) and not kept:
        return
    kept, mark = _begin(engine, key)
    if kept:
        key = key or keys.key(home, _PURPOSE, given=bytes.fromhex(kept)).hex()
    if not key or mark != _mark(key):
        lost = f"; where it is this one's, bring back its key `{_PURPOSE}.key`, or name the folder of that in DSAR_KEYS"
        raise RegisterUnusable("this register belongs to another workspace" + ("" if key else ", or the key is lost"), remedy=_ANOTHER + lost)
    with engine.begin() as connection:
        tables.set_note(connection, _SECRET, "")


def _begin(engine: sa.Engine, key: str) -> tuple[str, str]:
    """Give a register that has none its key, and return the key it keeps and the mark; `key` is the workspace's, '' where none is there."""
    with engine.begin() as connection:
        tables.lock(connection)
        kept, mark = (tables.note(connection, note) for note in (_SECRET, _MARK))
        if mark == _UNMARKED:
            mark = _mark(key) if key else mark
        elif not mark:
            if key and key != kept:
                remedy = f"{_ANOTHER}; where a new one is meant, move the key `{_PURPOSE}.key` out of this workspace's keys"
                raise RegisterUnusable("the requests of this workspace stand in another register", remedy=remedy)
            kept = kept or secrets.token_hex(32)
            mark = _mark(kept)
        tables.set_note(connection, _SECRET, kept)
        tables.set_note(connection, _MARK, mark)
        return kept, mark


def secret(engine: sa.Engine, home: Path | None) -> str:
    """Return the key of a register, in hexadecimal; raises `WorkspaceMissing` where it is lost."""
    return _notes(engine)[0] if home is None else keys.key(home, _PURPOSE, make=False).hex()


def _notes(engine: sa.Engine) -> tuple[str, str]:
    with engine.connect() as connection:
        return tables.note(connection, _SECRET), tables.note(connection, _MARK)


def _key(home: Path) -> str:
    with suppress(WorkspaceMissing):
        return keys.key(home, _PURPOSE, make=False).hex()
    return ""


def _mark(key: str) -> str:
    return keys.keyed(bytes.fromhex(key), "the register's")[:16]
