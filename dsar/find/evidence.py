"""What agreement on each field of a person's record is worth: the fixed m and u tables of Fellegi and Sunter's model.

`m` is how often two records of *one* person agree like this, `u` how often two records of *two* people do; a level is worth
log2(m/u) bits. They are set once, by the reasons beside them, and learn nothing from a controller's records: what is said
about two records depends on these two alone, and is the same tomorrow.
"""

from dataclasses import dataclass

PRIOR = 2.0**-20  # one pair in a million is one person: among a million people's records, everybody has one record more
THRESHOLD = 0.0  # bits: from here on, one person is likelier than two

# A household, an office or a family firm shares all of these at once, and a move changes them at once. Taken one by one they
# would count the same fact five times, so together they are worth no less and no more than this. The upper bound keeps a
# relative below the threshold (last name + place - other first name - prior); one telephone number alone comes near it.
PLACE = ("phone", "street", "postcode", "city", "company")
PLACE_BITS = (-4.0, 15.0)


@dataclass(frozen=True)
class Level:
    """One way in which two values agree: `words` to tell it with (`{}` is the field), the SQL that finds it, m and u."""

    words: str
    sql: str
    m: float
    u: float


@dataclass(frozen=True)
class Field:
    """A field that is compared: its name in words, and its levels, the closest first; where none fits, the values are other."""

    label: str
    levels: tuple[Level, ...]

    @property
    def other(self) -> Level:
        """What is left: m and u of values that neither agree nor look alike."""
        return Level("other {}", "ELSE", 1 - sum(level.m for level in self.levels), 1 - sum(level.u for level in self.levels))


def _same(column: str, m: float, u: float) -> Level:
    return Level("same {}", f"{column}_l = {column}_r", m, u)


def _spelt(column: str, m: float, u: float) -> Level:
    return Level("{} alike", f"jaro_winkler_similarity({column}_l, {column}_r) >= 0.9", m, u)


def _named(column: str, m: float, u: float) -> Level:
    """Spelt alike, or one name a part of the other: Maria and Anna Maria, Schulz and Meier-Schulz."""
    parts = f"least(length({column}_l), length({column}_r)) >= 4 and (contains({column}_l, {column}_r) or contains({column}_r, {column}_l))"
    return Level("{} alike", f"jaro_winkler_similarity({column}_l, {column}_r) >= 0.9 or ({parts})", m, u)


def _slip(column: str, m: float, u: float, least: int) -> Level:
    """One character more, less or other, or two swapped, in a value of at least so many."""
    return Level("{} alike", f"least(length({column}_l), length({column}_r)) >= {least} and damerau_levenshtein({column}_l, {column}_r) <= 1", m, u)


_INITIAL = "least(length(first_l), length(first_r)) = 1 and left(first_l, 1) = left(first_r, 1)"
_SWAPPED = "first_l = last_r and last_l = first_r"
# ann.lee@ at two hosts says that both are called Ann Lee, which the names have said already.
_NAMED = " or ".join(f"coalesce(contains(local_l, {name}), false)" for name in ("first_l", "last_l", "first_r", "last_r"))
# customer-1@ and customer-2@, ann83@ and ann84@ are two people's: digits are not mistyped, they count.
_DIGITS = "regexp_replace(local_l, '[^0-9]', '', 'g') = regexp_replace(local_r, '[^0-9]', '', 'g')"
_TYPED = f"host_l = host_r and {_DIGITS} and least(length(local_l), length(local_r)) >= 5 and damerau_levenshtein(local_l, local_r) <= 1"
_HOST_TYPED = "local_l = local_r and least(length(host_l), length(host_r)) >= 8 and damerau_levenshtein(host_l, host_r) <= 1"

FIELDS = {
    # The commonest first names are borne by 1-2 in a hundred, a typical one by 1 in 200.
    "first": Field(
        "first name",
        (
            _same("first", 0.80, 0.005),
            Level("first and last name swapped", _SWAPPED, 0.01, 0.00001),
            Level("same first initial", _INITIAL, 0.03, 0.03),
            _named("first", 0.13, 0.006),
        ),
    ),
    # Rarer than first names, and changed by marriage: other last names say less against one person than other first names.
    "last": Field(
        "last name",
        (
            _same("last", 0.80, 0.002),
            Level("first and last name swapped", _SWAPPED, 0.01, 0.01),  # told and counted with the first name
            _named("last", 0.13, 0.004),
        ),
    ),
    # People have more than one mailbox: another address says little, the same one all, and the same but for dots or a
    # sub-address is enough by itself, since many tables know nothing else.
    "email": Field(
        "e-mail address",
        (
            _same("email", 0.40, 1e-8),
            Level("same {} but for dots or what follows a plus", "mailbox_l = mailbox_r", 0.05, 2e-8),
            Level("{} alike", f"({_TYPED}) or ({_HOST_TYPED})", 0.05, 5e-5),
            Level("same {} but for the host", f"local_l = local_r and length(local_l) >= 6 and not ({_NAMED})", 0.05, 5e-4),
        ),
    ),
    "phone": Field("phone number", (_same("phone", 0.60, 3e-5), _slip("phone", 0.05, 0.001, 9))),
    "street": Field("street", (_same("street", 0.70, 3e-4), _spelt("street", 0.12, 0.003))),
    "postcode": Field("postcode", (_same("postcode", 0.80, 0.001), _slip("postcode", 0.08, 0.01, 4))),
    # One in ten lives in the biggest city: two namesakes there are two people.
    "city": Field("city", (_same("city", 0.80, 0.10), _spelt("city", 0.08, 0.01))),
    "company": Field("company", (_same("company", 0.70, 0.002), _spelt("company", 0.10, 0.005))),
    # 25,000 days of birth in use; alike: a digit mistyped, two exchanged, or day and month.
    "birth": Field(
        "date of birth",
        (
            _same("birth", 0.90, 4e-5),
            Level(
                "{} alike",
                "damerau_levenshtein(birth_l, birth_r) <= 1 or birth_l = left(birth_r, 4) || right(birth_r, 2) || substr(birth_r, 5, 2)",
                0.07,
                0.001,
            ),
        ),
    ),
    # Issued once; the same number is enough by itself.
    "national": Field("national number", (_same("national", 0.95, 1e-8), _slip("national", 0.04, 2e-4, 6))),
}
