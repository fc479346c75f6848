"""Small worlds, drawn at random: no value that only another subject has is in any decoded file of an answer."""

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from dsar.answer import decode
from dsar.answer.export import export
from dsar.errors import ForeignData
from dsar.find.decisions import Decisions
from dsar.source import Can
from tests.examples import examples
from tests.worlds import NOW, TODAY, datamap, gather, request, sources

MAP = datamap("""
[sources.crm.tables.contacts]
people = true
match = { contact = "id", email = "email", phone = "phone" }
reveals = { contact = "id", account = "account" }
columns = { id = {}, email = {}, phone = {}, name = { category = "user.name" }, account = {}, secret = {} }
[sources.crm.tables.accounts]
owner = "organisation"
match = { account = "id" }
columns = ["id", "secret"]
[sources.crm.tables.contracts]
owner = "organisation"
match = { account = "account", contact = "signer" }
columns = { id = {}, account = {}, signer = {}, secret = { about = "person" } }
[sources.shop.tables.orders]
match = { "crm.contact" = "contact", email = "guest" }
reveals = { order = "id", address = "address" }
columns = { id = {}, contact = {}, guest = {}, address = {}, note = { free_text = true }, recipient = { other_person = true }, secret = {} }
[sources.shop.tables.lines]
match = { order = "order" }
columns = ["id", "order", "secret"]
[sources.shop.tables.addresses]
match = { address = "id" }
columns = ["id", "secret"]
""")
PEOPLE = range(4)
NAMES = ("Anna Leewood", "Boris Rowan", "Carla Moore", "Dmitri Pike")
person = st.sampled_from(PEOPLE)


@st.composite
def worlds(draw):
    """Return the rows of each table, and whose each secret is."""
    rows = {name: [] for name in ("crm.contacts", "crm.accounts", "crm.contracts", "shop.orders", "shop.lines", "shop.addresses")}
    owners = {}

    def add(table, whose, **row):
        number = len(rows[table]) + 1
        secret = f"secret-{table}-{number}-xyz"
        rows[table].append({"id": number, **row, "secret": secret})
        owners[secret] = set(whose)
        return number

    phones = [draw(person) for _ in PEOPLE]  # who has the same number as an earlier one shares it
    accounts = [draw(st.none() | st.integers(1, 2)) for _ in PEOPLE]
    for number in (1, 2):
        add("crm.accounts", [p for p in PEOPLE if accounts[p] == number])
    for p in PEOPLE:
        phone = f"0207946000{phones[p]}"
        add("crm.contacts", [p], email=f"person{p}@mail.example", phone=phone, name=NAMES[p], account=accounts[p])
    for _ in range(draw(st.integers(0, 3))):
        signer = draw(person)
        add("crm.contracts", [signer], account=accounts[signer] or 1, signer=signer + 1)
    for _ in range(3):
        add("shop.addresses", [])
    for _ in range(draw(st.integers(0, 6))):
        who, address, guest, other = draw(person), draw(st.integers(1, 3)), draw(st.booleans()), draw(person)
        note = draw(st.sampled_from(["", "nothing", f"for person{other}@mail.example", f"with {NAMES[other]}"]))
        whose = {"contact": None, "guest": f"PERSON{who}@mail.example"} if guest else {"contact": who + 1, "guest": None}
        order = add("shop.orders", [who], **whose, address=address, note=note, recipient=NAMES[other])
        add("shop.lines", [who], order=order)
        owners[rows["shop.addresses"][address - 1]["secret"]].add(who)
    return rows, owners


@given(worlds(), st.booleans(), st.booleans())
@settings(max_examples=examples(10), deadline=None)
def test_no_value_that_only_another_subject_has_leaves(world, gives_phone, everybody_asks):
    rows, owners = world
    asked = [
        request(f"R-{p}", f"email=person{p}@mail.example", *([f"phone={rows['crm.contacts'][p]['phone']}"] if gives_phone else [])) for p in PEOPLE
    ]
    dossiers = gather(MAP, sources(MAP, rows, can=Can(everyone=True)), *(asked if everybody_asks else asked[:1]))
    for p, dossier in enumerate(dossiers.values()):
        with tempfile.TemporaryDirectory() as folder:
            decisions = Decisions(Path(folder) / "decisions.json", NOW)
            decisions.add("part 1", "R. Eader", NOW, TODAY)
            try:
                files = export(dossier, Path(folder), decisions, TODAY, lambda _, p=p: [r for r in asked if r.id != f"R-{p}"]).files
            except ForeignData:
                continue  # held back is no leak
            text = "\n".join(piece.text for file in files for piece in decode.pieces(file))
        theirs = [secret for secret, whose in owners.items() if whose and p not in whose]
        theirs += [value for q in PEOPLE if q != p for value in (f"person{q}@mail.example", NAMES[q])]
        assert not [value for value in theirs if value.casefold() in text.casefold()]
        assert rows["crm.contacts"][p]["secret"] in text  # and it is no empty answer that passes
