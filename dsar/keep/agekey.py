"""The key of the sealed case folders: in the system's keyring, or told by the command that `$DSAR_KEY_COMMAND` names.

Only whoever opens a workspace needs it. It is never an argument, in the environment, in a file of ours or in a message: what
is written down, in the workspace, is the public half.
"""

import os
import shlex
import subprocess
from typing import Any

from dsar.errors import KeyMissing

SERVICE, COMMAND = "dsar", "DSAR_KEY_COMMAND"
_BEGINS = "AGE-SECRET-KEY-"


def identity(recipient: str) -> Any:
    """Return the key that belongs to a public key; raises `KeyMissing`."""
    for text in _told() if os.environ.get(COMMAND) else _kept(recipient):
        found = _parsed(text)
        if str(found.to_public()) == recipient:
            return found
    place = f"what {COMMAND} runs" if os.environ.get(COMMAND) else "the keyring of this account"
    raise KeyMissing(f"{place} has no key for {recipient}", where="sealed/", remedy="bring the key back; nothing was lost, and nothing opened")


def new() -> str:
    """Make a key, or take the last that the command tells, and return its public half, once the key is seen to be kept; raises `KeyMissing`."""
    if os.environ.get(COMMAND):
        told = _told()
        if not told:
            raise KeyMissing("tells no key", where=COMMAND, remedy="let it print one as `age-keygen` makes it")
        return str(_parsed(told[-1]).to_public())
    made = _age().x25519.Identity.generate()
    recipient = str(made.to_public())
    _keyring("set_password", SERVICE, recipient, str(made))
    if _kept(recipient) != [str(made)]:
        raise KeyMissing("does not keep what is put into it", where="the keyring", remedy=f"unlock it, or name a command in {COMMAND}")
    return recipient


def _told() -> list[str]:
    """Return the keys that the command prints, one a line, as `age-keygen` writes them."""
    try:
        done = subprocess.run(shlex.split(os.environ[COMMAND]), check=True, stdout=subprocess.PIPE, timeout=120)  # noqa: S603 - the analyst's own
    except (OSError, ValueError, subprocess.SubprocessError) as error:
        raise KeyMissing(f"the command did not tell a key ({type(error).__name__})", where=COMMAND, remedy="run it by hand") from None
    return [line.strip() for line in done.stdout.decode("utf-8", "replace").splitlines() if line.strip().startswith(_BEGINS)]


def _kept(recipient: str) -> list[str]:
    found = _keyring("get_password", SERVICE, recipient)
    return [found] if found else []


def _keyring(what: str, *words: str) -> str | None:
    try:
        import keyring

        answer: str | None = getattr(keyring, what)(*words)
    except ImportError:
        raise KeyMissing("keyring is not installed", where="sealed/", remedy="pip install 'dsar[sealed]'") from None
    except Exception as error:  # noqa: BLE001 - each system's keyring has errors of its own, and they may quote what they were given
        remedy = f"unlock it, or name a command in {COMMAND}"
        raise KeyMissing(f"the keyring does not answer ({type(error).__name__})", where="sealed/", remedy=remedy) from None
    return answer


def _parsed(text: str) -> Any:
    pyrage = _age()
    try:
        return pyrage.x25519.Identity.from_str(text)
    except pyrage.IdentityError:
        raise KeyMissing(
            "is no key of age's", where=COMMAND if os.environ.get(COMMAND) else "the keyring", remedy="look what is kept there"
        ) from None


def _age() -> Any:
    try:
        import pyrage
    except ImportError:
        raise KeyMissing("pyrage is not installed", where="sealed/", remedy="pip install 'dsar[sealed]'") from None
    return pyrage
