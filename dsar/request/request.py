"""A request as every other package sees it: who asks for which rights, since when, and whether we know them."""

import hashlib
import json
from dataclasses import dataclass
from datetime import date

from dsar.datamap import Controller
from dsar.errors import IdentityNotVerified, NotAsked
from dsar.law.deadlines import Deadline, Regime, Span, clock
from dsar.listing import listing
from dsar.request.identity import Identifier
from dsar.texts import Language


@dataclass(frozen=True)
class Request:
    """One case: who asks (by identifiers), for which rights, since when, and whether we know them."""

    id: str
    received: date
    rights: tuple[str, ...]
    identifiers: tuple[Identifier, ...]
    verified_on: date | None = None
    no_reasonable_doubt: str = ""
    regime: Regime | None = None  # None: the controller's, like the calendar
    calendar: str | None = None
    identity: Span | None = None  # when proof was asked for, and when it came
    fee: Span | None = None
    pauses: tuple[Span, ...] = ()
    extended: frozenset[str] = frozenset()  # the rights whose extension was notified
    language: Language | None = None  # of what is written to them; None: the controller's
    authority_settled: bool = True  # False: somebody else writes for the person, and has not shown that they may

    def deadline(self, right: str, controller: Controller) -> Deadline:
        """Return until when this right has to be answered; raises `BadDates`, `UnknownCalendar`."""
        return clock(
            self.received,
            self.regime or controller.regime,
            self.calendar or controller.calendar,
            right,
            self.identity,
            self.fee,
            self.pauses,
            extended=right in self.extended,
        )

    @property
    def identity_settled(self) -> bool:
        """Whether the requester is known to be the data subject or somebody who may act for them, or no doubt is on record."""
        return self.authority_settled and (self.verified_on is not None or bool(self.no_reasonable_doubt))

    @property
    def fingerprint(self) -> str:
        """A hash that changes when the identifiers or their standing change."""
        content = sorted((i.kind, i.value, i.standing) for i in self.identifiers)
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()

    def require(self, right: str) -> None:
        """Raise unless the request asks for this right and its identity is settled: `NotAsked`, `IdentityNotVerified`."""
        self.require_asked(right)
        self.require_identity()

    def require_asked(self, right: str) -> None:
        """Raise `NotAsked` unless the request asks for this right."""
        if right not in self.rights:
            asked = ", ".join(self.rights)
            raise NotAsked(f"the request asks for {asked}, not for {right}", where=self.id, remedy="correct its rights in the register if it does")

    def require_identity(self) -> None:
        """Raise `IdentityNotVerified` unless we know who asks, or it is on record why there is no doubt."""
        if not self.identity_settled:
            remedy = "record `identity confirmed`, or fill in verified_on or no_reasonable_doubt in requests.csv"
            raise IdentityNotVerified("the requester's identity is not settled, so nothing may leave", where=self.id, remedy=remedy)

    def _repr_html_(self) -> str:
        settled = f"verified on {self.verified_on}" if self.verified_on else f"no reasonable doubt: {self.no_reasonable_doubt}"
        facts = {
            "Received": str(self.received),
            "Rights": ", ".join(self.rights),
            "Searched by": ", ".join(dict.fromkeys(i.kind for i in self.identifiers)),
            "Identity": settled if self.identity_settled else "NOT SETTLED — nothing may leave",
        }
        return listing(("Request", self.id), facts.items(), empty="").to_display()
