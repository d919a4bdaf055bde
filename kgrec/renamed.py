"""Settings that had other names before: a message says the new one, and nothing is guessed.

In:   plain settings data.
Out:  nothing, or an error that names the setting as it is written and as it is called now.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from kgrec.errors import ConfigError

__all__ = ["RENAMED", "RENAMED_IN_BENCHMARKS", "RENAMED_IN_RECOMMENDERS", "RENAMED_RECOMMENDERS",
           "refuse_renamed"]  # fmt: skip

_COMPONENTS = {
    "mapped": "emcdr",
    "narrow": "emcdr-narrow",
    "merged": "ials",
    "ridge": "item-ridge",
    "walk": "random-walk",
    "content": "content",
    "popularity": "popularity",
    "own": "history",
}
"""Groups of ``blend``, and the components of configs/default.yaml that replace them."""

RENAMED: dict[str, str] = {
    "blend.sharpness": "ensemble.exponent",
    "blend.narrow.people": "components.emcdr-narrow.halved_at",
    **{f"blend.{old}.share": f"components.{new}.weight" for old, new in _COMPONENTS.items()},
    **{f"blend.{old}": f"components.{new}" for old, new in _COMPONENTS.items()},
    "blend": "components",
    "cold_items.sharpness": "cold_items.exponent",
    "cold_items.trust": "cold_items.discount",
    "text.learn_share": "text.learning_fraction",
    "model.channels": "model.item_features",
    "align.people": "align.users",
    "train.batch_people": "train.min_warm_users and align.batch_users",
    "train.cold_share": "train.cold_fraction",
    "train.validation_share": "train.validation_fraction",
}
"""Old full names of settings, or of groups of settings, and the new ones; ``A and B`` where one
setting has become two."""

RENAMED_IN_BENCHMARKS: dict[str, str] = {"linking": "overlapping_users"}
"""The same of the settings of a benchmark."""

RENAMED_IN_RECOMMENDERS: dict[str, dict[str, str]] = {
    "RandomWalk": {"read": "history_exponent", "write": "popularity_exponent"},
    "SVDFilter": {"read": "history_exponent", "write": "popularity_exponent"},
    "GraphFilter": {"write": "popularity_exponent"},
    "ItemKNN": {"popularity": "divisor_exponent"},
    "ItemRidge": {"popularity": "history_exponent"},
    "ContentSimilarity": {"sharpness": "exponent"},
    "WhitenedContent": {"sharpness": "exponent"},
}
"""The same of the settings of recommenders, by the name of the class that they stand beside."""

RENAMED_RECOMMENDERS: dict[str, str] = {"ridge": "item-ridge"}
"""Old names of recommenders, and the new ones."""


def refuse_renamed(
    data: Mapping[str, Any], prefix: str = "", *, renamed: Mapping[str, str] = RENAMED
) -> None:
    """Check that no setting is written by a name that it had before.

    Args:
        data: Settings as plain data.
        prefix: Full name of the group that ``data`` is, with a dot behind it.
        renamed: Old names and new ones.

    Raises:
        ConfigError: One is; the message has the new name.
    """
    for name, value in data.items():
        key = f"{prefix}{name}"
        inside = isinstance(value, Mapping) and any(old.startswith(f"{key}.") for old in renamed)
        if inside and value:
            refuse_renamed(value, f"{key}.", renamed=renamed)
        if key in renamed:
            hint = ""
            if key.endswith(".share") and not value:
                component = renamed[key].rpartition(".")[0]
                hint = f"to leave the component out, set {component} to null"
            new = renamed[key]
            became = f"has become {new}" if " and " in new else f"is called {new} now"
            raise ConfigError(key, became, hint=hint)
        group = prefix.rstrip(".")
        if group.startswith("blend.") and group in renamed:
            raise ConfigError(key, f"is called {renamed[group]}.{name} now")
