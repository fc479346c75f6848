"""The code blocks of a page, and who runs them: nothing that looks like code stands in a document unmarked and untried.

Above a block that cannot run here stands `<!-- not run: WHY -->`. `<!-- by hand: COMMAND -->` does, at its place, what the reader does in an
editor or has already. A block with a title is a file of that name.
"""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
RUN = ("bash", "python", "toml", "sql")
_BLOCK = re.compile(
    r"^<!-- by hand: (?P<hand>[^\n]+) -->$"
    r'|^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)(?: title="(?P<title>[^"]+)")?\n(?P<code>.*?)^```$',
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    """A block of a page; `reason` says why it is not run, where it is not."""

    line: int
    language: str
    code: str
    reason: str
    title: str

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, those that go over several lines joined."""
        joined = re.sub(r"\\\n\s*", "", self.code)
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    found = []
    for m in _BLOCK.finditer(text):
        language, code = ("bash", m["hand"]) if m["hand"] else (m["language"], m["code"])
        found.append(Block(text[: m.start()].count("\n") + 1, language, code, m["reason"] or "", m["title"] or ""))
    return found


def outside(page: str) -> list[str]:
    """The lines of a page that look like blocks and are none that we know: fences of another form, and blocks by indentation alone."""
    text = _BLOCK.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return re.findall(r"^(?:```|~~~).*|(?<=\n\n)(?: {4}|\t)(?! *(?:[-*]|\d+\.|options:|members:) )\S.*", text, re.MULTILINE)
