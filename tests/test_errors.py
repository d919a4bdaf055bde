"""The errors of the three packages: one root, and trees in the docstrings that are true."""

from __future__ import annotations

import inspect
import re
from types import ModuleType

import pytest

import graph_store.errors
import kgrec.errors
import loaders.errors
from graph_store.errors import KgrecError

MODULES = (graph_store.errors, loaders.errors, kgrec.errors)


def defined_in(module: ModuleType) -> dict[str, type[Exception]]:
    return {
        name: kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if kind.__module__ == module.__name__
    }


def parents_drawn(module: ModuleType) -> dict[str, str]:
    """From a class to the one above it, as the tree of the module's docstring shows them."""
    above: list[tuple[int, str]] = []
    parents = {}
    for line in (module.__doc__ or "").splitlines():
        found = re.match(r"([│├└─ ]*)([A-Z]\w+Error)\b", line)
        if not found or (not above and found[1]):
            continue
        depth, name = len(found[1]), found[2]
        above = [(other, parent) for other, parent in above if other < depth]
        if above:
            parents[name] = above[-1][1]
        above.append((depth, name))
    return parents


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_every_error_of_a_package_is_caught_by_the_one_root(module: ModuleType) -> None:
    kinds = defined_in(module)
    assert len(kinds) >= 4
    assert all(issubclass(kind, KgrecError) for kind in kinds.values())


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__)
def test_the_tree_in_the_docstring_shows_every_error_under_its_base(module: ModuleType) -> None:
    drawn = parents_drawn(module)
    for name, kind in defined_in(module).items():
        if kind is not KgrecError:
            assert drawn[name] == kind.__mro__[1].__name__, name


def test_the_root_has_the_same_identity_under_each_of_its_names() -> None:
    assert kgrec.errors.KgrecError is graph_store.errors.KgrecError
