"""Keeps solves, so that models or rows of a benchmark that need the same one solve it once.

In:   a function of arrays and plain values; a folder, or a number of results.
Out:  the same function. Inside :func:`remembering` what it gave for the same arguments is read
      from the folder, which processes may share; inside :func:`sharing` from memory.

Two solves at once of the same thing are both done, and the later one is kept. Nothing here
grows old: who keeps a folder beyond a change of the code keeps what the old code gave.
"""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from inspect import signature
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import numpy as np
import scipy.sparse as sp

__all__ = ["remembered", "remembering", "sharing"]

P = ParamSpec("P")
R = TypeVar("R", bound=np.ndarray | tuple[np.ndarray, ...])

_folder: ContextVar[Path | None] = ContextVar("folder", default=None)
_memory: ContextVar[tuple[int, OrderedDict[str, Any]] | None] = ContextVar("memory", default=None)


@contextmanager
def remembering(folder: Path) -> Iterator[None]:
    """Within this context :func:`remembered` functions look up ``folder`` before they solve.

    Args:
        folder: Where results are kept; it is made where it is missing.

    Raises:
        OSError: The folder cannot be made.
    """
    folder.mkdir(parents=True, exist_ok=True)
    token = _folder.set(folder)
    try:
        yield
    finally:
        _folder.reset(token)


@contextmanager
def sharing(size: int = 8) -> Iterator[None]:
    """Within this context the last ``size`` results of :func:`remembered` functions are kept.

    Args:
        size: Most results in memory; the one that was used longest ago is dropped first.
    """
    token = _memory.set((size, OrderedDict()))
    try:
        yield
    finally:
        _memory.reset(token)


def remembered(solve: Callable[P, R]) -> Callable[P, R]:
    """``solve`` that can be remembered: it must depend on its arguments alone.

    These may be arrays, sparse matrices, numbers, strings, booleans and None.

    Raises:
        TypeError: Inside :func:`remembering` or :func:`sharing`, for an argument of another kind.
    """

    @wraps(solve)
    def asked(*args: P.args, **kwargs: P.kwargs) -> R:
        folder, memory = _folder.get(), _memory.get()
        if folder is None and memory is None:
            return solve(*args, **kwargs)
        bound = signature(solve).bind(*args, **kwargs)
        bound.apply_defaults()
        digest = _digest(f"{solve.__module__}.{solve.__qualname__}", bound.arguments)
        if memory is None:
            return from_folder(folder, digest, *args, **kwargs)
        size, kept = memory
        if digest not in kept:
            kept[digest] = from_folder(folder, digest, *args, **kwargs)
            while len(kept) > size:
                kept.popitem(last=False)
        kept.move_to_end(digest)
        copied: R = _copied(kept[digest])
        return copied

    def from_folder(folder: Path | None, digest: str, *args: P.args, **kwargs: P.kwargs) -> R:
        if folder is None:
            return solve(*args, **kwargs)
        file = folder / f"{solve.__name__}-{digest}.npz"
        if not file.is_file():
            solved = solve(*args, **kwargs)
            several = solved if isinstance(solved, tuple) else (solved,)
            partial = file.with_suffix(f".{os.getpid()}.npz")
            np.savez(partial, *several, is_tuple=np.array(isinstance(solved, tuple)))
            partial.replace(file)  # others see the whole file or none
        with np.load(file) as held:
            arrays = tuple(held[f"arr_{number}"] for number in range(len(held.files) - 1))
            return arrays if held["is_tuple"] else arrays[0]  # type: ignore[return-value]

    return asked


def _copied(result: R) -> R:
    """What a caller may write to."""
    if isinstance(result, tuple):
        return tuple(array.copy() for array in result)  # type: ignore[return-value]
    return result.copy()


def _digest(of: str, arguments: dict[str, Any]) -> str:
    digest = hashlib.sha256(of.encode())
    for name, value in arguments.items():
        if sp.issparse(value):
            csr = value.tocsr()
            parts = [np.array(csr.shape), csr.indptr, csr.indices, csr.data]
        elif isinstance(value, np.ndarray):
            parts = [value]
        elif value is None or isinstance(value, bool | int | float | str):
            digest.update(f"|{name}={value!r}".encode())
            continue
        else:
            raise TypeError(f"{of}: {name} is a {type(value).__name__}, which has no digest")
        for part in parts:
            digest.update(f"|{name}: {part.shape} {part.dtype}|".encode())
            digest.update(np.ascontiguousarray(part).tobytes())
    return digest.hexdigest()[:32]
