"""Text files as blocks of numbered lines, in bounded memory.

In:   a path: plain, gzip or zstd (told by the first bytes, not by the name).
Out:  :class:`Block` after block: line numbers, decoded lines, and lines of broken encoding.

Lines end with ``\\n`` or ``\\r\\n``; in a file without a single ``\\n`` with ``\\r``. A ``\\r``
elsewhere is a character of its line. A byte-order mark at the start of a line, where two files were
joined, is no part of it. Nothing here knows what a line means.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, cast

import zstandard

from loaders.encodings import HEAD_BYTES, TextForm, text_form
from loaders.errors import BadSourceError
from loaders.rejects import Reject

__all__ = ["Block", "encoding_of_lines", "first_line", "read_blocks", "read_head"]

BLOCK_BYTES = 4 << 20
LONGEST_LINE_BYTES = 64 << 20

_GZIP, _ZSTD = b"\x1f\x8b", b"\x28\xb5\x2f\xfd"
_MARK = "\ufeff"


@dataclass(slots=True)
class Block:
    """Some lines of a file, blank ones among them, without their ends."""

    numbers: Sequence[int]
    lines: list[str]
    faults: list[Reject] = field(default_factory=list)
    bytes_done: int = 0
    """How much of the file, as it lies on disk, was read so far."""


def read_blocks(
    path: Path, *, encoding: str | None = None, block_bytes: int | None = None
) -> Iterator[Block]:
    """The lines of a file from the first to the last.

    Args:
        path: The file.
        encoding: The one that the user named; None: found out (:mod:`loaders.encodings`).
        block_bytes: Size of a block; the first one may be smaller.

    Raises:
        BadSourceError: The file cannot be opened, breaks off, or holds no lines of text.
    """
    with _opened(path) as (raw, data):
        size = block_bytes or BLOCK_BYTES
        head = _read(path, data, HEAD_BYTES)
        form = text_form(path, head, encoding)
        rest, first = b"", 1
        for chunk in form.normalized(_chunks(path, data, size, head)):
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
            yield _block(path, whole, first, form, raw.tell())
            first += whole.count(b"\n")
        if rest:
            yield _block(path, rest, first, form, raw.tell())


def read_head(path: Path, *, encoding: str | None = None, lines: int = 100) -> list[str]:
    """The first lines that are not blank, to find out what a file is.

    Args:
        path: A text file, packed or not.
        encoding: Its encoding; None: found from the bytes.
        lines: Number of lines at most.
    """
    head: list[str] = []
    for block in read_blocks(path, encoding=encoding, block_bytes=HEAD_BYTES):
        head.extend(line for line in block.lines if line and not line.isspace())
        if len(head) >= lines:
            break
    return head[:lines]


def first_line(path: Path, *, encoding: str | None = None) -> tuple[int, str] | None:
    """Number and text of the first line that is not blank; None if there is none.

    Raises:
        BadSourceError: The line cannot be decoded.
    """
    for block in read_blocks(path, encoding=encoding, block_bytes=HEAD_BYTES):
        found = next(
            ((n, line) for n, line in zip(block.numbers, block.lines, strict=True) if line.strip()),
            None,
        )
        if block.faults and (found is None or block.faults[0].line < found[0]):
            fault = block.faults[0]
            raise BadSourceError(
                f"line {fault.line} of {path}, the header, cannot be decoded: {fault.reason}"
            )
        if found is not None:
            return found
    return None


def encoding_of_lines(path: Path) -> str | None:
    """``latin-1`` for a file most of whose non-ASCII lines are not UTF-8; None for any other.

    For formats some of whose files are known to be Latin-1. Text in Latin-1 is hardly ever valid
    UTF-8 by chance, so a few broken lines do not turn a file in UTF-8 into one in Latin-1. Reads
    the whole file, block by block.
    """
    broken = valid = 0
    for block in read_blocks(path):
        broken += len(block.faults)
        valid += sum(not line.isascii() for line in block.lines)
    return "latin-1" if broken > valid else None


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


def _chunks(path: Path, data: BinaryIO, size: int, head: bytes) -> Iterator[bytes]:
    for start in range(0, len(head), size):
        yield head[start : start + size]
    while chunk := _read(path, data, size):
        yield chunk


def _read(path: Path, data: BinaryIO, size: int) -> bytes:
    try:
        return data.read(size)
    except (EOFError, OSError, zlib.error, zstandard.ZstdError) as error:
        raise BadSourceError(
            f"{path} is damaged or breaks off ({error}); get the file anew"
        ) from error


def _block(path: Path, data: bytes, first: int, form: TextForm, bytes_done: int) -> Block:
    data = data.removesuffix(b"\n")
    numbers: Sequence[int]
    faults: list[Reject] = []
    may_hold_marks = True
    try:
        text = data.decode(form.of_lines)
        may_hold_marks = _MARK in text
        lines = text.split("\n")
        numbers = range(first, first + len(lines))
    except UnicodeDecodeError:
        numbers, lines, faults = _line_by_line(path, data, first, form)
    if b"\r" in data:
        lines = [line.rstrip("\r") for line in lines]
    if may_hold_marks:
        lines = [line.lstrip(_MARK) for line in lines]
    return Block(numbers, lines, faults, bytes_done)


def _line_by_line(
    path: Path, data: bytes, first: int, form: TextForm
) -> tuple[list[int], list[str], list[Reject]]:
    numbers: list[int] = []
    lines: list[str] = []
    faults: list[Reject] = []
    for number, line in enumerate(data.split(b"\n"), start=first):
        try:
            lines.append(line.decode(form.of_lines))
            numbers.append(number)
        except UnicodeDecodeError:
            shown = line.decode(form.of_lines, errors="replace").rstrip("\r")
            faults.append(Reject(path.name, number, form.reason, shown))
    return numbers, lines, faults
