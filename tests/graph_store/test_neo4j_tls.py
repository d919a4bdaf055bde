"""Where a URL and a server do not agree on TLS, the error names TLS and the scheme to use."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from graph_store.errors import StoreUnavailableError
from graph_store.neo4j.settings import read_settings
from graph_store.neo4j.tls import tls_problem
from graph_store.open_store import open_store


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for 127.0.0.1, and its key."""
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256",
               "-nodes", "-keyout", key, "-out", certificate, "-days", "2", "-subj", "/CN=test",
               "-addext", "subjectAltName=IP:127.0.0.1"]  # fmt: skip
    try:
        subprocess.run(command, check=True, capture_output=True)
    except FileNotFoundError:
        pytest.skip("openssl is needed to make a certificate")
    return certificate, key


@pytest.fixture(scope="module")
def tls_port(certificate: tuple[Path, Path]) -> Iterator[int]:
    """Answers a TLS handshake and nothing else."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    with _answering(lambda line: context.wrap_socket(line, server_side=True).recv(1000)) as port:
        yield port


@pytest.fixture(scope="module", params=[ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def mutual_tls_port(
    request: pytest.FixtureRequest, certificate: tuple[Path, Path]
) -> Iterator[int]:
    """Asks for a certificate of the client."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate)
    context.load_verify_locations(certificate[0])
    context.verify_mode = ssl.CERT_REQUIRED
    context.minimum_version = context.maximum_version = request.param
    with _answering(lambda line: context.wrap_socket(line, server_side=True).recv(1000)) as port:
        yield port


@pytest.fixture(scope="module")
def bolt_port() -> Iterator[int]:
    """Answers Bolt's greeting without TLS as a server does, and hangs up on everything else."""

    def answer(line: socket.socket) -> None:
        if line.recv(20).startswith(b"\x60\x60\xb0\x17"):
            line.sendall(b"\0\0\x04\x05")

    with _answering(answer) as port:
        yield port


@contextlib.contextmanager
def _answering(answer: object) -> Iterator[int]:
    assert callable(answer)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            while True:
                try:
                    line, _ = listener.accept()
                except OSError:
                    return
                with contextlib.suppress(OSError):
                    answer(line)
                line.close()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listener.getsockname()[1])


@pytest.mark.parametrize("scheme", ["bolt+s", "neo4j+s"])
def test_a_certificate_that_is_not_trusted_is_named(scheme: str, tls_port: int) -> None:
    with pytest.raises(StoreUnavailableError, match="TLS certificate") as caught:
        open_store(f"{scheme}://neo4j:secret@127.0.0.1:{tls_port}", wait=60)  # is not waited for
    plain = scheme.partition("+")[0]
    assert f"use {plain}+ssc:// where it is self-signed" in str(caught.value)
    assert "self-signed certificate" in str(caught.value)


@pytest.mark.parametrize("scheme", ["bolt", "neo4j"])
def test_a_server_of_tls_only_is_named_with_the_schemes_that_reach_it(
    scheme: str, tls_port: int
) -> None:
    with pytest.raises(StoreUnavailableError, match=rf"TLS only.* use {scheme}\+s://"):
        open_store(f"{scheme}://neo4j:secret@127.0.0.1:{tls_port}", wait=60)


@pytest.mark.parametrize("scheme", ["bolt+ssc", "neo4j+ssc"])
def test_a_server_that_asks_for_a_certificate_of_the_client_is_named(
    scheme: str, mutual_tls_port: int
) -> None:
    with pytest.raises(StoreUnavailableError, match="refuses the TLS handshake .* certificate of"):
        open_store(f"{scheme}://neo4j:secret@127.0.0.1:{mutual_tls_port}", wait=60)


@pytest.mark.parametrize("scheme", ["bolt+s", "bolt+ssc", "neo4j+s", "neo4j+ssc"])
def test_a_server_without_tls_is_named_with_the_scheme_that_reaches_it(
    scheme: str, bolt_port: int
) -> None:
    plain = scheme.partition("+")[0]
    with pytest.raises(StoreUnavailableError, match=rf"without TLS.* use {plain}://"):
        open_store(f"{scheme}://neo4j:secret@127.0.0.1:{bolt_port}", wait=60)


@pytest.mark.neo4j
def test_a_real_server_without_tls_is_known_as_one(neo4j_url: str) -> None:
    place = read_settings(neo4j_url).uri.partition("://")[2]
    assert "without TLS" in str(tls_problem(f"neo4j+s://{place}"))
    assert tls_problem(f"neo4j://{place}") is None


def test_where_nobody_listens_tls_is_not_to_blame() -> None:
    assert tls_problem("neo4j+s://127.0.0.1:9") is None
    assert tls_problem("bolt://127.0.0.1:9") is None


@pytest.mark.parametrize("scheme", ["bolt", "neo4j", "bolt+s", "neo4j+ssc"])
def test_a_port_that_takes_connections_and_says_nothing_is_given_up_in_time(
    scheme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Connections wait in the listener's queue, as before a program that hangs."""
    monkeypatch.setenv("KGREC_CONNECT_TIMEOUT", "0.2")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"{scheme}://neo4j:secret@127.0.0.1:{silent.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(StoreUnavailableError, match=r"within 0\.2 seconds; .*CONNECT_TIMEOUT="):
            open_store(url)
        assert time.monotonic() - started < 10, "the default of the driver is a minute"
