"""What is kept under lock: bytes that only whoever has the key can read, and that show when they were changed."""

import base64

from cryptography.fernet import Fernet, InvalidToken

from dsar.errors import WorkspaceMissing


def lock(secret: bytes, data: bytes) -> bytes:
    """Return the data encrypted under a key of 32 bytes (Fernet: AES-128 and HMAC-SHA256)."""
    return Fernet(_fernet(secret)).encrypt(data)


def unlock(secret: bytes, locked: bytes, where: str) -> bytes:
    """Return what was locked; raises `WorkspaceMissing` where the key is another, or the bytes were changed."""
    try:
        return Fernet(_fernet(secret)).decrypt(locked)
    except InvalidToken as error:
        raise WorkspaceMissing("cannot be unlocked: another key, or it was changed", where=where, remedy="bring back the key or the file") from error


def _fernet(secret: bytes) -> bytes:
    return base64.urlsafe_b64encode(secret)
