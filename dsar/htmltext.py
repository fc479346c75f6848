"""The text of a page, as a mail's reader sees it."""

from html.parser import HTMLParser

_SILENT = {"script", "style", "head"}
_BREAKS = {"br", "p", "div", "tr", "li", "h1", "h2", "h3", "h4", "h5", "h6", "dt", "dd", "hr", "pre", "blockquote", "table", "ul", "ol"}
_CELLS = {"td", "th"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self.silent = 0

    def handle_starttag(self, tag: str, _: object) -> None:
        self.silent += tag in _SILENT
        if tag == "body":  # some mails never close their head
            self.silent = 0
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        self.silent = max(0, self.silent - (tag in _SILENT))  # a stray end tag must not swallow what follows
        self._part(tag)

    def _part(self, tag: str) -> None:
        if tag in _BREAKS or tag in _CELLS:
            self.parts.append("\n" if tag in _BREAKS else " ")

    def handle_data(self, data: str) -> None:
        if not self.silent:
            self.parts.append(data)


def plain(html: str) -> str:
    """Return the text of a page, a line per paragraph, heading and row of a table; a space parts its cells."""
    reader = _Text()
    reader.feed(html)
    reader.close()
    return "\n".join(line for line in (" ".join(part.split()) for part in "".join(reader.parts).splitlines()) if line)
