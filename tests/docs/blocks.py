"""The code blocks of a page, and who runs them: nothing that looks like code stands in a document unmarked and untried."""

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
PAGES = ["README.md", "CONTRIBUTING.md", *sorted(str(p.relative_to(ROOT)) for p in (ROOT / "docs").rglob("*.md"))]
RUN = ("bash", "python", "toml", "sql")
_FENCE = re.compile(r"^(?:<!-- not run: (?P<reason>[^\n]+) -->\n)?```(?P<language>\w*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)


class Block(NamedTuple):
    """A block of a page; `reason` says why it is not run, where it is not."""

    line: int
    language: str
    code: str
    reason: str

    @property
    def commands(self) -> list[str]:
        """The commands of a shell block, those that go over several lines joined."""
        joined = re.sub(r"\\\n\s*", "", self.code)
        return [line for line in joined.splitlines() if line.strip() and not line.lstrip().startswith("#")]


def blocks(page: str) -> list[Block]:
    text = (ROOT / page).read_text(encoding="utf-8")
    return [Block(text[: m.start()].count("\n") + 1, m["language"], m["code"], m["reason"] or "") for m in _FENCE.finditer(text)]


def unfenced(page: str) -> list[str]:
    """The lines of blocks that are marked by indentation alone: nobody could say there what they are."""
    text = _FENCE.sub("", (ROOT / page).read_text(encoding="utf-8"))
    return [m[0].strip() for m in re.finditer(r"(?<=\n\n)(?: {4}|\t)(?! *(?:[-*]|\d+\.) )\S.*", text)]
