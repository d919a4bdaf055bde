"""``kgrec config``: which configs are shipped, what they say, what each setting means."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import JsonOption, SetOption
from kgrec.cli.output import echo, print_json, print_table
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kgrec.ensemble.settings import Component

__all__ = ["register"]

commands = typer.Typer(
    no_args_is_help=True, help="Shipped configs, and the meaning of every setting."
)


def register(app: typer.Typer) -> None:
    """Add ``kgrec config``."""
    app.add_typer(commands, name="config")


@commands.command("list")
def list_(as_json: JsonOption = False) -> None:
    """Name the configs that `--config` knows."""
    from kgrec import config

    names = config.names()
    if as_json:
        print_json(names)
    else:
        kinds = ["benchmark" if _is_benchmark(config.read(name)) else "train" for name in names]
        print_table(("config", "for kgrec"), list(zip(names, kinds, strict=True)))


@commands.command()
def show(
    name: Annotated[str, typer.Argument(help="A shipped config's name or a YAML file.")],
    overrides: SetOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write all settings of a config, checked, with the defaults it leaves unsaid."""
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
        str, typer.Argument(help="Only settings whose name begins so, e.g. `train`.")
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Say what each setting means, what it may be and what it is by default."""
    from kgrec import config

    rows = [row for row in _describe(config.Settings) if row["setting"].startswith(setting)]
    if not rows:
        raise NotFoundError(f"no setting begins with {setting!r}; see `kgrec config explain`")
    if as_json:
        print_json(rows)
        return
    headers = ("setting", "default", "type", "meaning")
    print_table(headers, [[row[header] for header in headers] for row in rows])


def _is_benchmark(data: dict[str, Any]) -> bool:
    """A benchmark's config names protocols, a training's never does."""
    return "protocols" in data


def _describe(model: type[BaseModel], prefix: str = "") -> list[dict[str, str]]:
    rows: list[dict[str, str]] = []
    for name, field in model.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        if isinstance(default, dict):
            rows += [
                row
                for key, each in default.items()
                for row in _component(each, f"{prefix}{name}.{key}.")
            ]
            continue
        if hasattr(type(default), "model_fields"):
            rows += _describe(type(default), f"{prefix}{name}.")
            continue
        rows.append(
            {
                "setting": prefix + name,
                "default": _written(default),
                "type": _type_name(model.model_json_schema()["properties"][name]),
                "meaning": " ".join((field.description or "").split()),
            }
        )
    return rows


def _component(component: Component, prefix: str) -> list[dict[str, str]]:
    """The settings of one component of the ensemble, and those of its recommender."""
    given: dict[str, Any] = component.model_dump(mode="json")
    models = (type(component), type(component.settings))
    fields = {name: (cls, field) for cls in models for name, field in cls.model_fields.items()}
    return [
        {
            "setting": prefix + name,
            "default": _written(given[name]),
            "type": _type_name(fields[name][0].model_json_schema()["properties"][name]),
            "meaning": " ".join((fields[name][1].description or "").split()),
        }
        for name in given
    ]


def _written(value: object) -> str:
    """A value as ``--set`` takes it."""
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
        f"{sign} {schema[key]:g}"
        for key, sign in (
            ("exclusiveMinimum", ">"),
            ("minimum", ">="),
            ("exclusiveMaximum", "<"),
            ("maximum", "<="),
        )
        if key in schema
    ]
    return " ".join([str(schema.get("type", "any")), *bounds])
