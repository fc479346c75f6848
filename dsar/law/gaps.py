"""What the privacy policy contradicts or leaves out: listed with an owner and a remedy, never guessed, never sent.

Some gaps a person wrote into the map (`[policy.gaps]`); the others show in the map itself, because something
that Articles 13 and 15 require is not there.
"""

from collections.abc import Iterator

from dsar.datamap import DataMap, Gap

# Where no safeguard of Art. 46 is needed: the UK and the EEA, each adequate for the other.
NO_SAFEGUARD_NEEDED = frozenset(
    [
        "United Kingdom",
        "Austria",
        "Belgium",
        "Bulgaria",
        "Croatia",
        "Cyprus",
        "Czechia",
        "Denmark",
        "Estonia",
        "Finland",
        "France",
        "Germany",
        "Greece",
        "Hungary",
        "Iceland",
        "Ireland",
        "Italy",
        "Latvia",
        "Liechtenstein",
        "Lithuania",
        "Luxembourg",
        "Malta",
        "Netherlands",
        "Norway",
        "Poland",
        "Portugal",
        "Romania",
        "Slovakia",
        "Slovenia",
        "Spain",
        "Sweden",
    ]
)


def gaps(datamap: DataMap) -> list[Gap]:
    """Return every gap, those a person wrote down first."""
    return [*datamap.policy.gaps.values(), *_of_controller(datamap), *_of_activities(datamap), *_of_recipients(datamap)]


def _of_controller(datamap: DataMap) -> Iterator[Gap]:
    controller = datamap.controller
    owner = controller.contact
    if not controller.dpo:
        yield Gap(
            what="no data protection officer is named (Art. 13(1)(b), 37)",
            owner=owner,
            remedy="appoint one, or record why none is due: controller.dpo",
        )
    if controller.regime == "uk" and not controller.eu_representative:
        yield Gap(
            what="no representative in the EU is named (Art. 27)",
            owner=owner,
            remedy="appoint one, or record why none is due: controller.eu_representative",
        )
    if controller.regime == "uk" and not controller.complaints:
        yield Gap(
            what="no form for complaints to the controller is named (Data Protection Act 2018, s.164A)",
            owner=owner,
            remedy="publish one that can be filled in electronically: controller.complaints",
        )


def _of_activities(datamap: DataMap) -> Iterator[Gap]:
    owner = datamap.controller.contact
    for name, activity in datamap.activities.items():
        if "undetermined" in activity.bases:
            yield Gap(
                what=f"'{name}' has no legal basis on record (Art. 13(1)(c)); it blocks portability, never a copy",
                owner=owner,
                remedy=f"determine it: activities.{name}.basis",
            )
        if activity.retention is None and not activity.until:
            yield Gap(
                what=f"'{name}' has no storage period on record (Art. 15(1)(d))", owner=owner, remedy=f"set activities.{name}.until or .retention"
            )


def _of_recipients(datamap: DataMap) -> Iterator[Gap]:
    for name, recipient in datamap.recipients.items():
        if recipient.country not in NO_SAFEGUARD_NEEDED and not recipient.safeguard:
            yield Gap(
                what=f"'{name}' receives data in {recipient.country} and no safeguard is on record (Art. 15(2), 46)",
                owner=datamap.controller.contact,
                remedy=f"record it: recipients.{name}.safeguard",
            )
