import pytest
from hypothesis import given
from hypothesis import strategies as st

from dsar.find.people import candidates, names_in


@pytest.mark.parametrize(
    ("text", "name", "written"),
    [
        ("spoke to ANN LEE.", "Ann Lee", "ANN LEE"),
        ("Lee, Ann called", "Ann Lee", "Lee, Ann"),
        ("Ann\nLee", "Ann Lee", "Ann\nLee"),
        ("jose munoz's order", "José Muñoz", "jose munoz"),
        ("Jose\u0301 Mun\u0303oz", "José Muñoz", "Jose\u0301 Mun\u0303oz"),
        ("O’Brien Pat", "Pat O'Brien", "O’Brien Pat"),
        ("anne-marie strasse", "Anne-Marie Straße", "anne-marie strasse"),
        ("Ludwig van Beethoven", "Ludwig van Beethoven", "Ludwig van Beethoven"),
        ("ann_lee.pdf", "Ann Lee", "ann_lee"),
        ("王伟先生来电", "王伟", "王伟"),
        ("昨日山田太郎が", "山田 太郎", "山田太郎"),
        ("오늘 김철수가", "김철수", "김철수"),
        ("אמרה לדנה כהן", "דנה כהן", "דנה כהן"),
        ("قال وليد حسن", "وليد حسن", "وليد حسن"),
    ],
)
def test_known_names_are_found_as_they_are_written(text, name, written):
    assert [(text[m.start : m.end].rstrip("\u0301"), m.kind, m.value) for m in names_in(text, [name])] == [(written, "name", name)]


@pytest.mark.parametrize(
    ("text", "name"), [("Annabel Lee", "Ann Lee"), ("Ann Leeds", "Ann Lee"), ("Ann and Lee", "Ann Lee"), ("A", "A"), ("", "Ann Lee")]
)
def test_other_words_are_not_the_name(text, name):
    assert names_in(text, [name]) == ()


@pytest.mark.parametrize(
    ("text", "proposed"),
    [
        ("called Ann Lee today", ["Ann Lee"]),
        ("Called Ann Lee", ["Called Ann", "Called Ann Lee", "Ann Lee"]),
        ("ÉLODIE Dupont-Martin", ["ÉLODIE Dupont-Martin"]),
        ("by Ludwig van Beethoven", ["Ludwig van Beethoven"]),
        ("from Lee, Ann", ["Lee Ann"]),
        ("Jose\u0301 Muñoz", ["Jose\u0301 Muñoz"]),
        ("Иван Петров", ["Иван Петров"]),
        ("to Ann. lee", []),
        ("王伟 דנה כהן", []),
        ("", []),
    ],
)
def test_words_that_look_like_a_full_name(text, proposed):
    assert [m.value for m in candidates(text)] == proposed


@given(st.text(max_size=200), st.lists(st.text(max_size=12), max_size=5))
def test_any_text_and_any_name(text, names):
    for m in (*names_in(text, names), *candidates(text)):
        assert 0 <= m.start < m.end <= len(text)


@given(st.text(max_size=80), st.from_regex(r"[A-Z][a-zé]{2,8} [A-Z][a-zö]{2,8}", fullmatch=True), st.text(max_size=80))
def test_a_name_proposed_in_a_text_is_found_there_again(before, name, after):
    text = f"{before}; {name}; {after}"
    place = (len(before) + 2, len(before) + 2 + len(name))
    assert place in {(m.start, m.end) for m in candidates(text) if m.value == name}
    assert place in {(m.start, m.end) for m in names_in(text, [name])}
