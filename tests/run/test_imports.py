"""What a process imports before it does its work: a batch starts several, and each pays for it."""

import subprocess
import sys

import dsar


def imported(code):
    """Return the modules that a fresh process has after some code."""
    told = subprocess.run([sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True)
    return set(told.stdout.split())


def test_a_worker_of_a_batch_imports_papermill_and_not_what_notebooks_need():
    code = "from dsar.run import execute, grammar\nwith grammar.left_out(): import papermill\nfrom dsar.run import engine"
    assert imported(code) & {"papermill", "pandas", "sqlalchemy", "dsar.workspace", "rfc3987_syntax"} == {"papermill"}


def test_the_grammar_can_be_imported_afterwards_and_what_was_there_stays():
    code = "from dsar.run import grammar\nwith grammar.left_out(): import jsonschema\nimport rfc3987_syntax"
    assert "rfc3987_syntax" in imported(code)
    code = "import rfc3987_syntax\nfrom dsar.run import grammar\nwith grammar.left_out(): import jsonschema"
    assert "rfc3987_syntax" in imported(f"{code}\nassert jsonschema.FormatChecker.checkers['iri']")


def test_in_a_notebook_no_frame_is_read_as_formulas_once_the_toolkit_is_imported():
    assert "dsar.listing" in imported("import IPython, dsar, pandas\nassert pandas.get_option('display.html.use_mathjax') is False")


def test_the_name_of_the_toolkit_alone_imports_next_to_nothing_and_has_all_its_names():
    assert imported("import dsar") & {"pandas", "pydantic", "dsar.workspace"} == set()
    for name in dsar.__all__:
        assert getattr(dsar, name) is not None
    assert set(dsar.__all__) <= set(dir(dsar))
