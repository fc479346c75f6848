"""The review as a form in JupyterLab: a line per ruling, a name, one button."""

from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipywidgets import HTML, Button, Dropdown, Layout, Text, VBox

from dsar.desk.review import unseen_in_words
from dsar.errors import BadRuling
from dsar.find.hold import HOLDS

if TYPE_CHECKING:
    from dsar.desk.review import Review

_WAIT = "it waits"


def form(review: "Review") -> VBox:
    """Return the form: what is chosen is recorded when the button is pressed, group by group; a fault says what is missing."""
    name = Text(description="Ruled by", placeholder="your name")
    said = HTML()
    lines = {group: _line(review, group) for group in review.waiting}
    button = Button(description="Record the rulings", button_style="primary", disabled=not lines)

    def record(_: Any) -> None:
        said.value = "<br>".join(_record(review, lines, name.value)) or "Nothing was chosen."

    button.on_click(record)
    unseen = [HTML(f"<b>{escape(unseen_in_words(review.unseen))}</b>")] if review.unseen else []
    if not lines:
        return VBox(unseen or [HTML("Nothing waits for a person.")])
    return VBox([*unseen, name, *(box for box, *_ in lines.values()), button, said])


def _line(review: "Review", group: str) -> tuple[VBox, Dropdown, Text, Text]:
    found = review.waiting[group]
    one = found[0]
    label = review.datamap.table(one.address).label
    column = f", {review.datamap.table(one.address).label_of(one.column)}" if one.column else ""
    requests = ", ".join(sorted({item.request for item in found})[:5])
    # Everything here comes from maps and systems: it is text, never markup.
    head = HTML(
        f"<b>{escape(label + column)}</b> {escape(one.file or one.key)}: {len(found)} in {escape(requests)}<br>{escape(HOLDS[one.code].internal)}"
    )
    choice = Dropdown(options=[_WAIT, *one.choices], description="Ruling")
    reason = Text(description="Reason", placeholder="what shows it", layout=Layout(width="40em"))
    copy = Text(description="Redacted", placeholder="the redacted copy you made: its path", layout=Layout(width="40em"))
    lines = [head, choice, reason, copy] if one.file else [head, choice, reason]
    return VBox(lines, layout=Layout(border_top="1px solid #ccc", padding="6px 0")), choice, reason, copy


def _record(review: "Review", lines: dict[str, tuple[VBox, Dropdown, Text, Text]], by: str) -> list[str]:
    said = []
    for group, (box, choice, reason, copy) in list(lines.items()):
        if choice.value != _WAIT:
            try:
                count = review.rule(group, choice.value, by=by, reason=reason.value, copy=Path(copy.value) if copy.value else None)
            except BadRuling as error:
                said.append(escape(str(error)))
                continue
            said.append(f"{escape(choice.value)}: {count} recorded. Ask the sources again and it counts.")
            box.layout.display = "none"
            del lines[group]
    return said
