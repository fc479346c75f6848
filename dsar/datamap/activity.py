"""Why data are processed, on which basis, for how long, and to whom they are disclosed."""

from typing import Self

from pydantic import Field, model_validator

from dsar.datamap.words import Basis, Model, Origin


class Recipient(Model):
    """Somebody the data are disclosed to (Art. 15(1)(c), Art. 19)."""

    name: str
    role: str
    country: str
    safeguard: str = ""
    tell: bool = True
    confidential: bool = False  # a disclosure to it may not be told to the data subject, so it is named nowhere outside


class Retention(Model):
    """How long rows are kept, counted from a date column, and by which rule.

    A table of the activity without that column follows the row that leads to it: lines with their invoice.
    """

    from_: str = Field(alias="from")
    years: int = 0
    months: int = 0
    days: int = 0
    why: str
    article: str

    @model_validator(mode="after")
    def _some_period(self) -> Self:
        if self.years + self.months + self.days <= 0:
            raise ValueError("needs years, months or days")
        return self

    @property
    def period(self) -> str:
        """The period in words: '6 years'."""
        parts = [(self.years, "year"), (self.months, "month"), (self.days, "day")]
        return ", ".join(f"{n} {word}{'s' if n != 1 else ''}" for n, word in parts if n)


class Activity(Model):
    """A processing activity: why data are processed, on which basis, and for how long."""

    purpose: str
    basis: Basis | tuple[Basis, ...]
    origin: Origin
    automated: bool = True
    marketing: bool = False  # direct marketing: an objection to it is absolute, Art. 21(2)
    retention: Retention | None = None
    until: str = ""  # how long data are kept, or by which criterion that is decided, Art. 15(1)(d)
    recipients: tuple[str, ...] = ()
    without: str = ""  # consequence of not providing the data, Art. 13(2)(e)

    @property
    def bases(self) -> tuple[Basis, ...]:
        """The legal bases that currently hold, one or several."""
        return self.basis if isinstance(self.basis, tuple) else (self.basis,)
