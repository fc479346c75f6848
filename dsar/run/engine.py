"""A papermill engine that runs each notebook's cells in a process forked from a warm one, without a kernel's sockets.

Papermill reads, parameterizes, writes and raises; nbclient turns messages into outputs; ipykernel runs the cells (`dsar.run.cells`).
What is left out is a kernel's five sockets and six threads there, and the event loop here.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from signal import SIGINT
from time import monotonic
from types import SimpleNamespace
from typing import Any

from jupyter_client.session import Session
from nbclient.client import timestamp
from nbclient.exceptions import CellExecutionComplete, CellExecutionError, CellTimeoutError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NBClientEngine, papermill_engines
from papermill.log import logger

from dsar.run import forks
from dsar.run.line import Cells, Message, Printed

NAME = "dsar"
PRINTED = 1 << 20  # characters of a cell that are kept: the rest would fill this process, which has no limit, and the disk
_MORE = "\n[more was printed, and is not kept]\n"
LEAVING = 10  # seconds that what is registered to run at exit may take


class WarmEngine(NBClientEngine):  # type: ignore[misc]
    """Runs cells in a fork; where there can be none, or in another language, in a kernel as papermill does."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, memory: int = 0, **options: Any) -> Any:
        """Run all cells; `memory` is in bytes, 0 for as many as there are. Raises what papermill raises.

        The notebook is written at the end, however that comes: papermill writes and validates it twice per cell, which took half of its time.
        """
        path, nb_man.output_path = nb_man.output_path, None
        try:
            if cells := _forked(kernel_name, memory):
                return _client(nb_man, kernel_name, cells, **options).execute()
            return super().execute_managed_notebook(nb_man, kernel_name, **options)
        finally:
            nb_man.output_path = path


papermill_engines.register(NAME, WarmEngine)


def _forked(kernel_name: str, memory: int) -> Cells | None:
    if not forks.FORKS or kernel_name != "python3":
        return None
    try:
        return Cells(memory)
    except OSError as error:
        logger.warning("%s: this kernel starts cold, and its memory is not limited", error)
        return None


def _client(nb_man: Any, kernel_name: str, cells: Cells, execution_timeout: int | None = None, **options: Any) -> "Client":
    given = {name: value for name, value in options.items() if name in Client.class_trait_names()}
    if execution_timeout:
        given["timeout"] = execution_timeout
    return Client(nb_man, cells, **given, kernel_name=kernel_name, log=logger)


class Client(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, but for how it reaches the cells."""

    def __init__(self, nb_man: Any, cells: Cells, **options: Any) -> None:
        super().__init__(nb_man, **options)
        self._cells = cells
        self._session = Session()
        channel = SimpleNamespace(send=cells.send)  # for widgets, which answer
        self.kc = SimpleNamespace(session=self._session, shell_channel=channel, kernel_info=lambda: self._session.msg("kernel_info_request"))

    @contextmanager
    def setup_kernel(self, **_: Any) -> Iterator[None]:
        """Let the cells' process end with the notebook."""
        patience = 0
        try:
            yield
            patience = LEAVING
        finally:
            self._cells.end(patience)

    def wait_for_reply(self, request: Message, cell: Any = None) -> Message:
        """Return the answer to a request that concerns no cell."""
        del cell
        self._cells.send(request)
        for message in self._cells.messages(None):
            if not isinstance(message, Printed) and message["msg_type"].endswith("_reply"):
                return message
        raise AssertionError

    def execute_cell(self, cell: Any, cell_index: int, *_: Any, **__: Any) -> Any:
        """Run a cell and fill in its outputs; raises nbclient's errors."""
        if cell.cell_type != "code" or not cell.source.strip() or self.skip_cells_with_tag in cell.metadata.get("tags", []):
            return cell
        if self.record_timing:
            cell.metadata["execution"] = {}
        cell.outputs = []
        self.clear_before_next_output = False
        content = {"code": cell.source, "silent": False, "store_history": True, "user_expressions": {}, "allow_stdin": False}
        request = self._session.msg("execute_request", content)
        self._cells.send(request)
        reply = self._until_idle(request["header"]["msg_id"], cell, cell_index)
        if self.record_timing:
            cell.metadata["execution"]["shell.execute_reply"] = timestamp(reply)
        if reply["content"]["status"] == "error" and not self._allowed(reply["content"], cell):
            raise CellExecutionError.from_cell_and_msg(cell, reply["content"])
        return cell

    def _allowed(self, error: Message, cell: Any) -> bool:
        named = error.get("ename") in self.allow_error_names or "raises-exception" in cell.metadata.get("tags", [])
        return (self.allow_errors or named) and not self.force_raise_errors

    def _until_idle(self, request: str, cell: Any, cell_index: int) -> Message:
        reply: Message = {}
        printed: dict[str, list[str]] = {"stdout": [], "stderr": []}
        room = PRINTED
        try:
            for message in self._in_time(cell):
                if isinstance(message, Printed):
                    if room >= 0:
                        more = len(message.text) > room
                        printed[message.name].append(message.text[:room] + (_MORE if more else ""))
                        room = -1 if more else room - len(message.text)
                elif message["parent_header"].get("msg_id") != request:
                    continue
                elif message["msg_type"] == "execute_reply":
                    reply = message
                else:
                    self._show(printed, request, cell, cell_index)
                    self.process_message(message, cell, cell_index)
        except CellExecutionComplete:
            pass
        finally:
            self._show(printed, request, cell, cell_index)  # also where it died or hangs
        return reply

    def _show(self, printed: dict[str, list[str]], request: str, cell: Any, cell_index: int) -> None:
        for name, texts in printed.items():  # in the order in which a kernel empties its buffers
            if text := "".join(texts):
                texts.clear()
                header = {"header": {"msg_type": "stream"}, "parent_header": {"msg_id": request}}
                self.process_message({**header, "msg_type": "stream", "content": {"name": name, "text": text}}, cell, cell_index)

    def _in_time(self, cell: Any) -> Iterator[Message | Printed]:
        timeout = self._get_timeout(cell)
        while True:
            yield from self._cells.messages(None if timeout is None else monotonic() + timeout)
            if not self.interrupt_on_timeout:
                raise CellTimeoutError.error_from_timeout_and_cell("Cell execution timed out", timeout, cell)
            self._cells.process.send_signal(SIGINT)
