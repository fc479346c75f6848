"""What another package brings: a language, letters of the house; and what is said where that cannot be used."""

import sys
from pathlib import Path

import pytest

from dsar import plugins
from dsar import texts as languages
from dsar.errors import BadPlugin
from dsar.request import entry, letters

TEMPLATES = Path(__file__).parents[1] / "dsar/templates"
CACHED = (plugins.sources, plugins._brought, plugins.languages, languages.texts, letters._templates)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Put a package with files where Python finds it, as pip would: a folder and what says its entry points."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    def installed(package, files, group="dsar.templates", module=None, name="x"):
        (tmp_path / package).mkdir()
        for file, text in files.items():
            (tmp_path / package / file).write_text(text, encoding="utf-8")
        about = tmp_path / f"{package}-1.0.dist-info"
        about.mkdir()
        (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n", encoding="utf-8")
        (about / "entry_points.txt").write_text(f"[{group}]\n{name} = {module or package}\n", encoding="utf-8")

    def forget():
        for cached in CACHED:
            cached.cache_clear()

    forget()
    yield installed
    monkeypatch.undo()
    forget()


def ours(name, **changes):
    text = (TEMPLATES / name).read_text(encoding="utf-8")
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    return text


FRENCH = {"letters.fr.toml": ours("letters.en.toml"), "texts.fr.toml": ours("texts.de.toml", Zeilen="Lignes").replace("\nde = ", "\nfr = ")}


def test_a_language_is_a_package(package):
    package("frenchpack", FRENCH)
    assert plugins.languages() == ("en", "de", "fr")
    assert languages.texts("fr")("Rows") == "Lignes"
    assert entry._one_of({"language": "FR"}, "language", plugins.languages(), "en") == "fr"
    with pytest.raises(ValueError, match="language must be one of en, de, fr"):
        entry._one_of({"language": "it"}, "language", plugins.languages(), "en")


def test_letters_of_the_house_take_the_place_of_ours(package):
    package("house", {"letters.en.toml": ours("letters.en.toml").replace("Yours faithfully", "Kind regards")})
    assert letters.words("en")["closing"] == "Kind regards"
    assert letters.words("de")["closing"] == "Mit freundlichen Grüßen"


@pytest.mark.parametrize("file", ["letters.fr.toml", "texts.fr.toml"])
def test_half_a_language_is_refused(package, file):
    lacking = {"letters.fr.toml": 'greeting = "Dear Sir or Madam,"', "texts.fr.toml": 'Rows = "Lignes"'}[file]
    package("half", {**FRENCH, file: FRENCH[file].replace(lacking, "")})
    with pytest.raises(BadPlugin, match=f"{file}: 1 (parts|texts) are lacking, the first is '?(words.greeting|Rows)'? — (write|translate) it"):
        letters.words("fr") if file.startswith("letters") else languages.texts("fr")


def test_letters_without_texts_are_no_language(package):
    package("lettersonly", {"letters.fr.toml": FRENCH["letters.fr.toml"]})
    assert plugins.languages() == ("en", "de")


def test_two_packages_with_one_file_are_named(package):
    package("one", FRENCH)
    package("two", FRENCH)
    with pytest.raises(BadPlugin, match=r"dsar.templates: one and two both bring letters.fr.toml — uninstall one of them"):
        plugins.languages()


def test_a_package_that_is_not_there_is_named(package):
    package("broken", {}, group="dsar.maps", module="nowhere.at.all")
    with pytest.raises(BadPlugin, match=r"dsar.maps: what broken brings cannot be opened — its entry point has to name a package"):
        plugins.maps()


def test_letters_of_the_house_have_to_be_all_letters(package):
    package("short", {"letters.en.toml": 'x = "y"\n'})
    with pytest.raises(BadPlugin, match=r"letters.en.toml: \d+ parts are lacking"):
        letters.words("en")


def test_a_source_of_one_name_in_two_packages_is_an_error(package):
    """The last one would read, and erase, in place of ours, and nobody would have said so."""
    package("another", {}, group="dsar.sources", module="another:Source", name="sql")
    with pytest.raises(BadPlugin, match=r"^dsar\.sources: (another and dsar|dsar and another) both bring sql — uninstall one of them$"):
        plugins.sources()
