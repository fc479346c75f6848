"""What `mkdocs build` makes from the code itself, so that it cannot go stale: command, errors, keys of the map, changes.

A hook of MkDocs. Pages made here exist in the site alone. Links that lead out of docs/ (to code, maps, fixtures) take along the file they
name, so that the site is whole by itself.
"""

import ast
import inspect
import os
import re
from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

import typer.cli
import typer.main
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from dsar import datamap, errors, forgotten
from dsar.cli import app
from dsar.find.hold import HOLDS
from dsar.law.rights import RULES

DOCS = Path(__file__).parent
ROOT = DOCS.parent
LINK = re.compile(r"(\]\()([^)#\s]+)([^)\s]*\))")
PAGES = {"CHANGELOG.md": "changes.md", "README.md": "index.md"}  # of the tree → of the site
SECTIONS: dict[str, list[tuple[type[BaseModel], str]]] = {
    "[controller]": [(datamap.Controller, ""), (datamap.AutomatedDecisions, "automated_decisions.")],
    "[policy]": [(datamap.PolicyVersion, "versions."), (datamap.Clause, "clauses.NAME."), (datamap.Gap, "gaps.NAME.")],
    "[purge]": [(datamap.Purge, "")],
    "[systems]": [(forgotten.Answered, "NAME.")],
    "[recipients.NAME]": [(datamap.Recipient, "")],
    "[activities.NAME]": [(datamap.Activity, ""), (datamap.Retention, "retention.")],
    "[sources.NAME]": [(datamap.Source, ""), (datamap.Backup, "backups.")],
    "[sources.NAME.tables.TABLE]": [
        (datamap.Table, ""),
        (datamap.Reveal, "reveals.KIND."),
        (datamap.OpenWhile, "open_while."),
        (datamap.Attribution, "attribute."),
        (datamap.Subset, "part."),
        (datamap.Mark, "restricted."),
        (datamap.GoneWhen, "gone_when."),
    ],
    "[sources.NAME.tables.TABLE.columns]": [(datamap.Column, ""), (datamap.Replace, "erase.")],
    "file": [(datamap.File, "")],
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages made here, and the files of the tree that pages link to."""
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    made = {"reference/command.md": command(), "reference/errors.md": errors_page(), "changes.md": _from_root(changes, "changes.md")}
    for name, text in made.items():
        files.append(File.generated(config, name, content=text))
    for page in [DOCS / f.src_uri for f in files.documentation_pages() if (DOCS / f.src_uri).is_file()]:
        for _, target, _ in LINK.findall(page.read_text(encoding="utf-8")):
            if (outside := _outside(page.parent, target)) and not files.get_file_from_path(f"tree/{outside}"):
                files.append(File.generated(config, f"tree/{outside}", abs_src_path=str(ROOT / outside)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:  # noqa: ARG001 - MkDocs' signature
    """Point links that lead out of docs/ to what was taken along; write types and defaults into the tables of the map's keys."""
    name = page.file.src_uri
    if name.startswith("tree/"):
        return LINK.sub(r"\2", re.sub(r"\[([^\]]*)\]\(([^)]*)\)", r"\1", markdown))  # somebody else's file: read here, not walked from
    folder = (DOCS / name).parent

    def rewritten(match: re.Match[str]) -> str:
        outside = _outside(folder, match[2])
        if outside is None:
            return match[0]
        inside = PAGES.get(outside, f"tree/{outside}")
        return match[1] + os.path.relpath(DOCS / inside, folder) + match[3]

    markdown = LINK.sub(rewritten, markdown)
    for mark, table in (("holds", holds), ("rights", rights)):
        if f"<!-- generated: {mark} -->" in markdown:
            markdown = markdown.replace(f"<!-- generated: {mark} -->", "\n".join(table()))
    return keys(markdown) if name == "data-map.md" else markdown


def _outside(folder: Path, target: str) -> str | None:
    """Return the path, from the root, of a file of the tree that a link names and that lies outside docs/."""
    if "://" in target or target.startswith("mailto:"):
        return None
    path = Path(os.path.normpath(folder / target))
    found = path.is_file() and path.is_relative_to(ROOT) and not path.is_relative_to(DOCS)
    return str(path.relative_to(ROOT)) if found else None


def _from_root(markdown: str, page: str) -> str:
    """Return a text whose links are from the root as one whose links are from a page in docs/."""
    folder = (DOCS / page).parent

    def rewritten(match: re.Match[str]) -> str:
        return match[0] if "://" in match[2] else match[1] + os.path.relpath(ROOT / match[2], folder) + match[3]

    return LINK.sub(rewritten, markdown)


def command() -> str:
    """Return the page of the command: every command with its arguments and options, as `--help` says them."""
    group = typer.main.get_command(app)
    text = typer.cli.get_docs_for_click(obj=group, ctx=typer.Context(group), name="dsar", title="The command")
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n?", "", text)  # cut short there; each has a section of its own
    text = re.sub(r"\*\*Usage\*\*:\n\n```console\n\$ (.*)\n```", r"`\1`", text)
    text = re.sub(r"^\* `--help`: .*\n", "", text, flags=re.MULTILINE)
    head = (
        "Written from the command itself. What is wrong is said in one line, with exit status 2 and nothing half-written; status 1 means that it"
        " ran and somebody has to act. [Errors](errors.md) says what to do for each."
    )
    return text.replace("# The command\n", f"# The command\n\n{head}\n", 1)


_CASE = "what the message says: it depends on the case"


def errors_page() -> str:
    """Return the page of errors: each with what to do next, and each message it is raised with."""
    raised = defaultdict(set)
    for path in sorted(p for package in ("dsar", "connectors") for p in (ROOT / package).rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        whole = _named(ast.Module([part for part in tree.body if isinstance(part, ast.Assign)], []))
        for part in tree.body:
            named = whole | _named(part)
            for node in ast.walk(part):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and hasattr(errors, node.func.id) and node.args:
                    remedy = next((_text(k.value, named) for k in node.keywords if k.arg == "remedy"), "")
                    raised[node.func.id].add((_text(node.args[0], named), remedy))
    lines = [
        "# Errors",
        "",
        "Each error is named by what you do next. A message says where, what, and how to mend it, and holds no person's data.",
        "Collected from the code; `…` stands for what differs from case to case.",
    ]
    for name, kind in inspect.getmembers(errors, inspect.isclass):
        if kind is errors.DsarError or not issubclass(kind, errors.DsarError):
            continue
        lines += ["", f"## {name}", "", inspect.getdoc(kind) or "", ""]
        said = sorted((what, remedy) for what, remedy in raised[name] if what.strip("… ") or remedy.strip("… "))
        if said:
            lines += [
                "| it says | what to do |",
                "|---|---|",
                *(f"| {_cell(what)} | {_cell(remedy if remedy.strip('… ') else _CASE)} |" for what, remedy in said),
            ]
    return "\n".join(lines) + "\n"


def _named(part: ast.AST) -> dict[str, ast.expr]:
    """Return name → what it stands for, of the texts that are given a name before they are raised."""
    pairs: list[tuple[ast.expr, ast.expr]] = []
    for node in ast.walk(part):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            target, value = node.targets[0], node.value
            both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
            pairs += zip(target.elts, value.elts, strict=False) if both else [(target, value)]
    texts = [(t.id, v) for t, v in pairs if isinstance(t, ast.Name) and isinstance(v, ast.Constant | ast.JoinedStr | ast.Dict)]
    return {name: value for name, value in texts if [n for n, _ in texts].count(name) == 1}


def _text(node: ast.expr, named: dict[str, ast.expr]) -> str:
    """Return what an expression says, with `…` for what is not known before it runs."""
    if isinstance(node, ast.Name) and node.id in named:
        node = named[node.id]
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(_text(part, named) if isinstance(part, ast.Constant) else "…" for part in node.values)
    if isinstance(node, ast.IfExp):
        return f"{_text(node.body, named)} / {_text(node.orelse, named)}"
    if isinstance(node, ast.BoolOp):
        return " / ".join(_text(part, named) for part in node.values)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":  # one of several, by what it is about
        known = named.get(getattr(node.func.value, "id", ""))
        return " / ".join(_text(part, named) for part in (*(known.values if isinstance(known, ast.Dict) else ()), *node.args[1:]))
    return "…"


def _cell(text: str) -> str:
    return re.sub(r"([\\|<>*_\[\]{}])", r"\\\1", text)


def holds() -> Iterator[str]:
    """Yield the table of the reasons to hold a row."""
    yield "| code | what the analyst reads | what the requester reads |"
    yield "|---|---|---|"
    for hold in HOLDS.values():
        yield f"| {hold.code} | {_cell(hold.internal)} | {_cell(hold.for_requester) or '(nothing)'} |"


def rights() -> Iterator[str]:
    """Yield the table of the rights, one after the other."""
    for right in dict.fromkeys(rule.right for rule in RULES):
        yield from (
            f"### {right}",
            "",
            "| legal basis | origin | marketing | outcome | article | what the requester reads |",
            "|---|---|---|---|---|---|",
        )
        for rule in (r for r in RULES if r.right == right):
            bases = _all(rule.bases, datamap.BASES)
            marketing = "any" if len(rule.marketing) > 1 else "yes" if rule.marketing[0] else "no"
            paper = "" if len(rule.automated) > 1 or rule.automated[0] else ", on paper"
            origin = _all(rule.origins, datamap.ORIGINS) + paper
            yield f"| {bases} | {origin} | {marketing} | {rule.outcome.answer} | {rule.outcome.article} | {_cell(rule.outcome.sentence)} |"
        yield ""


def _all(listed: tuple[str, ...], known: tuple[str, ...]) -> str:
    return "any" if set(listed) == set(known) else ", ".join(listed)


def keys(guide: str) -> str:
    """Return the guide to the data map with two columns more in its tables of keys: what is written there, and what holds unless it is."""
    for section, models in SECTIONS.items():
        known = {f"{prefix}{field.alias or name}": field for model, prefix in models for name, field in model.model_fields.items()}
        start = guide.index(f"\n## `{section}`:") + 1
        end = guide.find("\n## ", start)
        guide = guide[:start] + "\n".join(_rows(guide[start:end], known)) + guide[end:]
    return guide


def _rows(text: str, known: dict[str, Any]) -> Iterator[str]:
    told = set()
    for line in text.split("\n"):
        row = re.match(r"\| (`.+?`) \| (.+) \|$", line)
        if line == "| key | what it says |":
            yield "| key | written as | unless written | what it says |"
        elif line == "|---|---|":
            yield "|---|---|---|---|"
        elif row and (names := re.findall(r"`(.+?)`", row[1])) and names[0] in known:
            told |= set(names)
            field = known[names[0]]
            usual = "**required**" if field.is_required() else _usual(field.get_default(call_default_factory=True))
            yield f"| {row[1]} | {_form(field.annotation)} | {usual} | {re.sub('^required(?: in `.+?`)?: ', '', row[2])} |"
        else:
            yield line
    if told != known.keys():
        raise PluginError(f"docs/data-map.md does not explain {', '.join(known.keys() - told)}")


def _usual(default: object) -> str:
    if default is PydanticUndefined or default is None or default in ((), {}, "", "row") or isinstance(default, BaseModel):
        return "–"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def _form(kind: Any) -> str:
    """Return how a value of a type is written in TOML."""
    origin, inside = get_origin(kind), [a for a in get_args(kind) if a is not NoneType]
    if origin is Literal:
        return " or ".join(f"`{json_like(a)}`" for a in inside)
    if origin in (Union, UnionType):
        return " or ".join(dict.fromkeys(_form(a) for a in inside))
    if origin is tuple:
        return "a list"
    if origin is not None and hasattr(kind, "__metadata__"):
        return _form(inside[0])
    if origin is dict or (inspect.isclass(kind) and issubclass(kind, BaseModel)):
        return "a section"
    return {bool: "`true` or `false`", int: "a number", str: "text", date: "a date"}.get(kind, "text")


def json_like(value: object) -> str:
    """Return a value as TOML spells it."""
    return f'"{value}"' if isinstance(value, str) else str(value).lower()
