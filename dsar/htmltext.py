"""The text of a page, as a mail's reader sees it."""

from html.parser import HTMLParser

_SILENT = {"script", "style", "head"}
_BREAKS = {"br", "p", "div", "tr", "li"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, _: object) -> None:
        self.silent += tag in _SILENT
        if tag == "body":  # some mails never close their head
            self.silent = 0
        if tag in _BREAKS:
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in _SILENT))  # a stray end tag must not swallow what follows

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


def plain(html: str) -> str:
    """Return the text of a page, a line per paragraph."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "\n".join(line for line in (" ".join(part.split()) for part in "".join(reader.parts).splitlines()) if line)
