"""Public functions say what they take and what they raise.

Read from the source, not imported. A function's docstring is its own, its class's for
``__init__``, or that of the method that it implements or overrides. A command of the command line
is told by its options' help.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("kgrec", "graph_store", "loaders")

MANY = 3
"""A function with this many arguments of its own says what each is."""

ROOT_ERROR = "KgrecError"

Function = ast.FunctionDef | ast.AsyncFunctionDef


def read(paths: list[Path]) -> dict[str, ast.Module]:
    return {
        str(path.relative_to(ROOT)): ast.parse(path.read_text(encoding="utf-8")) for path in paths
    }


def name_of(node: ast.expr) -> str:
    """The last name of ``a.B``, ``B[int]`` or ``B()``."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


class Names:
    """All classes of the sources, by name, with the methods that they define."""

    def __init__(self, modules: dict[str, ast.Module]) -> None:
        classes = [n for m in modules.values() for n in ast.walk(m) if isinstance(n, ast.ClassDef)]
        self.bases = {c.name: [name_of(base) for base in c.bases] for c in classes}
        self.docs: dict[tuple[str, str], str] = {}
        for one in classes:
            for method in one.body:
                if isinstance(method, Function):
                    self.docs[one.name, method.name] = ast.get_docstring(method) or ""
        self.protocols = [name for name, bases in self.bases.items() if "Protocol" in bases]

    def above(self, name: str) -> Iterator[str]:
        """The class and all that it derives from."""
        yield name
        for base in self.bases.get(name, ()):
            yield from self.above(base)

    def inherited(self, cls: str, method: str) -> str | None:
        """Docstrings of the methods that this one overrides or implements; None if there are none.

        A store implements its protocol without deriving from it.
        """
        known = [*list(self.above(cls))[1:], *(p for p in self.protocols if p != cls)]
        found = [self.docs[one, method] for one in known if (one, method) in self.docs]
        return "\n".join(found) if found else None


def raised_by(function: Function) -> Iterator[str]:
    """Names of the errors that the function itself raises, nested functions aside."""
    waiting: list[ast.AST] = list(function.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Function | ast.ClassDef | ast.Lambda):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            yield name_of(node.exc)
        waiting.extend(ast.iter_child_nodes(node))


def faults_of(function: Function, cls: ast.ClassDef | None, names: Names) -> Iterator[str]:
    own = ast.get_docstring(function) or ""
    above = None
    if function.name == "__init__":
        own += ast.get_docstring(cls) or "" if cls else ""
    elif cls is not None:
        above = names.inherited(cls.name, function.name)
    said = own + (above or "")
    taken = function.args
    args = [a for a in (*taken.posonlyargs, *taken.args, *taken.kwonlyargs)
            if a.arg not in ("self", "cls") and not a.arg.startswith("_")]  # fmt: skip
    kinds_of_args = [name_of(a.annotation) for a in args if a.annotation is not None]
    command = any(kind == "Annotated" or kind.endswith("Option") for kind in kinds_of_args)
    if len(args) >= MANY and "Args:" not in said and above is None and not command:
        yield "no Args"
    for error in sorted(set(raised_by(function))):
        kinds = list(names.above(error))
        if ROOT_ERROR in kinds and not command and not any(f"{kind}:" in said for kind in kinds):
            yield f"raises {error}"


def faults(modules: dict[str, ast.Module]) -> list[str]:
    """What each public function does not say, as ``file:line name: fault``."""
    names = Names(modules)
    found = []
    for path, module in modules.items():
        classes = [n for n in module.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"]
        functions = [(None, f) for f in module.body if isinstance(f, Function)]
        functions += [(c, f) for c in classes for f in c.body if isinstance(f, Function)]
        for cls, function in functions:
            if function.name.startswith("_") and function.name != "__init__":
                continue
            where = f"{path}:{function.lineno} {cls.name + '.' if cls else ''}{function.name}"
            found += [f"{where}: {fault}" for fault in faults_of(function, cls, names)]
    return found


def test_every_public_function_says_what_it_takes_and_raises() -> None:
    paths = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    assert len(paths) > 150
    found = faults(read(paths))
    assert not found, "\n".join(found)


GENITIVE = re.compile(r'''^\s*(?:r?"""|\w+: )(?:Of|So many) [^\n]*''', re.MULTILINE)
"""A description that stands for nothing by itself: "seed: Of the fits."."""


def test_no_description_begins_as_a_bare_genitive() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0].strip()}"
        for package in (*PACKAGES, "benchmarks")
        for path in sorted((ROOT / package).rglob("*.py"))
        for match in GENITIVE.finditer(path.read_text(encoding="utf-8"))
    ]
    assert not found


SOURCE = '''
class KgrecError(Exception): ...
class Wrong(KgrecError): ...
class Store(Protocol):
    def open(self, a, b, c):
        """Open it.

        Args:
            a: One.
        """
class File:
    def open(self, a, b, c): {open}
    def shut(self):
        """{shut}"""
        raise errors.Wrong("no")
def three(a, b, c): {three}
def command(a: Annotated[int, "help"], b: int, c: int): ...
'''


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        ({"shut": "Wrong: always.", "three": '"""Args: a"""'}, []),
        ({"shut": "KgrecError: always.", "three": '"""Args: a"""'}, []),
        ({"shut": "Shut it.", "three": "..."}, ["File.shut: raises Wrong", "three: no Args"]),
        (
            {"open": 'raise Wrong("no")', "shut": "Wrong: always.", "three": '"""Args: a"""'},
            ["File.open: raises Wrong"],
        ),
    ],
)
def test_what_a_docstring_leaves_out_is_found(parts: dict[str, str], expected: list[str]) -> None:
    source = SOURCE
    for name in ("open", "shut", "three"):
        source = source.replace("{" + name + "}", parts.get(name, "..."))
    assert sorted(f.split(" ", 1)[1] for f in faults({"a.py": ast.parse(source)})) == expected
