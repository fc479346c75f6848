"""What stands at the top of each notebook: which request, how many days are left, what it waits for, and which notebook is next."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from datetime import date

from dsar.desk.notebooks import Notebook
from dsar.desk.status import next_steps, warnings
from dsar.listing import STYLE, Link, badge, listing, tone_of
from dsar.request.case import Case

_SOON = 5  # days


@dataclass(frozen=True)
class Header:
    """A case in a few lines, from the register and from which files lie there: no snapshot is read for it."""

    case: Case
    today: date
    next: Notebook | None = None
    right: str = ""  # what the notebook answers
    made: Collection[str] = ()  # rights whose files lie there already

    @property
    def not_asked(self) -> str:
        """What to mind where the notebook is about a right that the request does not ask for."""
        return f"it does not ask for {self.right}" if self.right and self.right not in self.case.request.rights else ""

    def left(self) -> tuple[str, str]:
        """Return the days left in words, and the tone of it."""
        if self.case.closed:
            return "closed", "calm"
        days = (self.case.due - self.today).days
        if days < 0:
            return f"overdue by {_days(-days)}", "bad"
        return ("due today" if days == 0 else f"{_days(days)} left"), ("wait" if days <= _SOON else "calm")

    def lines(self) -> Iterator[tuple[str, str | Link]]:
        """Yield what is said below the badges: heading and text."""
        case, request = self.case, self.case.request
        yield "Asks for", ", ".join(f"{r} ({case.outcomes[r]})" if r in case.outcomes else r for r in request.rights)
        yield "Received", f"{request.received}, by {case.channel}; due {case.due}" if case.channel else f"{request.received}; due {case.due}"
        yield "Who asks", self._identity()
        yield "Searched by", ", ".join(dict.fromkeys(i.kind for i in request.identifiers))
        if not case.closed:
            waits = "; ".join(f"{what}, since {since}" for what, since in case.waits_for)
            yield "Waits for", waits or "nobody but us"
            if todo := "; ".join(next_steps(case, self.today, self.made)):
                yield "To do", todo
        if mind := "; ".join(warnings(case, self.today)):
            yield "Mind", mind
        if self.next:
            yield "Go on with", Link(self.next.title, self.next.name)

    def _identity(self) -> str:
        request = self.case.request
        if not request.identity_settled:
            return "not settled: nobody has proved anything yet"
        return f"verified on {request.verified_on}" if request.verified_on else f"no reasonable doubt: {request.no_reasonable_doubt}"

    def __repr__(self) -> str:
        """Return the same for a terminal."""
        return "\n".join([f"{self.case.request.id}: {self.case.state}, {self.left()[0]}", *(f"{name}: {text}" for name, text in self.lines())])

    def _repr_html_(self) -> str:
        badges = [badge(self.case.state, tone_of(self.case.state)), badge(*self.left())]
        if not self.case.request.identity_settled:
            badges.append(badge("nothing may leave", "bad"))
        if self.not_asked:
            badges.append(badge(self.not_asked, "bad"))
        first, *lines = self.lines()
        table = listing((first[0], str(first[1])), lines, empty="").to_display()
        return f'{STYLE}<p style="font-size: 1.15em"><b>{self.case.request.id}</b> {" ".join(badges)}</p>' + table.removeprefix(STYLE)


def _days(count: int) -> str:
    return "1 day" if count == 1 else f"{count} days"
