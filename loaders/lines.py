"""Text files as blocks of numbered lines, in bounded memory.

In:   a path: plain, gzip or zstd (told by the first bytes, not by the name).
Out:  :class:`Block` after block: line numbers, decoded lines, and lines of broken encoding.

Nothing here knows what a line means.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from loaders.errors import BadSourceError
from loaders.rejects import Reject

__all__ = ["Block", "read_blocks", "read_head"]

BLOCK_BYTES = 4 << 20
LONGEST_LINE_BYTES = 64 << 20

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_BOM = b"\xef\xbb\xbf"


@dataclass(slots=True)
class Block:
    """Some lines of a file; blank ones are left out."""

    numbers: list[int]
    lines: list[str]
    faults: list[Reject] = field(default_factory=list)
    bytes_done: int = 0
    """How much of the file, as it lies on disk, was read so far."""


def read_blocks(
    path: Path, *, encoding: str = "utf-8", block_bytes: int | None = None
) -> Iterator[Block]:
    """The lines of a file from the first to the last.

    Raises:
        BadSourceError: The file cannot be opened, breaks off, or holds no lines of text.
    """
    with _opened(path) as (raw, data):
        rest, first = b"", 1
        while True:
            chunk = _read(path, data, block_bytes or BLOCK_BYTES)
            if not chunk:
                break
            if first == 1 and not rest:
                chunk = chunk.removeprefix(_BOM)
            cut = chunk.rfind(b"\n") + 1
            if not cut:
                rest += chunk
                if len(rest) > LONGEST_LINE_BYTES:
                    raise BadSourceError(
                        f"{path} holds a line of more than {LONGEST_LINE_BYTES >> 20} MB; "
                        f"is it a text file?"
                    )
                continue
            whole, rest = rest + chunk[:cut], chunk[cut:]
            yield _block(path, whole, first, encoding, raw.tell())
            first += whole.count(b"\n")
        if rest:
            yield _block(path, rest, first, encoding, raw.tell())


def read_head(path: Path, *, encoding: str = "utf-8", lines: int = 100) -> list[str]:
    """The first lines that are not blank, to find out what a file is."""
    head: list[str] = []
    for block in read_blocks(path, encoding=encoding, block_bytes=1 << 16):
        head.extend(block.lines)
        if len(head) >= lines:
            break
    return head[:lines]


@contextmanager
def _opened(path: Path) -> Iterator[tuple[BinaryIO, BinaryIO]]:
    """The file as it lies on disk, and what it says when unpacked."""
    try:
        raw = path.open("rb")
    except OSError as error:
        raise BadSourceError(f"{path} cannot be opened: {error.strerror}") from error
    with raw:
        magic = raw.read(4)
        raw.seek(0)
        data: BinaryIO
        if magic.startswith(_GZIP):
            data = cast(BinaryIO, gzip.GzipFile(fileobj=raw))
        elif magic == _ZSTD:
            reader = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
            data = cast(BinaryIO, io.BufferedReader(cast(io.RawIOBase, reader)))
        else:
            data = raw
        yield raw, data


def _read(path: Path, data: BinaryIO, size: int) -> bytes:
    try:
        return data.read(size)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise BadSourceError(
            f"{path} is damaged or breaks off ({error}); get the file anew"
        ) from error


def _block(path: Path, data: bytes, first: int, encoding: str, bytes_done: int) -> Block:
    try:
        texts: list[str | None] = list(data.decode(encoding).split("\n"))
        faults: list[Reject] = []
    except UnicodeDecodeError:
        texts, faults = _line_by_line(path, data, first, encoding)
    numbered = [
        (number, text.removesuffix("\r"))
        for number, text in enumerate(texts, start=first)
        if text and not text.isspace()
    ]
    return Block([n for n, _ in numbered], [t for _, t in numbered], faults, bytes_done)


def _line_by_line(
    path: Path, data: bytes, first: int, encoding: str
) -> tuple[list[str | None], list[Reject]]:
    texts: list[str | None] = []
    faults: list[Reject] = []
    for number, line in enumerate(data.split(b"\n"), start=first):
        try:
            texts.append(line.decode(encoding))
        except UnicodeDecodeError:
            texts.append(None)
            shown = line.decode(encoding, errors="replace").removesuffix("\r")
            faults.append(Reject(path.name, number, f"broken encoding (not {encoding})", shown))
    return texts, faults
