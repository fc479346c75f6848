"""Makes the pictures of README and docs from the demo company: LibreOffice prints, Chromium shows.

Run by `make pictures`; needs soffice, pdftoppm and chromium.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from zipfile import ZipFile

import openpyxl
from PIL import Image, ImageChops
from playwright.sync_api import sync_playwright

from tests import demo

HERE = Path(__file__).parent


def main():
    """Write read-me.png, records.png, worklist.png, page.png and phone.png."""
    os.environ["DSAR_NOW"] = "2026-11-24T09:00:00+00:00"
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        made = demo.build(folder / "demo")
        answer = largest(p for p in made if p.parent.name == "outbox" and p.suffix == ".xlsx")
        worklist = largest(p for p in made if p.parent.name == "worklists")
        sheets = openpyxl.load_workbook(answer).worksheets
        fullest = max(sheets[2:-5], key=lambda sheet: sheet.max_row * sheet.max_column)
        picture(folder, answer, sheets[0].title, "read-me")
        picture(folder, answer, fullest.title, "records")
        picture(folder, worklist, "Steps", "worklist")
        with ZipFile(answer.with_suffix(".zip")) as package:
            package.extract("index.html", folder)
        screenshots(folder / "index.html")


def largest(paths):
    """Return the largest of some files."""
    return max(paths, key=lambda path: path.stat().st_size)


def picture(folder, book, sheet, name):
    """Print a workbook and keep the first page of a sheet."""
    office = ["soffice", "--headless", f"-env:UserInstallation=file://{folder}/lo", "--convert-to", "pdf", "--outdir", folder, book]
    subprocess.run(office, check=True, capture_output=True, timeout=120)
    pdf = folder / f"{book.stem}.pdf"
    pages = subprocess.run(["pdftotext", "-layout", pdf, "-"], check=True, capture_output=True, text=True).stdout.split("\f")
    number = next(n for n, text in enumerate(pages, start=1) if text.strip().startswith(sheet))
    subprocess.run(["pdftoppm", "-r", "90", "-png", "-f", str(number), "-singlefile", pdf, folder / name], check=True, timeout=60)
    keep(folder / f"{name}.png", name)


def screenshots(page):
    """Show the reading page as a desk and as a phone show it."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"])
        for name, width, height in (("page", 1000, 700), ("phone", 360, 700)):
            tab = browser.new_page(viewport={"width": width, "height": height})
            tab.goto(page.as_uri())
            tab.screenshot(path=page.with_name(f"{name}.png"))
            keep(page.with_name(f"{name}.png"), name)
        browser.close()


def keep(source, name):
    """Store a picture small, with a thin frame of white."""
    image = Image.open(source).convert("RGB")
    left, top, right, bottom = ImageChops.difference(image, Image.new("RGB", image.size, "white")).getbbox()
    edges = (max(0, left - 20), max(0, top - 20), min(image.width, right + 20), min(image.height, bottom + 20))
    image.crop(edges).quantize(32).save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    sys.exit(main())
