"""Who answers, what was promised, and for how long what was gathered is kept."""

import itertools
from datetime import date
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from dsar.datamap.words import Model, form, region, zone_name
from dsar.texts import Language


class AutomatedDecisions(Model):
    """The sentence on automated decisions (Art. 15(1)(h)) and the person who stands for it."""

    text: str
    reviewed_by: str
    reviewed_on: date


class Controller(Model):
    """Who answers, under which regime, and where deletion requests go."""

    name: str = Field(min_length=1)
    address: str
    contact: Annotated[str, form(r".+@.+", "must be a mailbox, such as privacy@example.org")]
    regime: Literal["uk", "eu"]
    calendar: str
    timezone: Annotated[str, AfterValidator(zone_name)]
    region: Annotated[str, AfterValidator(region)]  # whose rules read a phone number without country code
    policy_version: str
    supervisory_authority: str
    registration: str = ""  # company register and number, as printed in the policy
    dpo: str = ""  # data protection officer, Art. 37
    eu_representative: str = ""  # Art. 27
    fresh_hours: int = Field(default=24, gt=0)  # an answer is made from a snapshot no older
    stub_days: int = Field(default=1_095, gt=0)  # how long it is looked whether an erased person came back: three years
    two_readers: bool = False  # a ruling on what is held counts once a second person agreed
    one_mailbox: bool = False  # ann+news@ and a.nn@ are taken for ann@: true only where every host in use folds them
    complaints: str = ""  # the electronic form for complaints to the controller, DPA 2018 s.164A
    automated_decisions: AutomatedDecisions
    language: Language = "en"  # what the requester reads is in it; labels and purposes of this map should be too

    @property
    def zone(self) -> ZoneInfo:
        """The controller's time zone."""
        return ZoneInfo(self.timezone)


class PolicyVersion(Model):
    """A privacy policy that was in force from a day on."""

    version: str
    from_: date = Field(alias="from")


class Clause(Model):
    """A promise of the privacy policy, in our own words, and the places of this map that keep it."""

    heading: str  # where in the policy it stands
    promise: str
    kept_by: tuple[str, ...] = Field(min_length=1)  # key paths, such as activities.orders


class Gap(Model):
    """What the policy contradicts or leaves out, and who mends it how; nothing here is ever sent to a requester."""

    what: str = Field(min_length=1)
    owner: str = Field(min_length=1)
    remedy: str = Field(min_length=1)
    by: date | None = None  # the day it is to be mended by


class Policy(Model):
    """The privacy policy: its versions, its promises clause by clause, and what is wrong with it."""

    versions: tuple[PolicyVersion, ...] = ()
    clauses: dict[str, Clause] = {}
    gaps: dict[str, Gap] = {}

    def at(self, day: date) -> str | None:
        """Return the version in force on a day, or None where none is on record."""
        known = sorted((v.from_, v.version) for v in self.versions if v.from_ <= day)
        return known[-1][1] if known else None


class Purge(Model):
    """For how many days what was gathered for a request is kept; each outlives the one before it.

    No statute has figures; the defaults follow published schedules (ICO, accountability; Gambling Commission: three years).
    """

    working_copies: int = Field(default=30, ge=1)  # after the answer left: snapshots, notebooks, worklists, inbox
    delivered: int = Field(default=365, ge=1)  # after the answer left: what was sent, to the end of the window for complaints
    register_line: int = Field(default=1_095, ge=1)  # after the request was closed: its line in the register
    ledger: int = Field(default=2_190, ge=1)  # after the request was closed: its summary, and what the ledger says

    @model_validator(mode="after")
    def _one_after_the_other(self) -> Self:
        days = {name: getattr(self, name) for name in ("working_copies", "delivered", "register_line", "ledger")}
        for (before, less), (name, more) in itertools.pairwise(days.items()):
            if more < less:
                raise ValueError(f"{name} must be at least {less} days, as {before} is: what explains the rest goes last")
        return self
