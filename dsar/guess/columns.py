"""What kind of data a column holds, guessed from its name and type and tested on the values of a few rows.

A value that is no address is none, whatever its column is called; a name alone is believed where there are no values.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from dsar import kinds
from dsar.recognise import cards, ibans
from dsar.source import Schema

_TEXT = {None, "text"}
_MOSTLY = 0.8  # of the values, so that a few odd ones do not hide what a column is
_SENTENCE = 6  # words
_ENOUGH = 3  # values that tell a column apart whatever it is called
_TOLD_BY_VALUES = ("user.contact.email", "user.device.ip_address", "user.financial.bank_account", "user.financial.credit_card")

# The first that fits counts. Words of a name are told apart at capitals and signs: CustomerEMail is "customer e mail".
_NAMES: tuple[tuple[str, str], ...] = tuple(
    (category, rf"\b({words})\b")
    for category, words in (
        ("user.authorization.password", "pass(word|wd|phrase)?|pwd|passwort|kennwort|salt|secret|api key|.*token"),
        ("user.device.ip_address", "ip|ip addr(ess)?|remote addr(ess)?|client addr(ess)?"),
        ("user.contact.email", "e mail|.*mail|e mail addr(ess)?|mail addr(ess)?|courriel|correo"),
        ("user.contact.fax_number", "(tele)?fax( (no|nr|number))?"),
        ("user.contact.phone_number", ".*phone|tel|telefon.*|telefono|mobile|mobil|handy|cell|msisdn"),
        ("user.demographic.date_of_birth", "birth.*|dob|born( on)?|geburt.*|naissance|nacimiento|date of birth"),
        ("user.name.first", "(first|given|fore|middle) ?names?|vorname|prenom|fname|nombre"),
        ("user.name.last", "(last|family|sur|maiden) ?names?|nachname|familienname|apellidos?|lname"),
        ("user.financial.bank_account", "iban|bic|swift|kontonummer|sort code|bank account.*|account holder"),
        ("user.financial.credit_card", "card (no|nr|num|number)|pan|cvv|cvc|credit ?card.*"),
        ("user.government_id", "passport.*|ssn|national id.*|social security.*|personalausweis|id card.*"),
        ("user.contact.organization", "company.*|organi[sz]ation|firma|employer|vat|vat (id|no|number)|ust id|societe|account name"),
        ("user.contact.address.postal_code", "zip|zip ?code|post ?code|postal ?code|plz|postleitzahl|code postal"),
        ("user.contact.address.city", "city|town|stadt|ort|ville|ciudad|place of residence"),
        ("user.contact.address.country", "country.*|land|pays|pais|nationality"),
        ("user.contact.address.street", "street.*|stra(ss|ß)e|rue|calle|addr(ess)?( line)?( ?\\d)?|anschrift|adresse|house (no|number)"),
        ("user.demographic.gender", "gender|sex|salutation|anrede|geschlecht|civilite"),
        ("user.demographic.language", "lang(uage)?|locale|sprache|langue|idioma"),
        ("user.privacy_preferences", "consent.*|opt (in|out)|.*subscribed?.*|newsletter.*|marketing.*|gdpr.*|einwilligung"),
        ("user.account.username", "user ?name|login|nick(name)?|screen name|handle|benutzername"),
        ("user.job_title", "job.*|occupation|profession|position held|beruf|funktion"),
        ("user.device.cookie_id", "cookies?|session.*|visitor.*|client id|ga id"),
        ("user.device", "user agent|browser|device.*|platform|os version"),
        ("user.behavior.browsing_history", "referr?er|url|page|path|request uri|landing.*|user path"),
        ("user.location.precise", "lat|lon|lng|latitude|longitude|geo.*|coordinates"),
        ("user.name", "(full|display|contact|customer|person|user|client|party|holder|recipient|sender|signed by) ?name|recipient|ansprechpartner"),
        (
            "user.content",
            "notes?|comments?|messages?|body|subject|remarks?|description|text|reason|memo|content|feedback|answers?|bemerkung(en)?|notiz(en)?|nachricht",
        ),
        (
            "user.payment",
            "(.*(total|amount|price|cost|tax|discount|refund|balance|betrag|preis|summe))|invoice.*|rechnung.*|paid.*|payment.*|.*fee|currency|gateway.*|montant",
        ),
    )
)
_BARE_NAME = re.compile(r"^(name|nom|nome)$")
_STATE = re.compile(r"\b(state|province|region|county|bundesland|provinz)\b")
_TITLE = re.compile(r"^title$")
_OTHER = re.compile(
    r"\b(clerk|agent|rep|representative|staff|employee|manager|seller|cashier|operator|assigned( to)?|assignee|author|owner"
    r"|handled|reviewer|salesperson|advisor"
    r"|supervisor|reports to|(created|updated|modified|approved|deleted|entered|changed|written?|write|create) (by|uid|user)"
    r"|bearbeiter|sachbearbeiter"
    r"|recipient|addressee|spouse|kin|beneficiary|emergency|referred by|invited by)\b"
)
_ORGANISATIONS = re.compile(r"\b(accounts?|compan(y|ies)|organi[sz]ations?|firms?|tenants?|employers?)$")
_PEOPLE = re.compile(r"(user|customer|contact|member|person|party|client|employee|subscriber|visitor|patient|student|lead|kunde|kontakt)s?")
_COOKIES = re.compile(r"\b(cookies?|sessions?|visitors?)$")
_CODE = re.compile(r"\b(id|no|nr|num|number|nummer|key|ref|reference|uuid|guid|code|sku|barcode|serial)$")
_DIRECT = {
    "user.contact", "user.contact.email", "user.contact.phone_number",
    "user.name.first", "user.name.last", "user.demographic.date_of_birth", "user.account.username",
    "user.authorization.password",
}  # fmt: skip
_PERSONAL = ("user.contact", "user.name", "user.demographic", "user.financial", "user.government_id", "user.device", "user.location", "user.account")


@dataclass(frozen=True)
class Guess:
    """What a column is taken for, and what that rests on."""

    category: str
    why: str
    free_text: bool = False
    other_person: bool = False

    @property
    def personal(self) -> bool:
        """Whether such a column is about people wherever it stands."""
        return self.category.startswith(_PERSONAL)


@cache
def words(name: str) -> str:
    """Return a column's name as words in small letters: `CustomerEMail_1` is "customer e mail 1"."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z0-9])|(?<=[0-9])(?=[A-Za-z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.findall(r"[^\W_]+", apart.casefold()))


def table(name: str, known: Schema, sample: Mapping[str, Sequence[object]], region: str | None) -> dict[str, Guess]:
    """Return a guess for every column of a table; `region` is whose rules read a phone number without country code."""
    firm = is_of_organisations(name)
    found = {c: _column(c, logical, sample.get(c, ()), region) for c, logical in known.columns.items()}
    of_people = is_of_people(name, found)
    address = any(g.category.startswith("user.contact.address") for g in found.values())
    for column in known.columns:
        said = words(column)
        if firm and not found[column].other_person and (found[column].personal or _BARE_NAME.search(said)):
            found[column] = Guess("user.contact.organization", "by its name, in a table of companies")
        elif of_people and _BARE_NAME.search(said):
            found[column] = Guess("user.name", "by its name, in a table of people", other_person=found[column].other_person)
        elif _TITLE.search(said) and any(g.category in {"user.name.first", "user.name.last"} for g in found.values()):
            found[column] = Guess("user.job_title", "by its name, in a table of people")
        elif address and _STATE.search(said):
            found[column] = Guess("user.contact.address.state", "by its name, beside an address")
        elif (column,) == known.key and _COOKIES.search(words(name)):
            found[column] = Guess("user.device.cookie_id", "a key, by its table's name")
        elif column in known.references or ((column,) == known.key and not found[column].personal):
            found[column] = Guess("user.unique_id", "a key", other_person=(column,) != known.key and bool(_OTHER.search(said)))
    return found


def is_of_people(table_name: str, guesses: Mapping[str, Guess]) -> bool:
    """Whether a table is a register of people: it says how to reach one or when one was born, or is called like people and holds names."""
    if any(g.category in _DIRECT and not g.other_person for g in guesses.values()):
        return True
    called = _PEOPLE.fullmatch(words(table_name).rpartition(" ")[2])
    return bool(called) and any(g.category == "user.name" or _BARE_NAME.search(words(c)) for c, g in guesses.items())


def is_of_organisations(table_name: str) -> bool:
    """Whether a table is, by its name, one of companies."""
    return bool(_ORGANISATIONS.search(words(table_name)))


def names_a_person(column: str) -> bool:
    """Whether a column, by its name, holds the number of a person: user_id, customer_no."""
    said = words(column)
    return bool(_PEOPLE.fullmatch(_CODE.sub("", said).strip().rpartition(" ")[2])) and bool(_CODE.search(said))


def is_about_another(column: str) -> bool:
    """Whether a column, by its name, is about somebody else than the person its row belongs to: a clerk, a recipient."""
    return bool(_OTHER.search(words(column)))


def _column(name: str, logical: str | None, values: Sequence[object], region: str | None) -> Guess:
    said = words(name)
    texts = [v for v in values if isinstance(v, str)]
    if logical in _TEXT or texts:
        for category in _TOLD_BY_VALUES:
            holds = _holds(category, region)
            if holds and len(texts) >= _ENOUGH and _share(texts, holds) >= _MOSTLY:
                return Guess(category, f"{_count(texts, holds)} of {len(texts)} values are such", other_person=bool(_OTHER.search(said)))
    if len(texts) >= _ENOUGH and _is_mixed(texts, region):
        return Guess("user.contact", "its values are addresses and numbers")
    for category, pattern in _NAMES:
        if re.search(pattern, said) and _may_be(category, logical, texts, region):
            return _named(category, said, logical, texts)
    if _OTHER.search(said) and logical in _TEXT:
        return Guess("user.name", "by its name, somebody else", other_person=True)
    if sum(len(t.split()) >= _SENTENCE or t.lstrip().startswith(("{", "[", "<")) for t in texts) > len(texts) / 5:
        return Guess("user.content", "its values are sentences", free_text=True)
    if logical in {"date", "datetime", "time"}:
        return Guess("user.behavior", "a time")
    if _CODE.search(said):
        return Guess("user.unique_id", "by its name")
    return Guess("user", "nothing tells what it is")


def _is_mixed(texts: Sequence[str], region: str | None) -> bool:
    """Whether a column holds e-mail addresses and telephone numbers, one a row, as registers of ways to reach people do."""
    email, phone = _holds("user.contact.email", region), _holds("user.contact.phone_number", region)
    assert email
    assert phone
    numbers = [t for t in texts if not email(t)]
    return 0.2 <= _share(texts, email) < _MOSTLY and len(numbers) > 0 and _share(numbers, phone) >= 0.5


def _named(category: str, said: str, logical: str | None, texts: Sequence[str]) -> Guess:
    other = bool(_OTHER.search(said)) and category.startswith(("user.name", "user.contact", "user.account"))
    tested = "" if not texts or category not in _CHECKED else ", and its values are such"
    return Guess(category, f"by its name{tested}", free_text=category == "user.content" and logical in _TEXT, other_person=other)


def _may_be(category: str, logical: str | None, texts: Sequence[str], region: str | None) -> bool:
    """Whether the type and the values allow what the name says."""
    is_text = category.startswith(("user.name", "user.contact", "user.content", "user.account"))
    if is_text and category != "user.contact.phone_number" and logical not in _TEXT:
        return False
    holds = _holds(category, region) if category in _CHECKED else None
    return holds is None or not texts or _share(texts, holds) >= 0.5


def _share(texts: Sequence[str], holds: Callable[[str], bool]) -> float:
    return _count(texts, holds) / len(texts)


def _count(texts: Sequence[str], holds: Callable[[str], bool]) -> int:
    return sum(holds(text) for text in texts)


_CHECKED = {"user.contact.email", "user.contact.phone_number", "user.contact.fax_number", "user.device.ip_address"}
_DIALLED = re.compile(r"[\d\s()+./-]{6,24}(\s?(x|ext\.?)\s?\d{1,5})?")


def _holds(category: str, region: str | None) -> Callable[[str], bool] | None:
    """Return the test of a value of this kind, where there is one."""
    tests: dict[str, Callable[[str], bool]] = {
        "user.contact.email": lambda text: kinds.normal("email", text) is not None,
        "user.device.ip_address": lambda text: kinds.normal("ip", text) is not None,
        "user.financial.bank_account": lambda text: any(m.end - m.start == len(text.strip()) for m in ibans(text.strip())),
        "user.financial.credit_card": lambda text: any(m.end - m.start == len(text.strip()) for m in cards(text.strip())),
    }

    def dialled(text: str) -> bool:
        return kinds.normal("phone", text, region) is not None or bool(_DIALLED.fullmatch(text.strip()))

    tests |= dict.fromkeys(("user.contact.phone_number", "user.contact.fax_number"), dialled)
    return tests.get(category)
