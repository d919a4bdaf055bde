"""A TCP proxy that cuts the line at the worst moment: for faults a real network has.

In:   the port of a Bolt server.
Out:  a port of its own; after :meth:`CuttingProxy.arm` the next connection on which ``seen``
      passes to the server is cut, with the server's answer swallowed.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from types import TracebackType
from typing import Self

__all__ = ["COMMIT", "PULL", "CuttingProxy"]

COMMIT = b"\xb0\x12"
"""Bolt's COMMIT message."""

PULL = b"\xb1\x3f"
"""Bolt's PULL message, which asks for the rows of a statement."""


class CuttingProxy:
    """Passes bytes on until it is armed and sees what it waits for."""

    def __init__(self, target_port: int, *, port: int = 0) -> None:
        self._target_port = target_port
        self._listener = socket.create_server(("127.0.0.1", port))
        self.port = int(self._listener.getsockname()[1])
        self._armed: bytes | None = None
        self._skip = 0
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, seen: bytes, *, skip: int = 0) -> None:
        """Cut once, when ``seen`` passes for the ``skip + 1``-th time."""
        self._skip = skip
        self._armed = seen

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Take no more connections."""
        self._listener.close()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            server = socket.create_connection(("127.0.0.1", self._target_port))
            cut_off = threading.Event()
            for target, args in (
                (self._to_server, (client, server, cut_off)),
                (self._to_client, (server, client, cut_off)),
            ):
                threading.Thread(target=target, args=args, daemon=True).start()

    def _to_server(
        self, client: socket.socket, server: socket.socket, cut: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self._armed is not None and self._armed in data:
                    if self._skip == 0:
                        self._armed = None
                        self.cuts += 1
                        cut.set()
                    else:
                        self._skip -= 1
                server.sendall(data)
                if cut.is_set():
                    server.settimeout(5)
                    # The server has done its work once it answers; nobody will hear it.
                    threading.Event().wait(0.5)
                    break
        _close(client, server)

    def _to_client(
        self, server: socket.socket, client: socket.socket, cut: threading.Event
    ) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65536):
                if not cut.is_set():
                    client.sendall(data)
        _close(client, server)


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
