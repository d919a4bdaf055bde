"""Directives that write the reference from the program itself, so that it cannot be out of date.

``{settings}``            every setting of a training run, as ``kgrec config explain`` shows them
``{recommender-settings}``  the settings of every recommender, from its class
``{benchmark-settings}``  the settings of a benchmark, from their pydantic model
``{command-line}``        every command with its arguments and options, from the command line's tree

Each gives one section a group, with a table.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import typer
from docutils import nodes
from pydantic import BaseModel
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.testing import CliRunner

from kgrec.cli.setting_rows import type_name

__all__ = ["command_sections", "settings_sections", "setup"]

_COLUMNS = ("setting", "default", "type", "meaning")


class SettingsReference(SphinxDirective):
    """One section for each group of training settings."""

    def run(self) -> list[nodes.Node]:
        from kgrec.cli.app import app

        shown = CliRunner().invoke(app, ["config", "explain", "--json"])
        if shown.exit_code:
            raise self.error(f"`kgrec config explain` failed: {shown.output}")
        return settings_sections(json.loads(shown.stdout))


class BenchmarkSettingsReference(SphinxDirective):
    """One table of the settings of a benchmark."""

    def run(self) -> list[nodes.Node]:
        from kgrec.evaluation.settings import BenchmarkSettings

        return [_table(_rows(BenchmarkSettings, {}))]


class RecommenderSettingsReference(SphinxDirective):
    """One section for each recommender of the registry."""

    def run(self) -> list[nodes.Node]:
        from kgrec.recommenders import registry

        made: list[nodes.Node] = []
        for name in registry.names():
            entry = registry.entry(name)
            cls = entry.load()
            text = " ".join((cls.__doc__ or "").partition("\n\n")[0].split())
            body: list[nodes.Node] = [nodes.paragraph("", "", *_inline(text))]
            if rows := _rows(cls.settings_class, entry.defaults):
                body.append(_table(rows))
            made.append(_section(name, f"recommender-{name}", body))
        return made


class CommandLineReference(SphinxDirective):
    """One section for each command."""

    def run(self) -> list[nodes.Node]:
        from kgrec.cli.app import app

        return command_sections(typer.main.get_command(app))


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.add_directive("settings", SettingsReference)
    app.add_directive("benchmark-settings", BenchmarkSettingsReference)
    app.add_directive("recommender-settings", RecommenderSettingsReference)
    app.add_directive("command-line", CommandLineReference)
    app.connect("autodoc-process-signature", _shorter)
    app.connect("autodoc-process-docstring", _keep_trees)
    return {"parallel_read_safe": True}


def _shorter(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, signature: str, returns: str
) -> tuple[str | None, str | None]:
    """Type aliases of ``autodoc_type_aliases`` by their names, also within a union."""
    first, second = (
        text and re.sub(r"(?:~?\w+\.)*TypeAliasForwardRef\('(\w+)'\)", r"\1", text)
        for text in (signature, returns)
    )
    return first, second


def _keep_trees(
    app: Sphinx, what: str, name: str, obj: Any, options: Any, lines: list[str]
) -> None:
    """A tree that a docstring draws becomes a literal block."""
    paragraphs = "\n".join(lines).split("\n\n")
    drawn = [text.replace("\n", "\n   ") if "──" in text else text for text in paragraphs]
    lines[:] = "\n\n".join(
        f"::\n\n   {text}" if "──" in text else text for text in drawn
    ).splitlines()


def settings_sections(rows: list[dict[str, str]]) -> list[nodes.Node]:
    """A section for each group of the settings that ``kgrec config explain --json`` gives."""
    from kgrec.config import Settings

    groups: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        groups.setdefault(row["setting"].rpartition(".")[0], []).append(row)
    made: list[nodes.Node] = []
    for group, members in groups.items():
        meaning = nodes.paragraph("", "", *_inline(_meaning(Settings, group)))
        body = [meaning, _table(members)]
        made.append(_section(group or "top level", f"settings-{group}", body))
    return made


def command_sections(command: Any) -> list[nodes.Node]:
    """A section for a command and for each command below it."""
    return list(_commands(command, "kgrec", None))


def _commands(command: Any, name: str, parent: Any) -> Iterable[nodes.Node]:
    """Sections of a command and, behind it, of the commands below it."""
    context = command.context_class(command, info_name=name.split()[-1], parent=parent)
    usage = " ".join([name, *command.collect_usage_pieces(context)])
    body: list[nodes.Node] = [
        nodes.literal_block(usage, usage, language="text"),
        *(nodes.paragraph("", "", *_inline(part)) for part in (command.help or "").split("\n\n")),
    ]
    records = [parameter.get_help_record(context) for parameter in command.get_params(context)]
    rows = [{"option": shown, "meaning": text} for shown, text in filter(None, records)]
    body.append(_table(rows, ("option", "meaning")))
    yield _section(name, f"command-{name}", body)
    for below in getattr(command, "commands", {}).values():
        yield from _commands(below, f"{name} {below.name}", context)


def _meaning(model: type[BaseModel], group: str) -> str:
    """The docstring of the settings that ``group`` names; nothing where it names no model."""
    kind: type = model
    for name in filter(None, group.split(".")):
        field = getattr(kind, "model_fields", {}).get(name)
        kind = type(None) if field is None else type(field.get_default(call_default_factory=True))
    return " ".join((kind.__doc__ or "").split()) if issubclass(kind, BaseModel) else ""


def _rows(model: type[BaseModel], defaults: Mapping[str, Any]) -> list[dict[str, str]]:
    """One row for each setting of a model, with ``defaults`` in place of some of its own."""
    return [
        {
            "setting": name,
            "default": json.dumps(defaults.get(name, schema.get("default"))),
            "type": type_name(schema),
            "meaning": " ".join(schema.get("description", "").split()),
        }
        for name, schema in model.model_json_schema().get("properties", {}).items()
    ]


def _section(title: str, name: str, body: Sequence[nodes.Node]) -> nodes.section:
    section = nodes.section("", nodes.title("", title), *body, ids=[nodes.make_id(name)])
    section["names"] = [name]
    return section


def _table(rows: Iterable[dict[str, str]], columns: Sequence[str] = _COLUMNS) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=1) for _ in columns), cols=len(columns))
    head = nodes.row("", *(nodes.entry("", nodes.paragraph("", name)) for name in columns))
    body = [
        nodes.row(
            "",
            *(
                nodes.entry("", nodes.paragraph("", "", *_cell(row[name], name)))
                for name in columns
            ),
        )
        for row in rows
    ]
    group += [nodes.thead("", head), nodes.tbody("", *body)]
    return nodes.table("", group, classes=["colwidths-auto"])


def _cell(text: str, column: str) -> list[nodes.Node]:
    if column in {"meaning", "type"}:
        return _inline(text)
    return [nodes.literal(text, text)]


def _inline(text: str) -> list[nodes.Node]:
    """Text with what stands between backticks as code."""
    parts = re.split(r"`+([^`]+)`+", text)
    return [
        nodes.literal(part, part) if n % 2 else nodes.Text(part) for n, part in enumerate(parts)
    ]
