"""The request that somebody picked at the desk: whoever works here goes on with it, each user with their own."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dsar import files
from dsar.errors import UnknownRequest
from dsar.request.case import Case


@dataclass(frozen=True)
class Picked:
    """What one user picked last, kept beside the case folders."""

    folder: Path
    user: str

    @property
    def _file(self) -> Path:
        return self.folder / f".picked-{quote(self.user, safe='')}"

    @property
    def last(self) -> str:
        """The id of the request picked last, or an empty text."""
        return self._file.read_text(encoding="utf-8") if self._file.is_file() else ""

    def note(self, request_id: str) -> None:
        """Note a request as picked."""
        files.write_atomic(self._file, request_id)

    def required(self, cases: Iterable[Case]) -> str:
        """Return the request picked last; raises `UnknownRequest` where none is."""
        if self.last:
            return self.last
        if all(case.closed for case in cases):
            raise _nothing_open()
        remedy = "pick one in the notebook desk, or write its id into request_id above"
        raise UnknownRequest("no request is picked", where="request_id", remedy=remedy)

    def or_first(self, due: Sequence[str]) -> str:
        """Return the request picked last if it is among the open ones, else the one due first; raises `UnknownRequest` where none is open."""
        if not due:
            raise _nothing_open()
        return self.last if self.last in due else due[0]


def _nothing_open() -> UnknownRequest:
    return UnknownRequest("no case is open", where="the register", remedy="register a letter at the desk")
