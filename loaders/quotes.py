"""Quoted fields of delimited text: which lines are one record, and which quotes are stray.

The rule is that of RFC 4180. A field is quoted when its first character is the quote; inside it
the quote is written twice; the closing quote stands before a separator or at the end of a line.
A quote inside a field that does not begin with one is a character like any other.

What does not keep the rule has a *stray* opening quote: the line that it stands in is rejected,
and the lines after it are read as if it were not there. An opening quote is stray when

1. its closing quote is followed by other text, as in ``"Weird" Al``;
2. no closing quote comes within :data:`LONGEST_LINES` lines or :data:`LONGEST_CHARACTERS`
   characters, before a line that cannot be decoded, or before the end of the file;
3. the lines up to the closing quote make a record with more or fewer fields than the file has;
4. the record is well formed only by chance: the quoted field spans lines each of which, the first
   and the last included, is by itself a record with all fields of the file, none of which begins
   with white space. (Prose with line breaks has white space after its commas; rows have none.)
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import polars as pl

__all__ = ["Joined", "Quoting"]

LONGEST_LINES = 1_000
LONGEST_CHARACTERS = 16 << 20

_NO_END = "a quote that never closes (--quote none?)"
_TEXT_AFTER = "text after a closing quote (--quote none?)"
_OTHER_COUNT = "a quote that closes in a later line, with another number of fields (--quote none?)"
_HOLDS_ROWS = "a quoted field that holds whole rows (--quote none?)"


@dataclass(slots=True)
class Joined:
    """Lines of a block after quoted fields that span lines were put together."""

    records: dict[int, str] = field(default_factory=dict)
    """Each record of more than one line, by the place of its first line."""
    inner: list[int] = field(default_factory=list)
    """Places of all other lines of these records."""
    stray: list[tuple[int, str]] = field(default_factory=list)
    """Places of lines to reject, with the reason."""
    open_from: int | None = None
    """Place of a line whose quoted field may go on in the next block; lines from here on wait."""


class Quoting:
    """The rule above for one separator and one quote, on a file of ``fields`` fields.

    Args:
        separator: What stands between two fields.
        quote: One character.
        fields: Number of fields of a record.
    """

    def __init__(self, separator: str, quote: str, fields: int) -> None:
        self.separator, self.quote, self.fields = separator, quote, fields
        s, q = _literal(separator), _literal(quote)
        quoted = f"{q}(?:[^{q}]|{q}{q})*{q}"
        # A separator is put behind each record, so that every field ends with one.
        self._field = f"(?s)(?:{quoted}|.*?){s}"
        self._whole = f"^(?:(?:{quoted}|[^{q}{s}][^{s}]*|){s})*$" if len(separator) == 1 else None
        s, q = re.escape(separator), re.escape(quote)
        self._field_alone = re.compile(f"(?s)({q}[^{q}]*(?:{q}{q}[^{q}]*)*{q}|.*?){s}")
        self._inside = re.compile(f"[^{q}]*(?:{q}{q}[^{q}]*)*")

    def split(self, records: pl.Series) -> pl.Series:
        """The fields of each record as they are written, each with a separator behind it."""
        return (records + self.separator).str.extract_all(self._field)

    def values(self, written: pl.Series) -> pl.Series:
        """What fields of :meth:`split` say."""
        text, quote = written.str.strip_suffix(self.separator), self.quote
        inside = text.str.strip_prefix(quote).str.strip_suffix(quote)
        plain = inside.str.replace_all(quote * 2, quote, literal=True)
        return plain.zip_with(text.str.starts_with(quote), text)

    def fields_of(self, record: str) -> list[str]:
        """The fields of one record as they are written; a stray quote is taken literally."""
        return self._field_alone.findall(record + self.separator)

    def fault(self, line: str) -> str | None:
        """Why a line is no whole record; None if it is one."""
        return self._scan(line, inside=False)

    def join(
        self, numbers: Sequence[int], lines: Sequence[str], texts: pl.Series, *, at_end: bool
    ) -> Joined:
        """Put the lines of quoted fields together and find stray quotes.

        Args:
            numbers: Numbers of the lines in the file; a gap is a line that could not be decoded.
            lines: All lines of a block, blank ones included.
            texts: The same as a series.
            at_end: No lines follow, so what is open stays open.
        """
        result = Joined()
        free = 0  # lines before this place belong to a record already
        for place in self._broken(texts):
            if place < free:
                continue
            fault, end = self._end(numbers, lines, place, at_end=at_end)
            if end is None:
                result.open_from = place
                break
            if fault is not None:
                result.stray.append((place, fault))
                continue
            result.records[place] = "\n".join(lines[place:end])
            result.inner += range(place + 1, end)
            free = end
        return result

    def _broken(self, texts: pl.Series) -> list[int]:
        """Places of the lines that are no whole records by themselves."""
        with_quote = texts.str.contains(self.quote, literal=True)
        if self._whole is not None:
            with_quote &= ~(texts + self.separator).str.contains(self._whole)
            return with_quote.arg_true().to_list()
        return [n for n in with_quote.arg_true() if self._scan(texts[n], inside=False) is not None]

    def _end(
        self, numbers: Sequence[int], lines: Sequence[str], place: int, *, at_end: bool
    ) -> tuple[str | None, int | None]:
        """The fault of an opening quote or None, and the place behind its record.

        That place is None where more lines have to be read to know.
        """
        fault = self._scan(lines[place], inside=False)
        if fault != _NO_END:
            return fault, place + 1
        characters = len(lines[place])
        last = min(len(lines), place + LONGEST_LINES)
        for end in range(place + 1, last):
            characters += len(lines[end])
            if numbers[end] != numbers[end - 1] + 1 or characters > LONGEST_CHARACTERS:
                return _NO_END, place + 1
            if self.quote not in lines[end]:
                continue
            fault = self._scan(lines[end], inside=True)
            if fault is None:
                return self._fault_of_record(lines[place : end + 1]), end + 1
            if fault != _NO_END:
                return fault, place + 1
        if at_end or last < len(lines):
            return _NO_END, place + 1
        return None, None

    def _fault_of_record(self, lines: Sequence[str]) -> str | None:
        if len(self.fields_of("\n".join(lines))) != self.fields:
            return _OTHER_COUNT
        if self.fields > 1 and all(self._is_row(line) for line in lines):
            return _HOLDS_ROWS
        return None

    def _is_row(self, line: str) -> bool:
        fields = self.fields_of(line)
        return len(fields) == self.fields and not any(text[:1].isspace() for text in fields)

    def _scan(self, line: str, *, inside: bool) -> str | None:
        """What is wrong with a line that begins inside a quoted field, or at the start of one."""
        at, quote, separator = 0, self.quote, self.separator
        while True:
            if not inside:
                if line.startswith(quote, at):
                    at += len(quote)
                else:
                    at = line.find(separator, at)
                    if at < 0:
                        return None
                    at += len(separator)
                    continue
            match = self._inside.match(line, at)
            at = match.end() if match else at
            if at == len(line):
                return _NO_END
            at += len(quote)
            if at == len(line):
                return None
            if not line.startswith(separator, at):
                return _TEXT_AFTER
            at, inside = at + len(separator), False


def _literal(text: str) -> str:
    """Characters for a regular expression, inside brackets or not, that mean themselves."""
    return "".join(f"\\x{{{ord(character):x}}}" for character in text)
