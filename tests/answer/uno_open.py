# ruff: noqa: T201 - it answers on standard output
"""Run by the system's Python, which has LibreOffice's bridge: open FILE with PASSWORD in LibreOffice, print cell A1 of each sheet.

Prints "refused" where LibreOffice does not open it.
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


def main(path, password):
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        pipe = "pipe,name=dsar-test-" + profile.rpartition("/")[2]
        office = subprocess.Popen(
            ["soffice", "--headless", "--norestore", f"-env:UserInstallation=file://{profile}", f"--accept={pipe};urp;"], start_new_session=True
        )
        try:
            desktop = connect(pipe)
            options = (PropertyValue("Hidden", 0, True, 0), PropertyValue("Password", 0, password, 0))
            try:
                book = desktop.loadComponentFromURL(f"file://{path}", "_blank", 0, options)
            except Exception:  # noqa: BLE001 - the bridge has its own
                book = None
            if book is None:
                print("refused")
            else:
                for sheet in book.Sheets:
                    print(sheet.Name, "|", sheet.getCellByPosition(0, 0).String)
                sys.stdout.flush()
            with contextlib.suppress(Exception):  # the bridge may fall before it has answered
                desktop.terminate()
        finally:
            try:
                office.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(office.pid, signal.SIGKILL)


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
