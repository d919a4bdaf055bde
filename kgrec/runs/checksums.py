"""Checksums of the files of a run, so that no file is used that differs from what was written.

In:   a run folder.
Out:  a table of its files for the manifest; later, an error that names the file that is missing,
      cut off, changed or not of this run.

The table is part of the manifest, which also holds a checksum of its own content. Opening a run
compares the names and sizes of all files and reads the small ones; a large file is read when it
is first used, so that opening a run of many gigabytes stays quick. Hidden files are ignored,
since file managers create them.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from kgrec.errors import RunError

__all__ = [
    "CHECKPOINT",
    "FORGETTING",
    "MANIFEST",
    "Files",
    "file_names",
    "listed",
    "sealed",
    "unsealed",
]

MANIFEST = "manifest.json"
CHECKPOINT = "checkpoint"
"""Folder inside a run in which an unfinished training keeps its state."""
FORGETTING = "forgetting"
"""Folder inside a run in which :mod:`kgrec.runs.forget` keeps what is not in place yet."""

SMALL = 16 * 2**20
"""Bytes up to which a file is checked when its run is opened; larger ones when first used."""

UNFINISHED = (CHECKPOINT, FORGETTING, f"{FORGETTING}.partial")
"""Folders of work that was cut off; they are no part of the run."""

_HINT = "copy the run again or train anew"


def listed(folder: Path) -> dict[str, dict[str, Any]]:
    """Size and SHA-256 of every file of ``folder`` but its manifest, by relative path."""
    return {
        name: {"bytes": (folder / name).stat().st_size, "sha256": _digest_of(folder / name)}
        for name in file_names(folder)
    }


def sealed(manifest: dict[str, Any]) -> dict[str, Any]:
    """The manifest with a checksum of its own content."""
    return {**manifest, "sha256": _digest_of_content(manifest)}


def unsealed(text: bytes) -> dict[str, Any]:
    """The content of a manifest's file.

    Raises:
        ValueError: It is no JSON object, or its content does not match its checksum.
    """
    manifest = json.loads(text.decode("utf-8"))
    if not isinstance(manifest, dict):
        raise ValueError("it is no JSON object")  # noqa: TRY004 - the text is wrong, not a type
    found = manifest.pop("sha256", None)
    if found != _digest_of_content(manifest):
        raise ValueError("its content does not match its checksum")
    return manifest


class Files:
    """The files of a run folder and what they must be."""

    def __init__(self, folder: Path, table: dict[str, dict[str, Any]]) -> None:
        self.folder = folder
        self.table = table
        self._checked: set[str] = set()

    def check_names(self) -> None:
        """Look for files that are missing, of another size or not of this run; read the small ones.

        Raises:
            RunError: Names the first such file.
        """
        for name, entry in self.table.items():
            self._check_size(name)
            if entry["bytes"] <= SMALL:
                self.checked(name)
        extra = sorted(set(file_names(self.folder)) - self.table.keys())
        if extra:
            raise RunError(
                f"{self.folder / extra[0]} is no file of this run; move it elsewhere, "
                f"or {_HINT} if two runs were mixed"
            )

    def check_all(self) -> int:
        """Read every file; return how many bytes that were.

        Raises:
            RunError: Names the first file that is not what was written.
        """
        self.check_names()
        for name in self.table:
            self.checked(name)
        return sum(entry["bytes"] for entry in self.table.values())

    def checked(self, name: str) -> Path:
        """The path of a file, which is read through once before it is used.

        Raises:
            RunError: It is not what was written.
        """
        if name not in self._checked:
            path = self._check_size(name)
            if _digest_of(path) != self.table[name]["sha256"]:
                raise RunError(f"{path} has been changed since it was written; {_HINT}")
            self._checked.add(name)
        return self.folder / name

    def checked_folder(self, name: str) -> Path:
        """The path of a folder of the run whose files are all checked.

        Raises:
            RunError: Names the first file that is not what was written.
        """
        for file in self.table:
            if file.startswith(f"{name}/"):
                self.checked(file)
        return self.folder / name

    def _check_size(self, name: str) -> Path:
        path = self.folder / name
        if name not in self.table or not path.is_file():
            raise RunError(f"{path} is missing; {_HINT}")
        found, wanted = path.stat().st_size, self.table[name]["bytes"]
        if found != wanted:
            raise RunError(f"{path} has {found:,} bytes and was written with {wanted:,}; {_HINT}")
        return path


def file_names(folder: Path) -> list[str]:
    """Relative paths of the files of a run but its manifest, sorted, with ``/`` everywhere."""
    names: list[str] = []
    for root, folders, files in os.walk(folder):
        inside = Path(root).relative_to(folder)
        at_top = inside == Path()
        folders[:] = [
            name for name in folders
            if not name.startswith(".") and not (at_top and name in UNFINISHED)
        ]  # fmt: skip
        names += [
            (inside / name).as_posix() for name in files
            if not name.startswith(".")
            and not (at_top and name in (MANIFEST, f"{MANIFEST}.partial"))
        ]  # fmt: skip
    return sorted(names)


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digest_of_content(manifest: dict[str, Any]) -> str:
    """The checksum of the data itself; order and white space of the file do not matter."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()
