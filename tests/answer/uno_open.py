# ruff: noqa: T201 - it answers on standard output
"""Run by the system's Python, which has LibreOffice's bridge.

`open PASSWORD FILE` prints name and cell A1 of each sheet, or "refused" where LibreOffice does not open it with that password.
`heights FILE...` prints each row that is lower than its text: file, sheet, row, our height, LibreOffice's.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import time

import uno
from com.sun.star.beans import PropertyValue


def main(what, *arguments):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        pipe = "pipe,name=dsar-test-" + profile.rpartition("/")[2]
        run = ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{profile}", f"--accept={pipe};urp;"]
        office = subprocess.Popen(run, start_new_session=True)
        try:
            desktop = connect(pipe)
            print("\n".join({"open": sheets, "heights": low_rows}[what](desktop, *arguments)))
            sys.stdout.flush()
            with contextlib.suppress(Exception):  # the bridge may fall before it has answered
                desktop.terminate()
        finally:
            try:
                office.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(office.pid, signal.SIGKILL)


def load(desktop, path, password=""):
    options = (PropertyValue("Hidden", 0, True, 0), PropertyValue("Password", 0, password, 0))
    return desktop.loadComponentFromURL(f"file://{path}", "_blank", 0, options)


def sheets(desktop, password, path):
    try:
        book = load(desktop, path, password)
    except Exception:  # noqa: BLE001 - the bridge has its own
        return ["refused"]
    return [f"{sheet.Name} | {sheet.getCellByPosition(0, 0).String}" for sheet in book.Sheets] if book else ["refused"]


def low_rows(desktop, *paths):
    return [fault for path in paths for fault in low_rows_of(load(desktop, path), path)] or ["no row is too low"]


def low_rows_of(book, path):
    line, most = 450, 14_400  # hundredths of a millimetre: one line of 10 points, the highest row
    for sheet in book.Sheets:
        cursor = sheet.createCursor()
        cursor.gotoEndOfUsedArea(False)
        for number in range(min(cursor.RangeAddress.EndRow + 1, 300)):
            row = sheet.Rows.getByIndex(number)
            ours = row.Height
            row.OptimalHeight = True
            if row.Height > ours + line / 2 and ours < most:
                yield f"{path} {sheet.Name} {number + 1} {ours} {row.Height}"


def connect(pipe):
    resolver = uno.getComponentContext().ServiceManager.createInstance("com.sun.star.bridge.UnoUrlResolver")
    for _ in range(100):
        try:
            context = resolver.resolve(f"uno:{pipe};urp;StarOffice.ComponentContext")
            return context.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        except Exception:  # noqa: BLE001 - not up yet
            time.sleep(0.2)
    raise SystemExit("LibreOffice did not start")


main(*sys.argv[1:])
