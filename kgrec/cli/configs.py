"""``kgrec config``: which configs are shipped, what they say, what each setting means."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgrec.cli.options import JsonOption, SetOption
from kgrec.cli.output import echo, print_json, print_table
from kgrec.cli.setting_rows import ANY, rows_of_model, rows_of_recommender
from kgrec.errors import InputError, NotFoundError

if TYPE_CHECKING:
    from pydantic import BaseModel

__all__ = ["register"]

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
        str,
        typer.Argument(
            help="Only settings whose name begins with this, e.g. `train`; or the name of a "
            "recommender, e.g. `sasrec`."
        ),
    ] = "",
    as_json: JsonOption = False,
) -> None:
    """Explain each setting: its meaning, what it may be and its default.

    The settings that every component of the ensemble has are explained once, as
    `components.NAME.weight` and so on; `kgrec config explain components.emcdr` lists all of one.
    The settings of a recommender, as `kgrec config explain emcdr` lists them, stand beside
    `model: emcdr` in a component.
    """
    from kgrec import config

    whole = setting.startswith("components.") and not setting.startswith(f"components.{ANY}")
    rows = rows_of_model(config.Settings, each_component_whole=whole)
    rows = [row for row in rows if row["setting"].startswith(setting)] or _of_recommender(setting)
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


def _of_recommender(setting: str) -> list[dict[str, str]]:
    """Rows of the settings of a recommender that are called ``NAME`` or ``NAME.SETTING``."""
    from kgrec.recommenders import registry
    from kgrec.renamed import RENAMED_RECOMMENDERS

    name, _, own = setting.partition(".")
    if name not in registry.names() and name not in RENAMED_RECOMMENDERS:
        raise NotFoundError(
            f"no setting begins with {setting!r}, and no recommender is called so; "
            f"see `kgrec config explain`"
        )
    rows = rows_of_recommender(name)
    if not rows:
        raise NotFoundError(f"the recommender {name} has no settings of its own")
    rows = [row for row in rows if row["setting"].startswith(f"{name}.{own}")]
    if not rows:
        raise NotFoundError(
            f"no setting of the recommender {name} begins with {own!r}; "
            f"see `kgrec config explain {name}`"
        )
    return rows
