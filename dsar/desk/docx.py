"""A letter as a Word document: plain paragraphs, no clock and no program's name in it; the same letter is the same bytes."""

import io
import re
from datetime import UTC, date, datetime, time
from zipfile import ZipFile

import docx
from docx.document import Document
from docx.shared import Cm, Pt, RGBColor

from dsar import files
from dsar.answer.cells import visible
from dsar.datamap import Controller
from dsar.request.letters import Letter, day


def draft(letter: Letter, controller: Controller, on: date) -> bytes:
    """Return the letter as a document dated `on`, with its mark where no lawyer stands for it."""
    document = docx.Document()
    set_up(document, controller, on)
    if not letter.reviewed:
        _mark(document, letter.mark)
    for line in (controller.name, controller.address, controller.contact):
        document.add_paragraph(line).paragraph_format.space_after = Pt(0)
    head = document.add_paragraph(day(on, letter.language))
    head.paragraph_format.space_before = Pt(18)
    document.add_paragraph(letter.reference)
    document.add_paragraph().add_run(letter.subject).bold = True
    document.add_paragraph(letter.greeting)
    for block in letter.blocks:
        if isinstance(block, str):
            document.add_paragraph(visible(block))
        else:
            for point in block:
                document.add_paragraph(visible(point), style="List Bullet")
    for line in letter.closing.split("\n"):
        document.add_paragraph(line).paragraph_format.space_after = Pt(0)
    return settled(document)


def set_up(document: Document, controller: Controller, on: date) -> None:
    """Give a document the house's paper and type, and no metadata but the controller's name and the day."""
    style = document.styles["Normal"]
    style.font.name, style.font.size = "Liberation Sans", Pt(11)
    style.paragraph_format.space_after = Pt(8)
    for section in document.sections:
        section.page_width, section.page_height = Cm(21), Cm(29.7)
        section.left_margin = section.right_margin = section.top_margin = section.bottom_margin = Cm(2.5)
    core = document.core_properties
    core.author, core.last_modified_by, core.comments, core.title, core.keywords = controller.name, controller.name, "", "", ""
    core.created = core.modified = datetime.combine(on, time(), UTC)
    core.revision = 1


def _mark(document: Document, text: str) -> None:
    run = document.add_paragraph().add_run(text)
    run.bold, run.font.color.rgb = True, RGBColor(0xB4, 0x2D, 0x2D)


def settled(document: Document) -> bytes:
    """Return a document as bytes that tell nothing of when and where it was made."""
    written, target = io.BytesIO(), io.BytesIO()
    document.save(written)
    with ZipFile(written) as source, ZipFile(target, "w") as out:
        for name in source.namelist():
            if name != "docProps/thumbnail.jpeg":  # a picture of somebody else's document
                out.writestr(files.zip_entry(name), _without_thumbnail(name, source.read(name)))
    return target.getvalue()


def _without_thumbnail(name: str, content: bytes) -> bytes:
    if name == "_rels/.rels":
        return re.sub(rb"<Relationship [^>]*thumbnail[^>]*/>", b"", content)
    return content


def with_foot(content: bytes, text: str) -> bytes:
    """Return a document with a line of small print at the foot of its pages."""
    document = docx.Document(io.BytesIO(content))
    for section in document.sections:
        foot = section.footer.paragraphs[0] if section.footer.paragraphs else section.footer.add_paragraph()
        run = foot.add_run(text)
        run.font.size, run.font.color.rgb = Pt(7), RGBColor(0x60, 0x60, 0x60)
    return settled(document)


def text_of(content: bytes) -> str:
    """Return the paragraphs of a document, tables included, as text."""
    document = docx.Document(io.BytesIO(content))
    cells = [p.text for table in document.tables for row in table.rows for cell in row.cells for p in cell.paragraphs]
    return "\n".join([*(p.text for p in document.paragraphs), *cells])
