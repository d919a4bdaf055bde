"""What the bytes of a text file are: their encoding, a byte-order mark, the kind of line ends.

In:   the first bytes of a file after unpacking, and the encoding that the user named, if any.
Out:  a :class:`TextForm`, which turns the file's bytes into bytes that can be cut at ``\\n``.

A byte-order mark of UTF-8, UTF-16 or UTF-32 decides; without one the encoding is the one that was
named, else UTF-8. The name of a file decides nothing.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from loaders.errors import BadSourceError

__all__ = ["HEAD_BYTES", "TextForm", "fault_of_encoding", "text_form"]

HEAD_BYTES = 1 << 16
"""Bytes at the start of a file that are looked at."""

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_ASCII = bytes(range(128))
_BROKEN = "kgrec-broken"

# A lone surrogate is no valid UTF-8: its line, and no other, is rejected when it is decoded.
codecs.register_error(_BROKEN, lambda error: ("\ud800", getattr(error, "end", 0)))


@dataclass(frozen=True, slots=True)
class TextForm:
    """How the bytes of one file become lines."""

    encoding: str
    named: bool = False
    """Whether the user named the encoding."""
    mark_bytes: int = 0
    """Length of the byte-order mark, which belongs to no field."""
    bare_returns: bool = False
    """Lines end with a carriage return alone, as on a Macintosh before 2001."""

    @property
    def of_lines(self) -> str:
        """The encoding of the bytes that :meth:`normalized` gives."""
        return self.encoding if _extends_ascii(self.encoding) else "utf-8"

    @property
    def reason(self) -> str:
        """Why a line that cannot be decoded is rejected."""
        cure = "" if self.named or self.encoding != "utf-8" else "; --encoding latin-1?"
        return f"broken encoding (not {self.encoding}{cure})"

    def normalized(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """Bytes of an encoding that extends ASCII, with ``\\n`` at the end of each line."""
        skip = self.mark_bytes
        for chunk in self._recoded(chunks):
            if skip:
                skip, chunk = max(0, skip - len(chunk)), chunk[skip:]
            if chunk:
                yield chunk.replace(b"\r", b"\n") if self.bare_returns else chunk

    def _recoded(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        if _extends_ascii(self.encoding):
            yield from chunks
            return
        decoder = codecs.getincrementaldecoder(self.encoding)(_BROKEN)
        for chunk in chunks:
            yield decoder.decode(chunk).encode("utf-8", "surrogatepass")
        yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")


def text_form(path: Path, head: bytes, named: str | None) -> TextForm:
    """Find out what the bytes of a file are.

    Args:
        path: For messages.
        head: The first :data:`HEAD_BYTES` bytes of the file, after unpacking.
        named: The encoding that the user gave.

    Raises:
        BadSourceError: The first line holds NUL bytes, so it is no text in UTF-8; or the named
            encoding leaves the order of bytes to a mark that is not there.
    """
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            # A recoded mark is U+FEFF, three bytes of UTF-8.
            form = TextForm(encoding, mark_bytes=len(codecs.BOM_UTF8))
            break
    else:
        form = TextForm(named or "utf-8", named=named is not None)
    try:
        sample = b"".join(form.normalized([head]))
    except UnicodeError as error:  # a decoder that needs the mark; faults of lines come later
        raise BadSourceError(
            f"{path} does not begin with a byte-order mark, so {form.encoding} does not say which "
            f"byte comes first; give --encoding {form.encoding}-le (or {form.encoding}-be)"
        ) from error
    if b"\0" in sample.split(b"\n", 1)[0]:
        raise BadSourceError(
            f"{path} holds NUL bytes in its first line, so it is no text in {form.encoding}; if it "
            f"is UTF-16 without a byte-order mark, give --encoding utf-16-le (or utf-16-be)"
        )
    if b"\n" not in sample and b"\r" in sample[:-1]:  # the last one may be half of a \r\n
        return TextForm(form.encoding, form.named, form.mark_bytes, bare_returns=True)
    return form


def fault_of_encoding(name: str) -> str | None:
    """Why a name cannot be given as an encoding; None if it can."""
    try:
        "".encode(name)
    except (LookupError, ValueError):
        return (
            f"encoding must be a text encoding that Python knows, such as utf-8, latin-1, cp1252, "
            f"utf-16 or gbk, got {name!r}"
        )
    return None


def _extends_ascii(encoding: str) -> bool:
    """Whether a byte below 128 is always the ASCII character, so that lines can be cut first."""
    try:
        return _ASCII.decode(encoding) == _ASCII.decode("ascii")
    except UnicodeError:
        return False
