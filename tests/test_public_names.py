"""The names that the three packages offer: all there, imported late, known to type checkers."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path
from types import ModuleType

import pytest

import graph_store.errors
import kgrec
import kgrec.errors
import loaders.errors

PACKAGES = (graph_store, loaders, kgrec)


def names_for_type_checkers(package: ModuleType) -> dict[str, str]:
    """From a name to the module that the block under TYPE_CHECKING imports it from."""
    tree = ast.parse(Path(str(package.__file__)).read_text(encoding="utf-8"))
    (block,) = (node for node in tree.body if isinstance(node, ast.If))
    return {
        alias.name: str(statement.module)
        for statement in block.body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_a_public_name_is_what_type_checkers_take_it_for(package: ModuleType) -> None:
    declared = names_for_type_checkers(package)
    assert set(declared) == {name for name in package.__all__ if name != "__version__"}
    for name, module in declared.items():
        imported = __import__(module, fromlist=[name])
        assert getattr(package, name) is getattr(imported, name)


@pytest.mark.parametrize("package", PACKAGES, ids=lambda package: package.__name__)
def test_dir_lists_every_public_name(package: ModuleType) -> None:
    assert set(package.__all__) <= set(dir(package))


def test_kgrec_offers_every_error_of_the_three_packages() -> None:
    for module in (graph_store.errors, loaders.errors, kgrec.errors):
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if issubclass(kind, Exception):
                assert name in kgrec.__all__
                assert getattr(kgrec, name) is kind


def test_kgrec_offers_what_the_documents_promise() -> None:
    assert {"load", "train", "Run", "Settings", "NodeFilter"} <= set(kgrec.__all__)


def test_an_unknown_name_is_an_attribute_error_that_names_it() -> None:
    with pytest.raises(AttributeError, match="module 'kgrec' has no attribute 'trian'"):
        kgrec.trian  # noqa: B018
