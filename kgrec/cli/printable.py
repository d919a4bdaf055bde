"""Makes text safe to show: titles, tags, ids, file names and messages may hold anything.

In:   text from data, files or errors.
Out:  the same text with every character that a terminal would obey written as an escape.

Such characters are the controls of ASCII and of Latin-1 (an escape sequence begins with one of
them), the controls that turn the direction of writing, line separators, and halves of
characters that no encoding can write. Files written by ``--out`` keep the data as it is.
"""

from __future__ import annotations

import re

__all__ = ["printable", "printable_json"]

_OBEYED = re.compile(
    "[\x00-\x1f\x7f-\x9f"  # controls: C0, DEL, C1
    "\u2028\u2029"  # separators of lines and paragraphs
    "\u202a-\u202e\u2066-\u2069"  # embeddings, overrides and isolates of the writing direction
    "\ud800-\udfff]"  # halves of characters, as in file names of another encoding
)


def printable(text: str, *, keep: str = "") -> str:
    r"""The text with what a terminal would obey written as in a Python string.

    Args:
        text: Any text.
        keep: Characters to leave alone, ``"\n"`` for text of several lines.

    Example:
        >>> print(printable("a\x1b[31mb\n\u202ec"))
        a\x1b[31mb\n\u202ec
        >>> printable("Amélie 映画 🎬")
        'Amélie 映画 🎬'
    """
    return _OBEYED.sub(lambda found: found[0] if found[0] in keep else _escaped(found[0]), text)


def printable_json(text: str) -> str:
    r"""JSON text with such characters in its strings written as ``\uXXXX``: the same values."""
    return _OBEYED.sub(
        lambda found: found[0] if found[0] == "\n" else f"\\u{ord(found[0]):04x}", text
    )


def _escaped(character: str) -> str:
    named = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    if named is not None:
        return named
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
