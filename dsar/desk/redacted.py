"""The redacted copy of a document, which a person made: taken only where it is not the original in disguise.

A black box drawn over words leaves the words in the file, and a program that saves by appending leaves the whole original in front.
"""

import hashlib
import re
from pathlib import Path

from dsar import files
from dsar.answer import decode
from dsar.errors import BadRuling

FOLDER = "redacted"
_WORD = re.compile(r"\w+")
_PICTURES = {b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"II*\x00", b"MM\x00*", b"RIFF"}


def take_in(original: bytes, copy: Path, case: Path) -> str:
    """Keep a person's redacted copy of a document in the case folder and return its SHA-256; raises `BadRuling` where something speaks against it."""
    try:
        made = copy.read_bytes()
    except OSError:
        raise BadRuling("the redacted copy is not there, or cannot be opened", where=copy.name, remedy="name the file you made") from None
    if not made or made == original:
        raise BadRuling("this is the original itself" if made else "the redacted copy is empty", where=copy.name, remedy="name the file you made")
    if original in made:
        raise BadRuling("the original lies inside the redacted copy", where=copy.name, remedy="print it anew as a PDF, rather than saving it")
    if not made.startswith((b"%PDF", *_PICTURES)):
        raise BadRuling("is neither a PDF nor a picture", where=copy.name, remedy="print it as a PDF: other formats keep what was crossed out")
    left = _words(original)
    still = _words(made)
    if left and not left - still:
        raise BadRuling(
            "every word of the original can still be read in it", where=copy.name, remedy="a box over words hides nothing: take them out, then print"
        )
    digest = hashlib.sha256(made).hexdigest()
    files.private_dir(case / FOLDER)
    files.write_atomic(case / FOLDER / digest, made)
    return digest


def _words(content: bytes) -> set[str]:
    """Return the words of a PDF; of a picture there are none."""
    if not content.startswith(b"%PDF"):
        return set()
    found = list(decode.opened("document.pdf", content))
    if any(piece.unread and len(piece.path) == 1 for piece in found):
        raise BadRuling("a PDF cannot be read for its words", where="redacted copy", remedy="install poppler (pdftotext), or print it anew")
    # Of a scan there are none: its pages are pictures.
    pages = [piece for piece in found if len(piece.path) > 1 and piece.path[1].startswith("page ")]
    return {word for piece in pages for word in _WORD.findall(piece.text.casefold())}
