"""Secret keys, kept apart from what they protect: in `$DSAR_KEYS`, a folder on another disk, else in the workspace's `secrets/`.

Passwords and addresses of systems, which the map names as `${NAME}`, are in the environment or in the system's keyring.
"""

import hashlib
import hmac
import os
import secrets
from pathlib import Path

from filelock import FileLock

from dsar import files
from dsar.errors import WorkspaceMissing

SERVICE = "dsar"  # under which the keyring keeps what is ours


def key(root: Path, purpose: str, *, make: bool = True, given: bytes | None = None) -> bytes:
    """Return the key of a purpose (32 bytes), made (or taken as `given`) when first asked for.

    Raises `WorkspaceMissing` where it is lost and not to be made.
    """
    named = os.environ.get("DSAR_KEYS")
    folder = files.private_dir(Path(named) if named else root / "secrets")
    path = folder / f"{purpose}.key"
    if not path.exists():
        if not make:
            raise WorkspaceMissing(f"the key '{purpose}' is not there", where=str(folder), remedy="bring it back, or name its folder in DSAR_KEYS")
        with FileLock(folder / f"{purpose}.making", mode=0o600):  # what two make at once, one of them would sign with a key that is gone
            if not path.exists():
                files.write_atomic(path, given or secrets.token_bytes(32))
    return path.read_bytes()


def secret(name: str) -> str | None:
    """Return what the environment, else the system's keyring, keeps under a name (`keyring set dsar NAME`); None where neither does."""
    if (told := os.environ.get(name)) is not None:
        return told
    try:
        import keyring

        return keyring.get_password(SERVICE, name)
    except ImportError:
        return None
    except Exception:  # noqa: BLE001 - each system's keyring has errors of its own; without one, the environment is all there is
        return None


def keyed(secret: bytes, *parts: str) -> str:
    """Return HMAC-SHA256 of the parts, in hexadecimal: equal for equal parts, and nothing to anybody without the key."""
    return hmac.new(secret, "\0".join(parts).encode(), hashlib.sha256).hexdigest()
