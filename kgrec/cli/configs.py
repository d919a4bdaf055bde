"""``kgrec config``: which configs are shipped, what they say, what each setting means."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import JsonOption, SetOption
from kgrec.cli.output import echo, print_json, print_table
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kgrec.ensemble.settings import Component

__all__ = ["register"]

_ANY = "NAME"
"""Stands for the name of any component."""

commands = typer.Typer(
    no_args_is_help=True, help="Show the shipped configs and the meaning of every setting."
)


def register(app: typer.Typer) -> None:
    """Add ``kgrec config``."""
    app.add_typer(commands, name="config")


@commands.command("list")
def list_(as_json: JsonOption = False) -> None:
    """List the names of the shipped configs."""
    from kgrec import config

    names = config.names()
    if as_json:
        print_json(names)
    else:
        kinds = ["benchmark" if _is_benchmark(config.read(name)) else "train" for name in names]
        print_table(("config", "for kgrec"), list(zip(names, kinds, strict=True)))


@commands.command()
def show(
    name: Annotated[str, typer.Argument(help="Name of a shipped config, or a YAML file.")],
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show all settings of a config, with the defaults of those that it leaves out."""
    from kgrec import config

    model: BaseModel
    if _is_benchmark(config.read(name)):
        from kgrec.evaluation.settings import load_benchmark_settings

        if overrides:
            raise InputError(f"--set: {name} is a benchmark's config; change a copy of the file")
        model = load_benchmark_settings(name)
    else:
        model = config.load_settings(name, overrides or [])
    settings = model.model_dump(mode="json")
    if as_json:
        print_json(settings)
        return
    import yaml

    for line in yaml.safe_dump(settings, sort_keys=False, allow_unicode=True).rstrip().split("\n"):
        echo(line)


@commands.command()
def explain(
    setting: Annotated[
        str, typer.Argument(help="Only settings whose name begins with this, e.g. `train`.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Explain each setting: its meaning, what it may be and its default.

    The settings that every component of the ensemble has are explained once, as
    `components.NAME.weight` and so on; `kgrec config explain components.emcdr` lists all of one.
    """
    from kgrec import config

    whole = setting.startswith("components.") and not setting.startswith(f"components.{_ANY}")
    rows = _describe(config.Settings, each_component_whole=whole)
    rows = [row for row in rows if row["setting"].startswith(setting)]
    if not rows:
        raise NotFoundError(f"no setting begins with {setting!r}; see `kgrec config explain`")
    if as_json:
        print_json(rows)
        return
    for row in rows:
        echo(f"{row['setting']}  ({row['type']}; default: {row['default']})")
        for line in textwrap.wrap(row["meaning"], 92, break_on_hyphens=False):
            echo(f"    {line}")


def _is_benchmark(data: dict[str, Any]) -> bool:
    """A benchmark's config names protocols, a training's never does."""
    return "protocols" in data


def _describe(
    model: type[BaseModel], prefix: str = "", *, each_component_whole: bool = False
) -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for name, field in model.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        if isinstance(default, dict):
            rows += _components(default, f"{prefix}{name}.", whole=each_component_whole)
            continue
        if hasattr(type(default), "model_fields"):
            rows += _describe(type(default), f"{prefix}{name}.")
            continue
        rows.append(_row(prefix, model, name, default))
    return rows


def _components(given: dict[str, Component], prefix: str, *, whole: bool) -> list[dict[str, str]]:
    """The settings of components, and those of their recommenders.

    Args:
        given: Components by name.
        prefix: What stands before the name of a component in that of a setting.
        whole: Whether the settings that all components have are listed for each of them, with its
            values, or once.
    """
    from kgrec.ensemble.settings import COUNTING, Component

    values = {name: Component.model_fields[name].get_default() for name in COUNTING}
    rows = [] if whole else [_row(f"{prefix}{_ANY}.", Component, *pair) for pair in values.items()]
    for key, component in given.items():
        counting = ("model", *COUNTING) if whole else ("model",)
        own = type(component.settings)
        models: list[tuple[str, type[BaseModel]]] = [(name, Component) for name in counting]
        models += [(name, own) for name in own.model_fields]
        said: dict[str, Any] = component.model_dump(mode="json")
        rows += [_row(f"{prefix}{key}.", model, name, said[name]) for name, model in models]
    return rows


def _row(prefix: str, model: type[BaseModel], name: str, value: object) -> dict[str, str]:
    return {
        "setting": prefix + name,
        "default": _written(value),
        "type": _type_name(model.model_json_schema()["properties"][name]),
        "meaning": " ".join((model.model_fields[name].description or "").split()),
    }


def _written(value: object) -> str:
    """A value as ``--set`` takes it."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(_written, value))}]"
    return repr(value) if value == "" else f"{value:g}" if isinstance(value, float) else str(value)


def _type_name(schema: dict[str, Any]) -> str:
    """What a JSON schema of one setting allows, in a few words."""
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(_type_name(choice) for choice in schema["anyOf"])
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"list of {_type_name(items)}" if items else "list"
    bounds = [
        f"{sign} {_written(schema[key])}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("exclusiveMaximum", "<"),
            ("maximum", "<="),
        )
        if key in schema
    ]
    return " ".join([str(schema.get("type", "any")), *bounds])
