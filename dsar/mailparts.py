"""What a mail says and what is attached to it: each of its parts is one of the two, or an alternative to what it says."""

from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

from dsar.htmltext import plain


def text(mail: EmailMessage) -> str:
    """Return all that a reader sees as the mail's text, what stands after a picture too; of alternatives the plain one, where it says anything.

    Alternatives are the same in other forms (RFC 2046, section 5.1.4). A text with a file name is an attachment, unless there is no other.
    """
    found = list(_texts(mail))
    return "\n".join(_said(part) for part in [part for part in found if not part.get_filename()] or found)


def attached(mail: EmailMessage) -> Iterator[tuple[str, bytes]]:
    """Yield name and content of all else, pictures inside a text too; a mail in a mail is one thing, whole."""
    for part in _leaves(mail):
        if part.get_content_maintype() == "message" and part.is_multipart():
            yield part.get_filename() or "mail.eml", b"\n".join(inner.as_bytes() for inner in part.get_payload())
        elif part.get_filename() or not _is_text(part):
            content = part.get_payload(decode=True)
            yield part.get_filename() or "unnamed", content if isinstance(content, bytes) else b""


def _leaves(part: Any) -> Iterator[Any]:
    if part.is_multipart() and part.get_content_maintype() != "message":
        for inner in part.iter_parts():
            yield from _leaves(inner)
    else:
        yield part


def _texts(part: Any) -> Iterator[Any]:
    if part.get_content_subtype() == "alternative" and part.is_multipart():
        ways = [list(_texts(inner)) for inner in part.iter_parts()]
        yield from min(ways, key=lambda way: (not any(map(_said, way)), any(p.get_content_subtype() == "html" for p in way)), default=())
    elif part.is_multipart() and part.get_content_maintype() != "message":
        for inner in part.iter_parts():
            yield from _texts(inner)
    elif _is_text(part):
        yield part


def _is_text(part: Any) -> bool:
    return part.get_content_type() in {"text/plain", "text/html"} and part.get_content_disposition() != "attachment"


def _said(part: Any) -> str:
    said = str(part.get_content())
    return (plain(said) if part.get_content_subtype() == "html" else said).strip()
