"""Reads settings as plain data: from YAML files, and from the configs that are shipped.

In:   a shipped config's name, or the path of a YAML file.
Out:  plain data, not yet checked.
"""

from __future__ import annotations

import re
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

import yaml

from kgrec.errors import ConfigError

__all__ = ["names", "parse_yaml", "read"]

_CHECKOUT = Path(__file__).parents[2] / "configs"


class _Loader(yaml.SafeLoader):
    """PyYAML follows YAML 1.1 and reads ``1e-3`` as text; here it is a number."""


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float", re.compile(r"^[-+]?[0-9]+[eE][-+]?[0-9]+$"), list("-+0123456789")
)


def names() -> list[str]:
    """The shipped configs that ``--config NAME`` knows."""
    shipped = (entry.name for entry in _folder().iterdir())
    return sorted(n.removesuffix(".yaml") for n in shipped if n.endswith(".yaml"))


def read(name_or_path: str, *, key: str = "--config") -> dict[str, Any]:
    """The settings of a shipped config or a YAML file, not yet checked.

    Args:
        name_or_path: The name of a shipped config, or the path of a YAML file.
        key: What the caller calls it; named in errors.

    Raises:
        ConfigError: There is no such config, or it is no YAML mapping.
    """
    path = Path(name_or_path)
    if path.suffix in {".yaml", ".yml"} or path.is_file():
        if not path.is_file():
            raise ConfigError(key, f"no such file: {name_or_path!r}")
        return parse_yaml(path.read_text(encoding="utf-8"), key=key)
    if name_or_path not in names():
        raise ConfigError(
            key,
            f"no file and no shipped config is named {name_or_path!r}",
            hint=f"there are {', '.join(names())}",
        )
    text = _folder().joinpath(f"{name_or_path}.yaml").read_text(encoding="utf-8")
    return parse_yaml(text, key=key)


def parse_yaml(text: str, *, key: str) -> dict[str, Any]:
    """Plain data from YAML text; ``key`` is named where it is no mapping.

    Args:
        text: YAML.
        key: What errors name as the source of the text.

    Raises:
        ConfigError: It is no YAML, or no mapping.
    """
    try:
        data = yaml.load(text, Loader=_Loader) or {}  # noqa: S506 - a SafeLoader: plain data only
    except yaml.YAMLError as error:
        problem = getattr(error, "problem", None) or str(error)
        raise ConfigError(key, f"is no YAML ({problem}), got {text!r:.80}") from error
    if not isinstance(data, dict):
        raise ConfigError(key, f"must be a mapping of settings, got {type(data).__name__}")
    return data


def _folder() -> Traversable:
    packaged = files("kgrec").joinpath("_configs")
    return packaged if packaged.is_dir() else _CHECKOUT
