"""Lays overrides over settings that were read, and checks the result.

In:   plain data and overrides.
Out:  :class:`Settings`, or one sentence (:class:`kgrec.errors.ConfigError`) that names the setting.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pydantic import BaseModel, ValidationError

from kgrec.config.files import parse_yaml, read
from kgrec.config.settings import Settings
from kgrec.errors import ConfigError
from kgrec.renamed import refuse_renamed

__all__ = ["load_settings", "resolve"]


def resolve(
    data: dict[str, Any], overrides: Sequence[str] | Mapping[str, Any] | None = None
) -> Settings:
    """Check ``data`` with overrides laid over it.

    Args:
        data: Settings by section; what is left out has its default.
        overrides: ``a.b=c`` texts, whose values are YAML; or values by full name or by section.

    Raises:
        ConfigError: A setting is unknown or wrong; the message is one sentence.

    Example:
        >>> resolve({"model": {"dim": 16}}, ["train.epochs=2"]).train.epochs
        2
        >>> resolve({"train": {"seed": 1}}, {"train": {"epochs": 2}}).train.seed
        1
    """
    merged = dict(data)
    pairs = _flat(overrides) if isinstance(overrides, Mapping) else _parsed(overrides or [])
    for path, value in pairs:
        if path.startswith("components.") and "components" not in merged:
            merged["components"] = read("default")["components"]
        node = merged
        *sections, leaf = path.split(".")
        for section in sections:
            child = node.get(section)
            node[section] = dict(child) if isinstance(child, dict) else {}
            node = node[section]
        node[leaf] = value
    refuse_renamed(merged)
    try:
        return Settings.model_validate(merged)
    except ValidationError as error:
        raise _one_sentence(error) from None


def _parsed(overrides: Sequence[str]) -> Iterator[tuple[str, Any]]:
    """Full names and values of ``a.b=c`` texts."""
    for override in overrides:
        path, found, value = override.partition("=")
        if not found or not path.strip():
            raise ConfigError("--set", f"must look like a.b=value, got {override!r}")
        yield path.strip(), parse_yaml(f"value: {value}", key=f"--set {path}")["value"]


def _flat(overrides: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Full names and values of a mapping, in which a section may be a mapping itself."""
    for name, value in overrides.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def load_settings(name_or_path: str = "default", overrides: list[str] | None = None) -> Settings:
    """Read a config and check it: :func:`read` and :func:`resolve` in one step.

    Args:
        name_or_path: The name of a shipped config, or the path of a YAML file.
        overrides: ``a.b=c`` texts, whose values are YAML.

    Raises:
        ConfigError: There is no such config, or a setting is unknown or wrong.
    """
    return resolve(read(name_or_path), overrides)


def _one_sentence(error: ValidationError) -> ConfigError:
    first = error.errors()[0]
    key = ".".join(str(part) for part in first["loc"])
    cause = first.get("ctx", {}).get("error")
    if isinstance(cause, ConfigError):  # of a group that reads itself
        return cause
    if first["type"] == "extra_forbidden":
        near = difflib.get_close_matches(key, _keys(Settings), n=1, cutoff=0.6)
        hint = f"did you mean {near[0]}?" if near else "see `kgrec config explain`"
        return ConfigError(key, "no such setting", hint=hint)
    if first["type"] == "literal_error":
        allowed = first["ctx"]["expected"].replace("'", "").replace(" or ", ", ")
        return ConfigError(key, f"must be one of {allowed}, got {first['input']!r}")
    if first["type"] in {"model_type", "model_attributes_type"}:
        return ConfigError(key, f"is a group of settings, got {first['input']!r}")
    message = first["msg"].replace("Input should be", "must be")
    return ConfigError(key, f"{message}, got {first['input']!r}")


def _keys(model: type[BaseModel], prefix: str = "") -> list[str]:
    keys = []
    for name, field in model.model_fields.items():
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            keys += _keys(kind, f"{prefix}{name}.")
        else:
            keys.append(prefix + name)
    return keys
