"""Names of a package that are imported when they are first used.

In:   a package, and which of its modules defines which of its public names.
Out:  the package's ``__getattr__`` and ``__dir__`` (PEP 562).

``import kgrec`` and ``import graph_store.errors`` stay quick in this way: polars, DuckDB and
PyTorch are imported only by those who use what needs them.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

__all__ = ["lazy_names"]


def lazy_names(
    package: str, names: Mapping[str, Sequence[str]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make ``__getattr__`` and ``__dir__`` of a package.

    Args:
        package: The package's ``__name__``.
        names: Maps each module to those of its names that the package offers.

    Example:
        >>> find, names = lazy_names("graph_store", {"graph_store.schema": ["Label"]})
        >>> find("Label").ITEM, "Label" in names()
        (<Label.ITEM: 'Item'>, True)
    """
    module_of = {name: module for module, defined in names.items() for name in defined}

    def find(name: str) -> Any:
        if name not in module_of:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        value = getattr(import_module(module_of[name]), name)
        setattr(sys.modules[package], name, value)  # found at once the next time
        return value

    def listed() -> list[str]:
        return sorted({*vars(sys.modules[package]), *module_of})

    return find, listed
