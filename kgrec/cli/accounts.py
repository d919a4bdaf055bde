"""Keeps the user and password of a store's URL off the terminal.

In:   a message, and the arguments of the command.
Out:  the message with ``***`` for the user and password that an argument holds.

What opens a store shows no password. But a URL may be given where none is expected, to a wrong
option, as a file or as ``NAME=URL``, and the error that names the argument would repeat it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePath

__all__ = ["hide_accounts"]

_WITH_ACCOUNT = re.compile(
    r"(?<!\w)(?:[a-z][\w+.-]*://+|(?:neo4j|bolt|https?)[\w+]*[:/]+)(?P<account>.*)@",
    re.IGNORECASE | re.DOTALL,
)


def hide_accounts(message: str, arguments: Iterable[str]) -> str:
    """Hide what stands before the ``@`` of a server's URL, also of one within an argument.

    Example:
        >>> hide_accounts("no file neo4j:/ann:x@db", ["neo4j://ann:x@db"])
        'no file neo4j:/***@db'
    """
    for argument in arguments:
        found = _WITH_ACCOUNT.search(argument)
        if found is None:
            continue
        account = found["account"]
        as_path = str(PurePath(account))  # of a Path one slash of // is left
        shown = {account, as_path, repr(account)[1:-1], repr(as_path)[1:-1]}
        for text in sorted(shown, key=len, reverse=True):
            message = message.replace(f"{text}@", "***@")
    return message
