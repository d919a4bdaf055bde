"""Describes settings as rows, for ``kgrec config explain`` and for the reference.

In:   a pydantic model of settings, or the name of a recommender.
Out:  one mapping a setting: its full name, its default, what it may be, and its meaning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import BaseModel

    from kgrec.ensemble.settings import Component

__all__ = ["ANY", "rows_of_model", "rows_of_recommender", "type_name"]

ANY = "NAME"
"""Stands for the name of any component."""


def rows_of_model(
    model: type[BaseModel], prefix: str = "", *, each_component_whole: bool = False
) -> list[dict[str, str]]:
    """Rows of all settings of a model, those of the groups in it included.

    Args:
        model: The settings.
        prefix: What stands before the name of each setting.
        each_component_whole: Whether the settings that all components have are listed for each of
            them, with its values, or once.
    """
    rows: list[dict[str, str]] = []
    for name, field in model.model_fields.items():
        default: Any = field.get_default(call_default_factory=True)
        if isinstance(default, dict):
            rows += _components(default, f"{prefix}{name}.", whole=each_component_whole)
        elif hasattr(type(default), "model_fields"):
            rows += rows_of_model(type(default), f"{prefix}{name}.")
        else:
            rows.append(_row(prefix, model, name, default))
    return rows


def rows_of_recommender(name: str) -> list[dict[str, str]]:
    """Rows of a recommender's own settings, with its defaults, as ``NAME.SETTING``.

    Raises:
        ConfigError: There is no such recommender.
    """
    from kgrec.recommenders import registry

    entry = registry.entry(name, key="SETTING")
    model = entry.load().settings_class
    defaults = {key: field.get_default() for key, field in model.model_fields.items()}
    return [_row(f"{name}.", model, *pair) for pair in {**defaults, **entry.defaults}.items()]


def type_name(schema: dict[str, Any]) -> str:
    """What a JSON schema of one setting allows, in a few words.

    Example:
        >>> type_name({"type": "number", "minimum": 0, "maximum": 1})
        'number from 0 to 1'
        >>> type_name({"type": "number", "exclusiveMinimum": 0, "maximum": 1})
        'number > 0 and <= 1'
    """
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(type_name(choice) for choice in schema["anyOf"])
    if schema.get("type") == "array":
        items = schema.get("items", {})
        return f"list of {type_name(items)}" if items else "list"
    kind = str(schema.get("type", "any"))
    if "minimum" in schema and "maximum" in schema:
        return f"{kind} from {_written(schema['minimum'])} to {_written(schema['maximum'])}"
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
    return f"{kind} {' and '.join(bounds)}" if bounds else kind


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
    rows = [] if whole else [_row(f"{prefix}{ANY}.", Component, *pair) for pair in values.items()]
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
        "type": type_name(model.model_json_schema()["properties"][name]),
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
