"""Sealed case folders: the same work with the same bytes, nothing in the clear on the disk, and nothing lost however a run ends."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import keyring.core
import pyrage
import pytest

import dsar
from dsar import workspace
from dsar.errors import KeyMissing, NotOffered, SealBroken
from dsar.keep import memory, shelf, sweep, vault
from dsar.run.batch import batch
from tests.command import command
from tests.faults import kills
from tests.run import erasing

MARKS = ("ann@x.org", "bob@x.org", "cyn@x.org", "ann wright", "bob stone", "cyn lake", "mill lane", "192.0.2.")  # of the three in kills.world
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A workspace in the clear, with snapshots, an answer and worklists."""
    folder = tmp_path_factory.mktemp("plain")
    kills.world(folder)
    kills.collect(folder)
    kills.written(folder)
    return folder


@pytest.fixture(scope="module")
def identity():
    return f"# made for a test\n{pyrage.x25519.Identity.generate()}\n"


@pytest.fixture
def key(identity, tmp_path, monkeypatch):
    """Keep a key where a command tells it, which notes whenever it is asked; return the note."""
    asked = tmp_path / "asked"
    for name, value in told_by(tmp_path, identity, asked).items():
        monkeypatch.setenv(name, value)
    yield asked
    vault.leave()


def told_by(folder, identity, asked):
    """Write a command that tells the key, and return the environment in which it is asked."""
    (folder / "key").write_text(identity)
    (folder / "tell.sh").write_text(f"echo asked >> {asked}\ncat {folder / 'key'}\n")
    return {"DSAR_KEY_COMMAND": f"sh {folder / 'tell.sh'}", "DSAR_NOW": erasing.NOW.isoformat(), "DSAR_MEMORY": "/dev/shm"}


@pytest.fixture(scope="module")
def sealed_once(plain, identity, tmp_path_factory):
    told = tmp_path_factory.mktemp("sealed")
    folder = copied(plain, told / "w")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in told_by(told, identity, told / "asked").items():
            patch.setenv(name, value)
        vault.establish(folder)
        assert vault.leave() == [folder]
    return folder


@pytest.fixture
def sealed(sealed_once, key, tmp_path):
    """The same workspace, sealed and closed."""
    return copied(sealed_once, tmp_path / "w")


def copied(plain, folder):
    return Path(shutil.copytree(plain, folder)).resolve()


def tree(folder):
    """What lies in a workspace's own folders, by name: the bytes."""
    tops = [folder / name for name in shelf.FOLDERS if (folder / name).is_dir()]
    return {p.relative_to(folder).as_posix(): p.read_bytes() for top in tops for p in top.rglob("*") if p.is_file()}


def in_the_clear(folder):
    """The files of a workspace, but for the systems and what is said to lie in the clear, in which something of a person can be read."""
    beside = {folder / name for name in ("shop.db", "news.db", "logs", "register.db", "requests.csv")}
    links = {folder / name for name in shelf.FOLDERS if (folder / name).is_symlink()}
    found = sweep.files_with(folder, lambda text: any(mark in text.casefold() for mark in MARKS), leave_out=lambda p: p in beside | links)
    return [p.relative_to(folder).as_posix() for p in found]


def left_in_memory(folder):
    return [p for p in Path("/dev/shm").glob("dsar-open-*") if (p / ".of").is_file() and (p / ".of").read_text() == str(folder)]


# -- the same work ---------------------------------------------------------------------------------


def test_sealing_keeps_every_byte_and_leaves_none_in_the_clear(plain, sealed):
    assert not any((sealed / name).exists() for name in shelf.FOLDERS)
    assert in_the_clear(sealed) == []
    assert left_in_memory(sealed) == []
    dsar.open(sealed)
    # Sealing is in the ledger, and made no keys; a lock was left by who collected, which is an empty file.
    assert tree(sealed) == tree(plain)
    assert all(p.stat().st_mode & 0o077 == 0 for top in shelf.FOLDERS for p in (sealed / top).rglob("*"))


def test_the_same_work_gives_the_same_bytes_and_only_who_opens_needs_the_key(plain, sealed, key, tmp_path):
    ours, theirs = sealed, copied(plain, tmp_path / "in-the-clear")
    for folder in (ours, theirs):
        ws = dsar.open(folder)
        ws.collect_all(ws.requests.values(), again=True)
        if folder == ours:
            assert {r.state for r in batch(ws, [ws.request("A-1")], workers=1)} == {"done"}
        else:
            ws.checklist(ws.request("A-1"))
        kills.written(folder)
        ws.deliver(ws.request("A-3"), way="by hand")
    assert key.read_text().split() == ["asked"]  # kernels and workers read what is open

    def compared(folder):
        random_or_of_a_run = (".ipynb", "difference.json", ".collecting", ".key")
        return {n: b.replace(str(folder).encode(), b"W") for n, b in tree(folder).items() if not n.endswith(random_or_of_a_run)}

    before, of_the_batch = compared(ours), {"cases/A-1/.running-deletion_checklist", "cases/A-1/notebooks/deletion_checklist.json"}
    assert len(before) >= 60
    assert {name: content for name, content in before.items() if name not in of_the_batch} == compared(theirs)
    assert (ours / "cases/A-1/notebooks/deletion_checklist.ipynb").is_file()
    assert vault.leave() == [ours]
    assert in_the_clear(ours) == []
    assert dsar.open(ours).ledger.verify() == []
    assert compared(ours) == before


def test_while_it_is_open_nothing_is_on_the_disk_in_the_clear(sealed):
    ws = dsar.open(sealed)
    ws.export(ws.request("A-3"))
    assert in_the_clear(sealed) == []
    assert all((sealed / name).is_symlink() for name in shelf.FOLDERS)
    assert memory._kind((sealed / "cases").resolve()) == "tmpfs"
    import tempfile

    assert Path(tempfile.gettempdir()).is_relative_to((sealed / "cases").resolve().parent)  # where libraries put their temporary files
    vault.leave()
    assert not Path(tempfile.gettempdir()).is_relative_to("/dev/shm/dsar-open")


def test_what_the_command_says_and_that_it_closes_again(plain, key, tmp_path):
    folder = copied(plain, tmp_path / "w")
    done = process(folder, "seal")
    assert done.returncode == 0, done.stderr
    assert "Keep a copy of it apart from this machine" in done.stdout
    assert (folder / "sealed/cases/A-3.age").is_file()
    assert not (folder / "cases").exists()
    again = here(folder, "seal")
    assert (again.returncode, "Keep a copy" in again.stdout) == (0, False)
    shown = process(folder, "records", "A-3")
    assert shown.returncode == 0
    assert "closed again" in shown.stderr
    assert left_in_memory(folder) == []
    lines = [line["what"] for line in workspace.Workspace(folder, workspace.maps.read(folder / "dsar.toml")).ledger.lines()]
    assert lines.count("case folders sealed") == 1


def process(folder, *words):
    return subprocess.run([sys.executable, "-m", "dsar", "--workspace", str(folder), *words], check=False, capture_output=True, text=True, cwd=ROOT)


def here(folder, *words):
    return command("--workspace", folder, *words)


def test_open_has_it_open_until_it_is_ended_and_seals_what_others_write(sealed):
    shown = subprocess.Popen([sys.executable, "-m", "dsar", "--workspace", str(sealed), "open"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert shown.stdout.readline().startswith("Open in")
    before = (sealed / "sealed/cases/A-3.age").read_bytes()
    (sealed / "cases/A-3/letters").mkdir(exist_ok=True)
    (sealed / "cases/A-3/letters/mine.txt").write_text("what an office program wrote")
    shown.send_signal(signal.SIGHUP)
    shown.communicate(timeout=30)
    assert shown.returncode == 0
    assert left_in_memory(sealed) == []
    assert (sealed / "sealed/cases/A-3.age").read_bytes() != before
    dsar.open(sealed)
    assert (sealed / "cases/A-3/letters/mine.txt").read_text() == "what an office program wrote"


def test_purge_takes_the_parcel_too_and_what_is_left_is_found_in_memory(sealed, monkeypatch):
    from dsar.run import purge

    ws = dsar.open(sealed)
    case = ws.register.case("A-3")
    ws.register.record(case, "closed", by="A", outcome="withdrawn")
    (sealed / "inbox" / "note.txt").write_text("cyn@x.org rang")
    (sealed / "superseded" / "old.txt").write_text("nothing")
    monkeypatch.setenv("DSAR_NOW", "2030-01-01T10:00:00+00:00")
    (outcome,) = purge.purge(ws, ["A-3"], by="A")
    assert outcome.gone == ("working copies", "delivered", "register")
    assert outcome.left == ("inbox/note.txt",)
    assert list((sealed / "superseded").iterdir()) == []
    assert not (sealed / "sealed/cases/A-3.age").exists(), "the power may go before it is closed, and no line of the register leads to it"
    vault.leave()
    assert (sealed / "sealed/cases/A-2.age").exists()
    assert "cases/A-3" not in (sealed / "sealed/list.txt").read_text()
    assert json.loads((sealed / "summaries/A-3.json").read_text())["request"] == "A-3"


def test_a_file_with_the_longest_name_there_is_is_sealed_and_opened(plain, key, tmp_path):
    folder = copied(plain, tmp_path / "w")
    long = {f"cases/A-3/letters/{'s' * 251}.pdf": b"signed", f"inbox/{'ü' * 125}.xlsx": b"came back"}
    for name, content in long.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    sealing(folder)
    assert in_the_clear(folder) == []
    dsar.open(folder)
    assert tree(folder) == tree(plain) | long


ODD = {
    "link to nowhere": lambda path, _: path.symlink_to("gone.pdf"),
    "link elsewhere": lambda path, other: path.symlink_to(other / "theirs.txt"),
    "link to a folder": lambda path, other: path.symlink_to(other, target_is_directory=True),
    "pipe": lambda path, _: os.mkfifo(path),
}


@pytest.mark.parametrize("place", ["cases/A-3", "cases/A-3/letters", "cases", "inbox/S-1/from cyn@x.org"])
def test_what_cannot_be_sealed_is_refused_by_place_before_anything_changes(plain, key, tmp_path, place):
    folder, other = copied(plain, tmp_path / "w"), tmp_path / "other"
    other.mkdir()
    (other / "theirs.txt").write_text("of somebody else")
    (folder / place).mkdir(parents=True, exist_ok=True)
    for kind, made in ODD.items():
        made(folder / place / "Cyn Lake.pdf", other)
        before = sorted(folder.rglob("*"))
        with pytest.raises(NotOffered, match=f"^{'/'.join(place.split('/')[:2])}: a link, a pipe or a device") as told:
            vault.establish(folder)
        assert "cyn" not in str(told.value).casefold(), kind
        assert [p for p in sorted(folder.rglob("*")) if p.suffix != ".lock"] == [p for p in before if p.suffix != ".lock"], kind
        (folder / place / "Cyn Lake.pdf").unlink()
    sealing(folder)
    assert in_the_clear(folder) == []


def test_a_folder_that_is_a_link_itself_is_refused_before_anything_changes(plain, key, tmp_path):
    folder = copied(plain, tmp_path / "w")
    (folder / "cases").rename(tmp_path / "elsewhere")
    (folder / "cases").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SealBroken, match=r"^cases: is a link to somewhere else"):
        vault.establish(folder)
    assert not [*folder.glob("sealed*")]


@pytest.mark.parametrize("kind", ODD)
def test_a_link_made_while_it_is_open_is_told_and_stays_open_in_memory(sealed, tmp_path, kind):
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "theirs.txt").write_text("of somebody else")
    dsar.open(sealed)
    before = tree(sealed)
    odd = sealed / "cases/A-3/odd"
    ODD[kind](odd, tmp_path / "other")
    vault.seal(sealed)
    with pytest.raises(NotOffered, match=r"^cases/A-3: "):
        vault.leave()
    assert left_in_memory(sealed) != []
    dsar.open(sealed)
    odd.unlink()
    vault.leave()
    dsar.open(sealed)
    assert tree(sealed) == before


# -- nothing is lost -------------------------------------------------------------------------------


def killed(run, after):
    """Run it in a process of its own that is killed after so many seconds; return whether it was cut short."""
    child = os.fork()
    if child == 0:
        os.setsid()
        try:
            run()
        except BaseException:  # noqa: BLE001 - told by the status
            os._exit(3)
        os._exit(0)

    def kill():
        with suppress(ProcessLookupError):  # it may end in this very moment
            os.kill(child, signal.SIGKILL)

    timer = threading.Timer(after, kill)
    timer.start()
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    timer.cancel()
    assert status in {0, -signal.SIGKILL}
    return status != 0


def sealing(folder):
    vault.establish(folder)
    vault.leave()


def test_a_kill_in_the_middle_of_sealing_loses_nothing(plain, key, tmp_path):
    kills, cut, wanted = int(os.environ.get("DSAR_KILLS", "4")), 0, tree(plain)
    whole, begun = copied(plain, tmp_path / "whole"), time.monotonic()
    assert not killed(lambda: sealing(whole), 60)
    took = time.monotonic() - begun
    for n in range(kills):
        folder = copied(plain, tmp_path / f"w{n}")
        after, power = (n + random.random()) / kills * took, random.random() < 0.7
        cut += killed(lambda folder=folder: sealing(folder), after)
        if not power:  # it goes as well
            for left in left_in_memory(folder):
                shutil.rmtree(left)
        sealing(folder)
        assert in_the_clear(folder) == [], (after, power)
        assert left_in_memory(folder) == [], (after, power)
        dsar.open(folder)
        assert tree(folder) == wanted, (after, power)
        vault.leave()
        shutil.rmtree(folder)
    assert cut


def test_a_kill_while_it_is_open_leaves_it_as_it_was_for_the_next(sealed):
    def work():
        ws = dsar.open(sealed)
        ws.export(ws.request("A-3"))
        (sealed / "cases/A-3/mine.txt").write_text("not sealed yet")
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed(work, 60)
    assert len(left_in_memory(sealed)) == 1
    dsar.open(sealed)
    assert (sealed / "cases/A-3/mine.txt").read_text() == "not sealed yet"
    assert vault.leave() == [sealed]
    assert left_in_memory(sealed) == []


def test_what_the_ledger_tells_is_sealed_before_the_power_goes(sealed, capfd):
    def work():
        ws = dsar.open(sealed)
        ws.collect(ws.request("A-2"), again=True)
        ws.decide(ws.request("A-2"), "part 1", by="A", rest_by=ws.today)
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed(work, 60)
    for left in left_in_memory(sealed):
        shutil.rmtree(left)
    ws = dsar.open(sealed)
    assert "what was sealed last stands" in capfd.readouterr().err
    assert ws.snapshot(ws.request("A-2"))
    assert ws.decisions(ws.request("A-2")).get("part 1")


@pytest.mark.parametrize("taken", ["cases", ".of", "."])
def test_what_the_system_takes_out_of_memory_is_not_taken_for_deleted(sealed, taken):
    wanted = {p.name: p.read_bytes() for p in (sealed / "sealed/cases").iterdir()}
    dsar.open(sealed)
    place = (sealed / "cases").resolve().parent
    if taken == "cases":
        shutil.rmtree(place / "cases")
    elif taken == ".of":
        (place / ".of").unlink()
        shutil.rmtree(place / "cases/A-1")
    else:
        shutil.rmtree(place)
    with pytest.raises(SealBroken, match="taken away by the system"):
        vault.seal(sealed)
    assert vault.leave() == []
    assert {p.name: p.read_bytes() for p in (sealed / "sealed/cases").iterdir()} == wanted
    ws = dsar.open(sealed)
    assert all(ws.snapshot(r) for r in ws.requests.values())
    vault.leave()
    assert not place.exists()
    assert left_in_memory(sealed) == []


def test_what_was_put_there_in_the_clear_meanwhile_is_taken_over_or_told(sealed):
    (sealed / "inbox").mkdir()
    (sealed / "inbox/mail.eml").write_text("From: cyn@x.org\n\nhello")
    dsar.open(sealed)
    assert (sealed / "inbox/mail.eml").read_text().startswith("From")
    vault.leave()
    assert in_the_clear(sealed) == []
    other = sealed / "cases/A-3/dossier/manifest.json"
    other.parent.mkdir(parents=True)
    other.write_text("[]")
    with pytest.raises(SealBroken, match=r"cases/A-3: a file lies here in the clear that differs"):
        dsar.open(sealed)
    assert left_in_memory(sealed) == []
    assert other.read_text() == "[]"
    shutil.rmtree(sealed / "cases")
    assert dsar.open(sealed).snapshot(dsar.open(sealed).request("A-3"))


def test_two_programs_have_it_open_and_the_last_closes_it(sealed):
    shown = subprocess.Popen([sys.executable, "-m", "dsar", "--workspace", str(sealed), "open"], stdout=subprocess.PIPE, text=True, cwd=ROOT)
    assert shown.stdout.readline()
    dsar.open(sealed)
    with pytest.raises(NotOffered, match="another program has it open"):
        vault.renew(sealed)
    assert vault.leave() == []
    assert len(left_in_memory(sealed)) == 1
    dsar.open(sealed)
    shown.send_signal(signal.SIGINT)
    shown.communicate(timeout=30)
    assert shown.returncode == 0
    assert vault.leave() == [sealed]


def test_a_new_key_opens_it_and_the_old_one_no_longer(sealed, tmp_path, plain):
    old = (tmp_path / "key").read_text()
    (tmp_path / "key").write_text(old + f"{pyrage.x25519.Identity.generate()}\n")
    before = {p: p.read_bytes() for p in (sealed / "sealed/cases").iterdir()}
    vault.renew(sealed)
    vault.leave()
    assert all(p.read_bytes() != content for p, content in before.items())
    (tmp_path / "key").write_text(old)
    with pytest.raises(KeyMissing):
        dsar.open(sealed)
    (tmp_path / "key").write_text((tmp_path / "key").read_text() + old)


@pytest.mark.parametrize("ring", ["InFile", "Forgetful"])
def test_the_keyring_keeps_the_key_or_nothing_is_sealed(plain, key, tmp_path, monkeypatch, ring):
    folder = copied(plain, tmp_path / "w")
    monkeypatch.delenv("DSAR_KEY_COMMAND")
    monkeypatch.setenv("KEYRING_FILE", str(tmp_path / "ring.json"))
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", f"tests.keyrings.{ring}")
    monkeypatch.setattr(keyring.core, "_keyring_backend", None)  # it is chosen once in a process
    done = here(folder, "seal")
    if ring == "Forgetful":
        assert (done.returncode, "the keyring: does not keep what is put into it" in done.stderr) == (2, True)
        assert tree(folder) == tree(plain)
        assert not (folder / "sealed").exists()
        return
    public = (folder / "sealed/recipient.txt").read_text().strip()
    assert done.returncode == 0
    assert "The key is kept in the keyring of this account" in done.stdout
    assert list(json.loads((tmp_path / "ring.json").read_text())) == [f"dsar|{public}"]
    assert here(folder, "records", "A-3").returncode == 0
    assert here(folder, "seal", "--new-key").returncode == 0
    assert here(folder, "records", "A-3").returncode == 0
    assert len(json.loads((tmp_path / "ring.json").read_text())) == 2


# -- what is wrong is told -------------------------------------------------------------------------


def refused(folder, error):
    """Nothing opens, nothing is taken for empty, and nothing of a person is in what is said."""
    before = {p: p.read_bytes() for p in (folder / "sealed").rglob("*") if p.is_file()}
    with pytest.raises(error) as told:
        dsar.open(folder)
    assert not any(mark in str(told.value).casefold() for mark in MARKS)
    assert left_in_memory(folder) == []
    assert not (folder / "cases").exists()
    assert {p: p.read_bytes() for p in (folder / "sealed").rglob("*") if p.is_file()} == before
    return str(told.value)


def test_another_key_opens_nothing(sealed, tmp_path):
    (tmp_path / "key").write_text(f"{pyrage.x25519.Identity.generate()}\n")
    said = refused(sealed, KeyMissing)
    assert "has no key for age1" in said
    done = here(sealed, "records", "A-3")
    assert (done.returncode, " ".join(done.stderr.split())) == (2, f"dsar: {said}")


def test_no_key_opens_nothing(sealed, tmp_path, monkeypatch):
    (tmp_path / "key").unlink()
    assert "did not tell a key" in refused(sealed, KeyMissing)
    monkeypatch.delenv("DSAR_KEY_COMMAND")
    monkeypatch.setenv("PYTHON_KEYRING_BACKEND", "keyring.backends.fail.Keyring")
    assert "the keyring does not answer" in refused(sealed, KeyMissing)


@pytest.mark.parametrize("where", [0, 30, 200, -1])
def test_a_changed_byte_is_told_and_never_no_data(sealed, where):
    path = sealed / "sealed/cases/A-3.age"
    content = bytearray(path.read_bytes())
    content[where] ^= 1
    path.write_bytes(content)
    assert refused(sealed, SealBroken).startswith("sealed/cases/A-3.age: cannot be opened")


@pytest.mark.parametrize("kept", [0, 100, 20_000])
def test_a_cut_parcel_is_told(sealed, kept):
    path = sealed / "sealed/cases/A-3.age"
    path.write_bytes(path.read_bytes()[:kept])
    assert refused(sealed, SealBroken).startswith("sealed/cases/A-3.age: cannot be opened")


def test_one_persons_folder_does_not_pass_for_anothers(sealed):
    shutil.copy(sealed / "sealed/cases/A-2.age", sealed / "sealed/cases/A-3.age")
    assert refused(sealed, SealBroken).startswith("sealed/cases/A-3.age: holds another folder")


def test_a_parcel_that_is_gone_is_missed(sealed):
    (sealed / "sealed/cases/A-3.age").unlink()
    assert refused(sealed, SealBroken).startswith("sealed/cases/A-3.age: a sealed folder is gone")


def test_a_parcel_that_is_taken_away_while_it_is_open_is_made_again(sealed):
    dsar.open(sealed)
    before = tree(sealed)
    (sealed / "sealed/cases/A-3.age").unlink()
    (sealed / "cases/A-2/note.txt").write_text("seal me")
    vault.seal(sealed, ["A-2"])
    assert "cases/A-3" in (sealed / "sealed/list.txt").read_text()
    vault.leave()
    dsar.open(sealed)
    assert tree(sealed) == before | {"cases/A-2/note.txt": b"seal me"}


def test_a_list_that_is_gone_is_told_for_without_it_nothing_is_missed(sealed):
    (sealed / "sealed/list.txt").unlink()
    (sealed / "sealed/cases/A-3.age").unlink()
    assert refused(sealed, SealBroken).startswith("sealed/list.txt: the list of what is sealed is gone")


def test_a_public_key_that_is_gone_or_another_is_told(sealed):
    path = sealed / "sealed/recipient.txt"
    path.write_text(str(pyrage.x25519.Identity.generate().to_public()))
    assert "has no key for" in refused(sealed, KeyMissing)
    path.unlink()
    assert refused(sealed, SealBroken).startswith("sealed/recipient.txt: the public key is gone")


def test_open_on_another_machine_is_told(sealed):
    (sealed / "sealed/open.json").write_text(json.dumps({"host": "desk-2", "boot": "x", "memory": "/dev/shm/dsar-open-x"}))
    assert "is open on desk-2" in refused(sealed, SealBroken)


def test_a_disk_is_no_memory(plain, key, tmp_path, monkeypatch):
    folder = copied(plain, tmp_path / "w")
    monkeypatch.setenv("DSAR_MEMORY", str(tmp_path))
    done = here(folder, "seal")
    assert (done.returncode, "is no file system in memory" in done.stderr) == (2, True)
    assert tree(folder) == tree(plain)
    assert not (folder / "sealed").exists()


def test_the_key_is_in_no_argument_environment_file_or_message(sealed, tmp_path):
    secret = (tmp_path / "key").read_text().splitlines()[1]
    shown = subprocess.Popen(
        [sys.executable, "-m", "dsar", "--workspace", str(sealed), "open"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT
    )
    line = shown.stdout.readline()
    process = Path("/proc") / str(shown.pid)
    told = process.joinpath("cmdline").read_bytes() + process.joinpath("environ").read_bytes()
    shown.send_signal(signal.SIGINT)
    rest = shown.communicate(timeout=30)[0]
    assert secret.encode() not in told
    assert secret not in line + rest
    assert list(sweep.files_with(sealed, lambda text: secret in text)) == []
