"""What a column is taken for: by its name and type, tested on its values."""

import pytest

from dsar.datamap import categories
from dsar.guess import columns
from dsar.source import Schema

MAILS = ["ann@example.org", "ben@example.org", "Cy <cy@example.org>"]


def guess(column, logical="text", values=(), beside=(), table="people"):
    schema = Schema({column: logical, **dict.fromkeys(beside, "text")})
    return columns.table(table, schema, {column: values}, "GB")[column]


@pytest.mark.parametrize(
    ("column", "category"),
    [
        ("CustomerEMail", "user.contact.email"), ("e-mail", "user.contact.email"), ("guest_email", "user.contact.email"),
        ("telefon", "user.contact.phone_number"), ("MobilePhone", "user.contact.phone_number"), ("Fax", "user.contact.fax_number"),
        ("first_name", "user.name.first"), ("Nachname", "user.name.last"), ("FullName", "user.name"), ("billed_to_name", "user"),
        ("DateOfBirth", "user.demographic.date_of_birth"), ("IBAN", "user.financial.bank_account"), ("card_no", "user.financial.credit_card"),
        ("BillingAddress", "user.contact.address.street"), ("zip", "user.contact.address.postal_code"), ("Ort", "user.contact.address.city"),
        ("remote_addr", "user.device.ip_address"), ("user_agent", "user.device"), ("referer", "user.behavior.browsing_history"),
        ("password_hash", "user.authorization.password"), ("username", "user.account.username"), ("opt_in", "user.privacy_preferences"),
        ("total", "user.payment"), ("order_no", "user.unique_id"), ("comment", "user.content"), ("colour", "user"),
    ],
)  # fmt: skip
def test_a_name_tells_what_a_column_holds(column, category):
    assert guess(column).category == category
    assert category in categories()


def test_every_category_that_is_guessed_is_one():
    assert {category for category, _ in columns._NAMES} <= categories()


def test_values_tell_an_address_apart_whatever_the_column_is_called():
    assert guess("contact", values=MAILS).category == "user.contact.email"
    assert guess("x1", values=["192.0.2.7", "2001:db8::7", "192.0.2.8"]).category == "user.device.ip_address"
    assert (
        guess("x1", values=["DE89370400440532013000", "GB82WEST12345698765432", "FR1420041010050500013M02606"]).category
        == "user.financial.bank_account"
    )
    assert guess("x1", values=["4111 1111 1111 1111", "5500005555555559", "4012888888881881"]).category == "user.financial.credit_card"
    assert guess("x1", values=["red", "blue", "ann@example.org"]).category == "user"


def test_a_register_of_ways_to_reach_people_holds_both():
    ways = ["ann@example.org", "+44 20 7946 0018", "ben@example.org", "020 7946 0555", "https://ben.example"]
    assert guess("value", values=ways).category == "user.contact"
    assert guess("value", values=["12", "red", "x"]).category == "user"


def test_a_table_called_like_people_holds_their_names():
    assert guess("name", table="party_party").category == "user.name"
    assert guess("name", table="party_party_lang").category == "user"


def test_what_the_values_are_not_a_name_does_not_make_them():
    assert guess("email_template", values=["welcome", "goodbye", "birthday"]).category != "user.contact.email"
    assert guess("mobile", values=["yes", "no", "yes"]).category != "user.contact.phone_number"
    assert guess("ip", values=["patent", "licence", "mark"]).category != "user.device.ip_address"
    assert guess("email", "boolean").category != "user.contact.email"


def test_sentences_are_searched_for_other_people():
    said = guess("x1", values=["She rang about the order of last May, and wants it back.", "ok", "no"])
    assert (said.category, said.free_text) == ("user.content", True)
    assert guess("notes").free_text
    assert not guess("note_count", "integer").free_text
    assert guess("payload", values=['{"a": 1}', '{"b": 2}']).free_text


@pytest.mark.parametrize(
    "column", ["agent", "SupportRep", "sales_person_name_by_clerk", "manager", "recipient_name", "handled_by_employee", "author"]
)
def test_somebody_else_is_marked(column):
    assert guess(column).other_person


def test_a_bare_name_is_a_persons_only_beside_a_way_to_reach_one():
    assert guess("name", beside=["email"]).category == "user.name"
    assert guess("name", beside=["colour"]).category == "user"
    assert guess("name", beside=["phone"], table="companies").category == "user.contact.organization"
    assert guess("Title", beside=["first_name"]).category == "user.job_title"
    assert guess("Title", beside=["email"]).category == "user"
    assert guess("state", beside=["city"]).category == "user.contact.address.state"
    assert guess("state").category == "user"
