"""Files under a passphrase: a workbook that Office opens with it, and AES-256 zips of a size a mail bears."""

import io
import secrets
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

import msoffcrypto.format.ooxml
import pyzipper
from pyzipper.zipfile_aes import AESZipInfo

from dsar import files
from dsar.errors import DeliveryRefused

ALPHABET = "23456789abcdefghjkmnpqrstuvwxyz"  # no letter that is mistaken for another when it is read out
GROUPS, LETTERS = 5, 4  # 20 letters of 31: 99 bits
_EXTRA = 1 << 10  # bytes an entry of a zip takes beside its content


def passphrase() -> str:
    """Return a fresh passphrase of 99 bits, in groups that can be read out on the telephone."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(LETTERS)) for _ in range(GROUPS))


def workbook(source: Path, target: Path, phrase: str) -> Path:
    """Write a workbook that asks for the passphrase (ECMA-376 agile encryption, AES-256) and return its path."""
    out = io.BytesIO()
    with source.open("rb") as file:
        msoffcrypto.format.ooxml.OOXMLFile(file).encrypt(phrase, out)
    files.write_atomic(target, out.getvalue())
    return target


def archives(entries: Mapping[str, bytes], target: Path, phrase: str, limit: int) -> list[Path]:
    """Write AES-256 zips of at most about `limit` bytes, each of which opens by itself, and return their paths.

    The names of the entries can be read without the passphrase. Raises `DeliveryRefused` where one entry
    alone is larger.
    """
    parts = _parts(entries, limit)
    names = [target] if len(parts) == 1 else [target.with_name(f"{target.stem}_part-{n}-of-{len(parts)}.zip") for n in range(1, len(parts) + 1)]
    for names_inside, path in zip(parts, names, strict=True):
        out = io.BytesIO()
        with pyzipper.AESZipFile(out, "w", compression=ZIP_DEFLATED, encryption=pyzipper.WZ_AES) as archive:
            archive.setpassword(phrase.encode())
            archive.setencryption(pyzipper.WZ_AES, nbits=256)
            for name in names_inside:
                archive.writestr(_entry(name), entries[name])
        files.write_atomic(path, out.getvalue())
    return names


def unpacked(paths: Sequence[Path]) -> dict[str, bytes]:
    """Return the files as entries of one archive; what a zip among them holds stands beside it, not in a zip within a zip."""
    entries: dict[str, bytes] = {}
    for path in paths:
        if path.suffix == ".zip":
            with ZipFile(path) as archive:
                entries |= {name: archive.read(name) for name in archive.namelist()}
        else:
            entries[path.name] = path.read_bytes()
    return entries


def _parts(entries: Mapping[str, bytes], limit: int) -> list[list[str]]:
    parts: list[list[str]] = [[]]
    filled = 0
    for name, content in entries.items():
        size = len(zlib.compress(content)) + _EXTRA
        if size > limit:
            raise DeliveryRefused(
                "a file of the answer is larger than a mail bears", remedy="deliver it by hand: by a link behind a login, or by post"
            )
        if filled + size > limit:
            parts.append([])
            filled = 0
        parts[-1].append(name)
        filled += size
    return parts


def _entry(name: str) -> ZipInfo:
    entry: ZipInfo = AESZipInfo(name, (1980, 1, 1, 0, 0, 0))
    entry.compress_type = ZIP_DEFLATED
    entry.external_attr = 0o600 << 16
    return entry
