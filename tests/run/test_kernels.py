"""What is forked from a warm process does all that plain kernels do, and shares nothing.

Each test runs in both ways: cells over one line, as the batch does, and kernels with their sockets, as JupyterLab and Airflow do.
"""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import nbformat
import papermill
import pytest
from jupyter_client import BlockingKernelClient, KernelManager
from jupyter_client.provisioning import KernelProvisionerFactory
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from papermill.exceptions import PapermillExecutionError
from traitlets.config import Config

from dsar.run import engine, forks, kernels
from dsar.run.forks import CELLS, Forked
from dsar.run.line import Cells

pytestmark = pytest.mark.skipif(not forks.FORKS, reason="processes are forked on Linux")
CELLS_ONLY = pytest.mark.parametrize("warm", ["cells"], indirect=True)
KERNEL_ONLY = pytest.mark.parametrize("warm", ["kernel"], indirect=True)
WAYS = {"cells": CELLS, "kernel": kernels.WARM}

EVERYTHING = [
    "print('plain'); import sys; print('complaint', file=sys.stderr)",
    # Waits: a plain kernel reads what is written below Python in a thread, and may miss it where the cell has ended before.
    "import os, time; os.write(1, b'from below\\n'); time.sleep(1)",
    (
        "from IPython.display import HTML, display, update_display\ndisplay(HTML('<b>one</b>'), display_id='x')\n"
        "update_display(HTML('<b>two</b>'), display_id='x')"
    ),
    "import pandas as pd, dsar.listing; pd.DataFrame({'a': [1, 2]})",
    "import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.title('a picture'); plt.show()",
    "import duckdb; duckdb.sql('select sum(i) from range(1000000) t(i)').fetchall()",
    "import pyarrow as pa, pyarrow.compute as pc; pc.sum(pa.array(range(1000))).as_py()",
    "import io, pyarrow.parquet as pq; f = io.BytesIO(); pq.write_table(pa.table({'a': range(9)}), f); pq.read_table(f).num_rows",
    # Closed here: left to the collector, it complains where that runs in another thread, in any kernel, now and then.
    "import sqlalchemy as sa\nwith sa.create_engine('sqlite://').connect() as opened:\n    print(opened.execute(sa.text('select 7')).scalar_one())",
    "import subprocess; subprocess.run(['echo', 'a child'], check=True, capture_output=True, text=True).stdout",
    "from concurrent.futures import ThreadPoolExecutor; list(ThreadPoolExecutor(2).map(str, [1, 2]))",
    "await __import__('asyncio').sleep(0.01, 'awaited')",
    "import numpy as np; float(np.linalg.norm(np.ones((300, 300)) @ np.ones((300, 300))))",
    "%timeit -n 1 -r 1 -q 1\n!echo shell",
    "from IPython.display import clear_output; print('gone'); clear_output(); print('a', end=''); print('b')",
    "import ipywidgets; out = ipywidgets.Output()\nwith out:\n    print('kept in a widget'); display(HTML('<i>and this</i>'))\nout",
    "ipywidgets.IntSlider(3, description='how many')",
    "len(out.outputs), out.outputs[0]['text']",
    "get_ipython().__class__.__name__, In[1][:5], get_ipython().execution_count, 'IPKernelApp' in get_ipython().config",
    "print('x' * 300_000); import warnings; warnings.warn('told once', stacklevel=1)",
    "import logging; logging.getLogger('a').warning('logged')",
    "try:\n    input('who?')\nexcept Exception as refused:\n    print(repr(refused))",
    "os.getcwd(), os.environ['MPLBACKEND'].split('.')[-1], sys.path[0], sys.argv[0].split('/')[-1].removesuffix('.py'), __name__",
]


@pytest.fixture(autouse=True, params=WAYS)
def warm(request, monkeypatch):
    """The warm process that the test forks from."""
    monkeypatch.setenv("JUPYTER_DEFAULT_PROVISIONER_NAME", "dsar-warm" if request.param == "kernel" else "local-provisioner")
    KernelProvisionerFactory.clear_instance()
    yield WAYS[request.param]
    KernelProvisionerFactory.clear_instance()


def run(warm, tmp_path, *cells, memory=0, **options):
    """Return the executed notebook."""
    made = [nbformat.v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nb = nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel})
    sockets = {"transport": "ipc", "ip": str(tmp_path / f"k{random.random()}")}
    config = Config({"KernelManager": sockets, "WarmProvisioner": {"memory": memory}})
    if warm is CELLS:
        options |= {"engine_name": engine.NAME, "memory": memory}
    return papermill.execute_notebook(nb, tmp_path / "out.ipynb", progress_bar=False, cwd=tmp_path, config=config, **options)


def by_papermill_itself(tmp_path, *cells):
    """Return the notebook as the plain command executes it, in a process of its own: what it leaves to the collector ends with it."""
    made = [nbformat.v4.new_code_cell(source, id=f"cell-{n}") for n, source in enumerate(cells)]
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    nbformat.write(nbformat.v4.new_notebook(cells=made, metadata={"kernelspec": kernel}), tmp_path / "in.ipynb")
    words = ["papermill", "--no-progress-bar", "--execution-timeout", "60", "--cwd", tmp_path, tmp_path / "in.ipynb", tmp_path / "out.ipynb"]
    env = {k: v for k, v in os.environ.items() if k != "PYTEST_CURRENT_TEST"} | {"JUPYTER_DEFAULT_PROVISIONER_NAME": "local-provisioner"}
    done = subprocess.run([sys.executable, "-m", *map(str, words)], check=False, timeout=240, env=env, capture_output=True, text=True)
    if "CellTimeoutError" in done.stderr:
        raise CellTimeoutError
    assert done.returncode == 0, done.stderr
    return nbformat.read(tmp_path / "out.ipynb", as_version=4)


def at_last(execute):
    """Return what was executed, asked again where nbclient missed the answer to a cell with a widget, and waits for good (its issue 312)."""
    for _ in range(2):
        with suppress(CellTimeoutError):
            return execute()
    return execute()


def shown(nb):
    """Return what the cells put out, without what differs from run to run by nature."""
    text = json.dumps([[cell.execution_count, *joined(cell.outputs)] for cell in nb.cells])
    text = re.sub(r"/tmp/ipykernel_\d+/\d+\.py|IPY_MODEL_\w+|[0-9a-f]{32}", "", text)
    return json.loads(text)


def joined(outputs):
    """Return outputs with what one stream said in several pieces as one: a kernel on a busy machine cuts it by time."""
    whole = []
    for output in map(dict, outputs):
        if whole and output["output_type"] == "stream" == whole[-1]["output_type"] and output["name"] == whole[-1]["name"]:
            whole[-1]["text"] += output["text"]
        else:
            whole.append(output)
    return whole


def noted(nb):
    """Return what is noted beside each cell: the names of it, since times differ."""
    return [(sorted(c.metadata), sorted(c.metadata.execution), sorted(c.metadata.papermill), c.metadata.papermill.status) for c in nb.cells]


def last(nb):
    return nb.cells[-1].outputs[-1].get("text") or nb.cells[-1].outputs[-1].data["text/plain"]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A folder, and what a plain kernel puts out there."""
    folder = tmp_path_factory.mktemp("plain")
    return folder, at_last(lambda: by_papermill_itself(folder, *EVERYTHING))


def test_everything_a_cell_can_put_out_is_as_with_a_plain_kernel(warm, plain, monkeypatch):
    folder, plain = plain
    monkeypatch.delenv("PYTEST_CURRENT_TEST")  # where ipykernel sees it, it does not catch what is written below Python
    forked = at_last(lambda: run(warm, folder, *EVERYTHING, "import os; os.getppid()", execution_timeout=60))
    assert last(forked) == str(warm.pid)
    del forked.cells[-1]
    assert len(forked.cells) == len(plain.cells)
    for source, ours, theirs in zip(EVERYTHING, shown(forked), shown(plain), strict=True):
        assert ours == theirs, source
    assert noted(forked) == noted(plain)
    assert forked.metadata.language_info == plain.metadata.language_info
    states = [nb.metadata.widgets["application/vnd.jupyter.widget-state+json"]["state"] for nb in (forked, plain)]
    assert sorted(s["model_name"] for s in states[0].values()) == sorted(s["model_name"] for s in states[1].values())
    assert any("image/png" in output.get("data", {}) for output in forked.cells[4].outputs)


@CELLS_ONLY
def test_what_is_written_below_python_belongs_to_its_cell_however_short_that_is(warm, tmp_path, monkeypatch):
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    nb = run(warm, tmp_path, *(f"import os; os.write(1, b'{n}'); None" for n in range(30)))
    assert [[o.text for o in cell.outputs] for cell in nb.cells] == [[str(n)] for n in range(30)]


def test_an_exception_is_papermill_s(warm, tmp_path, monkeypatch):
    told = []
    for _ in range(2):
        with pytest.raises(PapermillExecutionError) as raised:
            run(warm, tmp_path, "1", "print('before')\nint('x')", "'never run'")
        executed = nbformat.read(tmp_path / "out.ipynb", 4)
        assert executed.metadata.papermill.exception
        told.append((str(raised.value), raised.value.ename, raised.value.cell_index, [c.get("outputs") for c in executed.cells]))
        monkeypatch.setattr(forks, "FORKS", False)
    assert told[0] == told[1]
    assert told[0][1:3] == ("ValueError", 1)


@pytest.mark.parametrize("cell", ["import time\ntime.sleep(60)", "while True:\n    print('x' * 1000)"])
def test_a_cell_can_be_interrupted_whatever_it_does(warm, tmp_path, cell):
    start = "import os, signal, threading\nthreading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
    with pytest.raises(PapermillExecutionError) as raised:
        run(warm, tmp_path, start + cell, execution_timeout=30)
    assert raised.value.ename == "KeyboardInterrupt"


def test_nothing_of_one_request_reaches_the_next(warm, tmp_path):
    dirty = "import builtins, os, json, decimal, sys; builtins.leak = json.leak = 'ann'; os.environ['LEAK'] = 'ann'; decimal.getcontext().prec = 3"
    run(warm, tmp_path, dirty, "x = 'ann'; sys.path.append('/ann'); os.chdir('/')")
    leaked = "print(hasattr(builtins, 'leak'), hasattr(json, 'leak'), 'LEAK' in os.environ)"
    look = f"{leaked}\nprint(decimal.getcontext().prec, 'x' in globals(), '/ann' in sys.path)"
    assert last(run(warm, tmp_path, "import builtins, os, json, decimal, sys", look)) == "False False False\n28 False False\n"


def test_chance_is_fresh_in_each(warm, tmp_path):
    draw = "import random, numpy, uuid, secrets; print(random.random(), numpy.random.random(), uuid.uuid4(), secrets.token_hex(4))"
    drawn = [last(run(warm, tmp_path, draw)).split() for _ in range(2)]
    assert not set(drawn[0]) & set(drawn[1])


def test_it_inherits_no_file_of_the_warm_process(warm, tmp_path, request):
    if warm is CELLS:
        running = Cells(0)
        request.addfinalizer(lambda: running.end(10))
    else:
        request.getfixturevalue("kernel")
    links = "import os; print(*(os.readlink(e.path) for e in os.scandir('/proc/{}/fd') if os.path.lexists(e.path)))"
    theirs = set(last(run(warm, tmp_path, links.replace("{}", str(warm.pid)))).split()) - {str(Path(f"/proc/self/fd/{n}").readlink()) for n in (1, 2)}
    mine = set(last(run(warm, tmp_path, links.replace("{}", "self"))).split())
    shared = {"socket", "pipe"}
    assert {path for path in theirs if path.partition(":")[0] in shared}  # another runs too, so there is something to inherit
    assert not {path for path in theirs & mine if path.partition(":")[0] in shared}
    assert not [path for path in mine if "pidfd" in path]
    assert not [path for path in theirs & mine if Path(path).is_file()]  # two kernels would read on from where the other left off


def test_what_was_rehearsed_is_an_invented_answer_and_leaves_no_trace(warm, tmp_path, monkeypatch):
    warm.stop()
    monkeypatch.setenv("DSAR_REGISTER", f"sqlite:///{tmp_path / 'real.db'}")
    look = "from dsar.answer import page; from dsar.find import dossier; import os"
    said = "print(page._template.cache_info().currsize, len(dossier._last), os.environ['DSAR_REGISTER'][-7:], 'DSAR_NOW' in os.environ)"
    assert last(run(warm, tmp_path, look, said)) == f"1 0 real.db {'DSAR_NOW' in os.environ}\n"
    assert not (tmp_path / "real.db").exists()


def test_a_cell_that_takes_too_long_is_stopped_and_its_kernel_is_gone(warm, tmp_path):
    with pytest.raises(CellTimeoutError):
        run(
            warm,
            tmp_path,
            f"import os; open({str(tmp_path / 'pid')!r}, 'w').write(str(os.getpid()))",
            "import time; time.sleep(60)",
            execution_timeout=1,
        )
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()
    assert not children(warm.pid)


def children(pid):
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


@CELLS_ONLY
def test_what_was_printed_before_a_cell_hung_or_died_is_kept(tmp_path):
    for cell, error in (("time.sleep(60)", CellTimeoutError), ("os._exit(1)", DeadKernelError)):
        with pytest.raises(error):
            run(
                CELLS,
                tmp_path,
                f"import os, time\nprint('step 1')\ntime.sleep(0.3)\nos.write(1, b'step 2')\ntime.sleep(0.3)\n{cell}",
                execution_timeout=2,
            )
        assert "".join(output.text for output in nbformat.read(tmp_path / "out.ipynb", 4).cells[0].outputs) == "step 1\nstep 2"


@CELLS_ONLY
def test_a_cell_that_never_stops_printing_is_stopped(tmp_path):
    with pytest.raises(CellTimeoutError):
        run(CELLS, tmp_path, "while True:\n    print('x')", execution_timeout=1)


@CELLS_ONLY
def test_a_program_that_a_notebook_left_running_delays_nobody_and_ends_with_it(tmp_path):
    began = time.monotonic()
    left = last(run(CELLS, tmp_path, "import subprocess; subprocess.Popen(['sleep', '60']).pid"))
    waited_for(lambda: not Path(f"/proc/{left}").exists())
    assert time.monotonic() - began < 30


def test_a_kernel_takes_no_more_memory_than_it_may(warm, tmp_path):
    with pytest.raises(PapermillExecutionError) as raised:
        run(warm, tmp_path, "much = bytearray(2 << 30)", memory=1 << 30)
    assert raised.value.ename == "MemoryError"
    assert last(run(warm, tmp_path, "much = bytearray(1 << 28); len(much)", memory=1 << 30)) == str(1 << 28)


@pytest.mark.parametrize("signum", ["SIGKILL", "SIGSEGV", "SIGTERM"])
def test_a_kernel_that_dies_is_noticed(warm, tmp_path, signum):
    with pytest.raises(DeadKernelError):
        run(
            warm,
            tmp_path,
            f"import os, signal; signal.signal(signal.SIGTERM, signal.SIG_DFL); os.kill(os.getpid(), signal.{signum}); import time; time.sleep(60)",
        )
    assert not children(warm.pid)


@pytest.fixture
def kernel(tmp_path):
    """A kernel and its client."""
    manager = KernelManager(transport="ipc", ip=str(tmp_path / "k"))
    manager.start_kernel(cwd=str(tmp_path))
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=60)
    yield manager, client
    client.stop_channels()
    manager.shutdown_kernel(now=True)


@KERNEL_ONLY
def test_a_running_cell_can_be_interrupted(kernel):
    manager, client = kernel
    # Else a kernel drops what comes right after an error, whoever started it.
    message = client.execute("import time\nprint('running')\ntime.sleep(60)", stop_on_error=False)
    while client.get_iopub_msg(timeout=60)["msg_type"] != "stream":
        pass
    manager.interrupt_kernel()
    assert reply(client, message)["ename"] == "KeyboardInterrupt"
    assert reply(client, client.execute("1"))["status"] == "ok"


def reply(client: BlockingKernelClient, message: str):
    while True:
        answer = client.get_shell_msg(timeout=60)
        if answer["parent_header"]["msg_id"] == message:
            return answer["content"]


@CELLS_ONLY
def test_what_cells_took_is_known(tmp_path):
    CELLS.ended.clear()
    run(CELLS, tmp_path, "much = bytearray(200 << 20)")
    (ended,) = CELLS.ended
    assert (ended.returncode, ended.cpu > 0, ended.peak > 200 << 20) == (0, True, True)


@KERNEL_ONLY
def test_how_it_ended_and_what_it_took_is_known(kernel):
    manager, client = kernel
    process = manager.provisioner.process
    assert isinstance(process, Forked)
    assert (process.poll(), process.wait(0.01)) == (None, None)
    reply(client, client.execute("much = bytearray(200 << 20)"))
    manager.shutdown_kernel()
    assert process.wait() == 0
    assert process.cpu > 0
    assert process.peak > 200 << 20


@KERNEL_ONLY
def test_the_warm_process_has_one_thread_and_is_started_anew_when_it_dies(warm, tmp_path, kernel):
    first = warm.pid
    assert len(list(Path(f"/proc/{first}/task").iterdir())) == 1
    manager, _ = kernel
    os.kill(first, signal.SIGKILL)
    assert manager.provisioner.process.wait(30) == -signal.SIGKILL  # it goes with its warm process
    assert not manager.is_alive()
    assert last(run(warm, tmp_path, "40 + 2")) == "42"
    assert warm.pid not in {None, first}


@CELLS_ONLY
def test_cells_go_with_their_warm_process_and_the_next_find_a_new_one(tmp_path):
    with pytest.raises(DeadKernelError):
        run(CELLS, tmp_path, "import os, signal, time; os.kill(os.getppid(), signal.SIGKILL); time.sleep(60)")
    assert CELLS.ended[-1].lost
    assert last(run(CELLS, tmp_path, "40 + 2")) == "42"


RUNNER = """
import sys, time, papermill, nbformat, os, dsar.run.engine
from traitlets.config import Config
nb = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(
    "import os, time; open('pid', 'w').write(f'{os.getpid()} {os.getppid()}'); time.sleep(120)")],
    metadata={"kernelspec": {"display_name": "P", "language": "python", "name": "python3"}})
papermill.execute_notebook(nb, "out.ipynb", progress_bar=False, **eval(sys.argv[1]),
    config=Config({"KernelManager": {"transport": "ipc", "ip": os.getcwd() + "/k"}}))
"""


def test_warm_process_and_kernels_end_with_whoever_started_them(warm, tmp_path):
    options = "{'engine_name': 'dsar'}" if warm is CELLS else "{}"
    runner = subprocess.Popen([sys.executable, "-c", RUNNER, options], cwd=tmp_path, stderr=subprocess.DEVNULL)
    waited_for(lambda: (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().count(" "))
    pids = (tmp_path / "pid").read_text().split()
    runner.kill()
    runner.wait()
    waited_for(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids))


def waited_for(condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.1)
    pytest.fail("it never came")


def test_where_nothing_can_be_forked_a_plain_kernel_starts(warm, tmp_path, monkeypatch):
    monkeypatch.setattr(forks, "FORKS", False)
    assert last(run(warm, tmp_path, "import os; os.getppid()")) == str(os.getpid())


def test_where_no_warm_process_can_be_had_a_plain_kernel_starts(warm, tmp_path, monkeypatch):
    warm.stop()
    monkeypatch.setattr(forks, "SINGLE", {"PYTHONHOME": "/nowhere"})
    assert last(run(warm, tmp_path, "import os; os.getppid()")) == str(os.getpid())
