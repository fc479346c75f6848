"""Terms of the W3C Data Privacy Vocabulary (DPV 2) for what our files describe, as IRIs.

https://w3id.org/dpv, W3C Software and Document Licence. What the vocabulary has no term for is left out: a
near one would say something else.
"""

_GDPR = "https://w3id.org/dpv/legal/eu/gdpr#"
_DPV = "https://w3id.org/dpv#"
_PD = "https://w3id.org/dpv/pd#"

BASES = {
    "6(1)(a)": f"{_GDPR}A6-1-a",
    "6(1)(b)": f"{_GDPR}A6-1-b",
    "6(1)(c)": f"{_GDPR}A6-1-c",
    "6(1)(d)": f"{_GDPR}A6-1-d",
    "6(1)(e)": f"{_GDPR}A6-1-e",
    "6(1)(f)": f"{_GDPR}A6-1-f",
    "9(2)(a)": f"{_GDPR}A9-2-a",
}
ORIGINS = {
    "provided": f"{_DPV}ProvidedData",
    "observed": f"{_DPV}ObservedData",
    "derived": f"{_DPV}DerivedData",
}
SOURCES = {
    "provided": f"{_DPV}DataSubjectDataSource",
    "observed": f"{_DPV}DataSubjectDataSource",
    "third party": f"{_DPV}ThirdPartyDataSource",
}
RIGHTS = {"access": f"{_GDPR}A15", "portability": f"{_GDPR}A20"}

# fideslang key → term; a longer key takes the term of the nearest shorter one that has one.
_CATEGORIES = {
    "user.name": "Name",
    "user.contact.email": "EmailAddress",
    "user.contact.address": "PhysicalAddress",
    "user.contact.phone_number": "TelephoneNumber",
    "user.device.ip_address": "IPAddress",
    "user.financial.credit_card": "PaymentCardNumber",
    "user.payment": "Transaction",
    "user.behavior.purchase_history": "Purchase",
    "user.behavior.browsing_history": "BrowsingReferral",
    "user.social": "SocialMediaCommunication",
    "user.unique_id": "UID",
}


def category(key: str) -> str | None:
    """Return the term for a fideslang data category, or None."""
    parts = key.split(".")
    names = (".".join(parts[:n]) for n in range(len(parts), 0, -1))
    return next((f"{_PD}{_CATEGORIES[name]}" for name in names if name in _CATEGORIES), None)
