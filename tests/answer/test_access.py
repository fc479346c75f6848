"""The answer to a request for access: all of the person's, with what the law wants said, and nothing of anybody else."""

from dataclasses import replace
from datetime import date

import openpyxl
import pytest

from dsar.answer.access import report
from dsar.answer.sheets import _result
from dsar.errors import AnswerIncomplete, IdentityNotVerified, NotAsked
from dsar.find.decisions import Decisions
from dsar.find.outcome import Outcome
from dsar.texts import ENGLISH
from tests.answer.test_export import CLEAN, MAP, SHARED, STRANGE
from tests.decoded import decoded
from tests.worlds import NOW, TODAY, datamap, gather, request, sources

SHOP = datamap(
    MAP.replace('label = "Account"', 'label = "Account"\nactivity = "accounts"', 1)
    + """
[recipients.gateway]
name = "Tern Payments"
role = "controller"
country = "Germany"
safeguard = "standard clauses"
[activities.accounts]
purpose = "To keep your account"
basis = "6(1)(f)"
origin = "third party"
recipients = ["gateway"]
"""
)
ANN = replace(request("A-1", "email=ann@x.org"), rights=("access",))


def written(case, who=ANN, data=CLEAN):
    dossier = gather(SHOP, sources(SHOP, data, can=None), who)[who.id]
    return report(dossier, case, Decisions(case / "decisions.json", NOW), TODAY)


def pages(path):
    book = openpyxl.load_workbook(path)
    return {s.title: [[c.value for c in row if c.value is not None] for row in s.iter_rows() if any(c.value is not None for c in row)] for s in book}


def test_it_holds_what_article_15_wants(tmp_path):
    (path,) = written(tmp_path).files
    assert path.relative_to(tmp_path).as_posix() == "outbox/Quill-Co_A-1_your-data.xlsx"
    sheets = pages(path)
    assert list(sheets)[:2] == ["Read me first", "Summary"]
    assert list(sheets)[-5:] == ["How we use it", "What is not included", "Where we looked", "Your rights", "Words and codes"]
    assert "Yes, we process personal data about you." in str(sheets["Read me first"])
    use = next(row for row in sheets["How we use it"] if row[0] == "Account")
    assert use == [
        "Account",
        "Id, E-mail",
        "To keep your account",
        "our legitimate interest — Art. 6(1)(f)",
        "given to us by somebody else",
        "Tern Payments (controller, Germany, standard clauses)",
        "until it is no longer needed for the purpose",
    ]
    summary = {row[1]: row for row in sheets["Summary"][2:]}
    assert summary["Account"][-2:] == ["no", "yes, see What is not included"]  # on a legitimate interest: a copy, but not to take along
    assert summary["Subscription"][-2:] == ["yes, if you ask for it", "nothing"]
    rights = str(sheets["Your rights"])
    assert "164A" in rights
    assert "supervisory authority: ICO" in rights
    assert "court" in rights
    assert "There are none." in rights


def test_the_summary_says_of_each_table_whether_it_can_be_taken_along(tmp_path):
    undecided = datamap(
        MAP.replace('label = "Account"', 'label = "Account"\nactivity = "accounts"', 1)
        + """
[activities.accounts]
purpose = "To keep your account"
basis = "undetermined"
origin = "provided"
"""
    )

    def portable(map_, *rights):
        dossier = gather(map_, sources(map_, CLEAN, can=None), replace(ANN, rights=rights))[ANN.id]
        (path,) = report(dossier, tmp_path, Decisions(tmp_path / "decisions.json", NOW), TODAY).files
        return {row[1]: row[-2] for row in pages(path)["Summary"][2:] if row[1] in {"Account", "Subscription"}}

    assert portable(SHOP, "access") == {"Account": "no", "Subscription": "yes, if you ask for it"}
    assert portable(SHOP, "access", "portability") == {"Account": "no", "Subscription": "yes"}
    assert portable(undecided, "access", "portability") == {"Account": "not decided yet", "Subscription": "yes"}
    assert portable(undecided, "access") == {"Account": "not decided yet", "Subscription": "yes, if you ask for it"}


def test_the_use_says_what_is_past_its_day_and_where_from_without_the_policy(tmp_path):
    map_ = datamap("""
[[policy.versions]]
version = "1"
from = 2018-06-21
[activities.books]
purpose = "To keep the books"
basis = "6(1)(c)"
origin = "provided"
retention = { from = "issued_on", years = 6, why = "VAT records", article = "17(3)(b)" }
[sources.shop.tables.invoices]
label = "Invoice"
activity = "books"
match = { email = "email" }
given_on = "issued_on"
columns = { id = {}, email = {}, issued_on = { type = "date" } }
""")
    data = {"shop.invoices": [{"id": n, "email": "ann@x.org", "issued_on": date(year, 1, 1)} for n, year in enumerate((2019, 2020, 2025))]}
    dossier = gather(map_, sources(map_, data), ANN)[ANN.id]
    (path,) = report(dossier, tmp_path, Decisions(tmp_path / "decisions.json", NOW), TODAY).files
    (use,) = [row for row in pages(path)["How we use it"] if row[0] == "Invoice"]
    assert use[3:5] == ["a law requires it — Art. 6(1)(c); under our privacy policy of 1", "you gave it to us"]
    assert use[-1] == "6 years each, the last until 2031-01-01. Past their day, and due to be erased: 2. VAT records (Art. 17(3)(b))"


def test_a_long_label_is_cut_on_the_tab_alone(tmp_path):
    long = datamap(MAP.replace('label = "Account"', 'label = "Account in our shop and in that of our partner"', 1))
    dossier = gather(long, sources(long, CLEAN, can=None), ANN)[ANN.id]
    (path,) = report(dossier, tmp_path, Decisions(tmp_path / "decisions.json", NOW), TODAY).files
    sheets = pages(path)
    assert sheets["Account in our shop and in that"][0] == ["Account in our shop and in that of our partner"]
    assert "1 on the sheet Account in our shop and in that of our partner" in str(sheets["Summary"])


@pytest.mark.parametrize(
    ("outcome", "result"),
    [
        (Outcome("found", 2), "found 2"),
        (Outcome("found", 2, held=1), "found 2, more being checked"),
        (Outcome("found", held=1, company=2), "being checked"),
        (Outcome("found", company=2), "nothing about you"),
        (Outcome("found", withheld=1), "see What is not included"),
        (Outcome("nothing"), "nothing"),
        (Outcome("failed", held=1), "failed, more being checked"),
    ],
)
def test_where_we_looked_never_says_found_0_and_a_failure_stays_one(outcome, result):
    assert _result(outcome, ENGLISH) == result


def test_no_stranger_is_in_it(tmp_path):
    for file in written(tmp_path).files:
        assert not [text for _, text in decoded(file) for strange in STRANGE if strange in text]


def test_nothing_held_is_said_with_the_systems_searched(tmp_path):
    (path,) = written(tmp_path, replace(request("N-1", "email=nobody@x.org"), rights=("access",))).files
    sheets = pages(path)
    assert "We hold nothing about you in the systems listed" in str(sheets["Read me first"])
    assert [row[-1] for row in sheets["Where we looked"][2:]].count("nothing") >= 2


def test_it_waits_for_identity_for_holds_and_for_being_asked(tmp_path):
    with pytest.raises(IdentityNotVerified):
        written(tmp_path, replace(request("A-1", "email=ann@x.org", verified=False), rights=("access",)))
    with pytest.raises(AnswerIncomplete):
        written(tmp_path, data=SHARED)
    with pytest.raises(NotAsked):
        written(tmp_path, request("A-1", "email=ann@x.org"))
    assert not list(tmp_path.glob("outbox/*"))


def test_a_table_nobody_described_keeps_the_answer_back_and_part_one_says_so(tmp_path):
    opened = sources(SHOP, CLEAN, can=None)
    (source, *_) = opened
    opened[source].tables["refunds"] = [{"id": 1, "email": "ann@x.org"}]
    dossier = gather(SHOP, opened, ANN)[ANN.id]
    decisions = Decisions(tmp_path / "decisions.json", NOW)
    with pytest.raises(AnswerIncomplete, match=rf"{source}\.refunds: not searched: the map neither maps nor ignores it"):
        report(dossier, tmp_path, decisions, TODAY)
    decisions.add("part 1", "R. Eader", NOW, TODAY)
    (path,) = report(dossier, tmp_path, decisions, TODAY).files
    sheets, label = pages(path), SHOP.sources[source].label
    assert [label, "other records", "not searched"] in sheets["Where we looked"]
    left = [row[:3] for row in sheets["What is not included"] if row[0] == label]
    assert left == [[label, "not known", "We could not search all of this system yet."]]
    assert "refunds" not in str(sheets)


def test_the_same_snapshot_and_day_is_the_same_file(tmp_path):
    (path,) = written(tmp_path).files
    before = path.read_bytes()
    assert [f.read_bytes() for f in written(tmp_path).files] == [before]
