"""The delivered bundle: what was sent is kept as it was, whatever is collected or written anew after it."""

import shutil
from pathlib import Path

from dsar import files
from dsar.request.case import Case

FOLDER = "delivered"
_SENT_FROM = ("outbox", "delivery")


def keep(folder: Path, case: Case) -> None:
    """Copy the answer of each recorded delivery, and what was made of it for sending, into `delivered/N_DAY` of the case folder.

    Nothing is copied twice, nor after the files that were sent have left `outbox/` and `delivery/`.
    """
    for number, event in enumerate((e for e in case.events if e.kind == "delivered"), 1):
        target = folder / FOLDER / f"{number}_{event.on}"
        if target.is_dir() or not _lying(folder) & set(event.details["files"].values()):
            continue
        fresh = files.private_dir(files.private_dir(folder / FOLDER) / f"{files.WRITING}{target.name}")
        for name in _SENT_FROM:
            if (folder / name).is_dir():
                shutil.copytree(folder / name, fresh / name, dirs_exist_ok=True)
        files.replace_dir(fresh, target)


def _lying(folder: Path) -> set[str]:
    return {files.sha256(p) for name in _SENT_FROM for p in files.lying(folder / name) if p.is_file()}
