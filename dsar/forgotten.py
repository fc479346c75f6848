"""The systems one forgets: a fixed list of questions that a data map answers one by one.

Each is `mapped` (a source of the map holds it), `manual` (a person searches it), `none` (there is no such system: who says so) or
`ignored` (it is there and not searched, because). What nobody answered is named by `dsar check`.
"""

from collections.abc import Mapping
from typing import Literal, Self, get_args

from pydantic import BaseModel, ConfigDict, model_validator

Answer = Literal["mapped", "manual", "none", "ignored"]
ANSWERS: tuple[Answer, ...] = get_args(Answer)
SYSTEMS: Mapping[str, str] = {
    "helpdesk": "tickets of the help desk, and what is attached to them",
    "accounting": "bookkeeping and invoicing software, and the accountant's copy",
    "payments": "the payment gateway's back office, disputes and refunds",
    "mailboxes": "mailboxes of staff and shared ones (info@, sales@), their archives",
    "chat": "live chat and chat bots on the website, messengers used with customers",
    "team_chat": "the team's own chat and channels, where customers are talked about",
    "social_media": "messages and posts on the company's pages",
    "webinars": "webinar, event and survey tools: who registered, who attended, what was asked",
    "telephony": "telephone system: call lists, voice mail",
    "call_recordings": "recordings and transcripts of calls and video meetings",
    "documents": "shared drives and document stores: contracts, scans, exported spreadsheets",
    "paper": "paper files, visitors' books, business cards",
    "website": "content management system: accounts, comments, form entries kept by a plug-in",
    "analytics": "web analytics, tag managers, advertising audiences uploaded elsewhere",
    "mailings": "mail service for receipts and notices: its log of what was sent to whom",
    "monitoring": "error tracking, application logs, session replay",
    "logs": "web-server, mail-server, firewall and sign-in logs",
    "warehouse": "data warehouse, reports and spreadsheets fed from other systems",
    "test_systems": "test and staging systems that hold a copy of real data",
    "code_and_issues": "issue trackers and repositories where customers' cases are described",
    "recruiting": "applications for jobs",
    "partners": "what resellers, suppliers and contractors hold on our behalf",
    "video_surveillance": "cameras, door and access systems",
    "backups": "backups and archives: which set, until when",
}
_SAYS = {"none": "who says so, and when", "ignored": "why it is not searched"}


class Answered(BaseModel):
    """One answer: exactly one of the four."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mapped: str | tuple[str, ...] | None = None  # sources of the map
    manual: str | tuple[str, ...] | None = None  # sources that a person searches
    none: str | None = None  # who says so, and when
    ignored: str | None = None  # because

    @model_validator(mode="after")
    def _one(self) -> Self:
        given = [name for name in ANSWERS if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("needs exactly one of mapped, manual, none and ignored")
        if given[0] in _SAYS and len(str(getattr(self, given[0])).split()) < 2:
            raise ValueError(f"{given[0]} needs a few words: {_SAYS[given[0]]}")
        return self

    @property
    def answer(self) -> Answer:
        """Which of the four it is."""
        return next(name for name in ANSWERS if getattr(self, name) is not None)

    @property
    def sources(self) -> tuple[str, ...]:
        """The sources that hold it, for `mapped` and `manual`."""
        named = self.mapped if self.mapped is not None else self.manual
        return () if named is None else (named,) if isinstance(named, str) else named

    @property
    def words(self) -> str:
        """What stands behind the answer: the sources, or the reason."""
        return ", ".join(self.sources) or self.none or self.ignored or ""


def unanswered(answers: Mapping[str, Answered]) -> list[str]:
    """Return the systems of the list that nobody answered for, in its order."""
    return [name for name in SYSTEMS if name not in answers]
