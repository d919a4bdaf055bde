"""Why a Neo4j server does not answer: is it the encryption?

In:   the URI of a server that the driver could not reach.
Out:  a sentence that names the scheme to use instead, or None where TLS is not the cause.

The driver says only that it could not connect, and over ``neo4j://`` not even that. So the port
is tried here: a TLS handshake, and the four bytes by which Bolt answers without TLS.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from urllib.parse import urlsplit

__all__ = ["LONGEST", "tls_problem"]

LONGEST = 5.0
"""Seconds that the server may take for each answer, unless less is asked for."""
"""How long the server may take for each answer."""
_REFUSAL_SECONDS = 1.0
_BOLT_HELLO = bytes.fromhex("6060b017 00000405 00000005 00000000 00000000")


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the server listens, and how long it may take for each answer."""

    host: str
    port: int
    seconds: float

    def connect(self) -> socket.socket:
        return socket.create_connection((self.host, self.port), timeout=self.seconds)


def tls_problem(uri: str, *, seconds: float = LONGEST) -> str | None:
    """What is wrong between the scheme of ``uri`` and the encryption of its server.

    Args:
        uri: Scheme, host and port.
        seconds: How long the server may take for each answer.
    """
    parts = urlsplit(uri)
    scheme, _, security = parts.scheme.partition("+")
    place = _Place(parts.hostname or "", parts.port or 7687, seconds)
    shown = uri.partition("://")[2]
    try:
        if not security:
            return _plain_scheme_problem(place, scheme, shown)
        return _tls_scheme_problem(place, scheme, security, shown)
    except OSError:  # nobody listens, or nobody answers
        return None


def _plain_scheme_problem(place: _Place, scheme: str, shown: str) -> str | None:
    if not _answers_tls(place):
        return None
    return (
        f"the server at {shown} answers by TLS only, and {scheme}:// goes without; use "
        f"{scheme}+s://, or {scheme}+ssc:// where its certificate is self-signed"
    )


def _tls_scheme_problem(place: _Place, scheme: str, security: str, shown: str) -> str | None:
    try:
        _shake_hands(place, _context(verified=security == "s"))
    except ssl.SSLCertVerificationError as error:
        return (
            f"the TLS certificate of the server at {shown} is not trusted "
            f"({error.verify_message}); use {scheme}+ssc:// where it is self-signed, or the host "
            f"name that it was made for"
        )
    except OSError as error:
        if _is_alert(error):
            return (
                f"the server at {shown} refuses the TLS handshake ({error.strerror or error}); it "
                f"asks for a TLS version, a cipher or a certificate of the client that this "
                f"machine does not offer"
            )
        if not _answers_bolt(place):
            return None
        return (
            f"the server at {shown} answers without TLS, and {scheme}+{security}:// asks for it; "
            f"use {scheme}://, or switch TLS on in the server"
        )
    return None


def _answers_tls(place: _Place) -> bool:
    try:
        _shake_hands(place, _context(verified=False))
    except ssl.SSLError as error:
        return _is_alert(error)
    return True


def _is_alert(error: OSError) -> bool:
    """Whether it was told by the other side, which therefore speaks TLS."""
    return isinstance(error, ssl.SSLError) and "ALERT" in (error.reason or "")


def _shake_hands(place: _Place, context: ssl.SSLContext) -> None:
    with (
        place.connect() as line,
        context.wrap_socket(line, server_hostname=place.host) as encrypted,
    ):
        # Since TLS 1.3 a client that lacks a certificate is refused after its handshake. Nothing
        # is sent here, since a server that hangs up on unread bytes takes its refusal back.
        encrypted.settimeout(_REFUSAL_SECONDS)
        with contextlib.suppress(TimeoutError):
            encrypted.recv(1)


def _answers_bolt(place: _Place) -> bool:
    with place.connect() as line:
        line.sendall(_BOLT_HELLO)
        answer = line.recv(4)
    return len(answer) == 4 and answer[:2] == b"\0\0"


def _context(*, verified: bool) -> ssl.SSLContext:
    context = ssl.create_default_context()
    if not verified:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
