"""A real Neo4j for tests and benchmarks: started, stopped, killed and restarted at will.

In:   a version; Java and Maven on this machine.
Out:  a server on a free port of 127.0.0.1, with a data folder and a password of its own.

The jars come from Maven Central once and stay in the user's cache folder, by version.

    with Neo4jServer() as server:
        store = open_store(server.url)
        server.kill()       # signal 9, as when the power goes
        server.restart()    # the same data, port and password
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NoReturn, Self

__all__ = [
    "CALENDAR",
    "LTS",
    "SHORT_LIVED",
    "THROUGHPUT",
    "Neo4jServer",
    "ServerMissingError",
    "do_without",
    "find_java",
    "missing",
]

LTS = "5.26.21"
CALENDAR = "2026.09.0"

SHORT_LIVED = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
"""Java options of a server that lives for minutes: its second compiler would not pay for itself."""

THROUGHPUT = ("-XX:+UseSerialGC",)
"""Java options of a server whose speed is measured."""

missing: list[str] = []
"""Why tests were skipped for want of a server; said loudly when all are done."""

_HERE = Path(__file__).parent


class ServerMissingError(RuntimeError):
    """No server can be started here; the message says what is not there."""


class Neo4jServer:
    """One server; a context manager that leaves nothing behind."""

    def __init__(
        self,
        version: str = LTS,
        *,
        heap: str = "768m",
        java_options: Sequence[str] = SHORT_LIVED,
        wait_seconds: float = 300,
    ) -> None:
        self.version = version
        self.password = secrets.token_urlsafe(12)
        self.port = _free_port()
        self._heap = heap
        self._java_options = tuple(java_options)
        self._wait_seconds = wait_seconds
        self._home = Path(tempfile.mkdtemp(prefix="kgrec-neo4j-"))
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        """Where it answers, with no password."""
        return f"bolt://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        """What ``open_store`` and ``--store`` take."""
        return f"bolt://neo4j:{self.password}@127.0.0.1:{self.port}/neo4j"

    @property
    def pid(self) -> int | None:
        """Number of the server's process; None while there is none."""
        return None if self._process is None else self._process.pid

    def start(self) -> Self:
        """Return when the server answers."""
        java, lib = self._java_and_jars()
        log = self._home / "server.log"
        command = [str(java), f"-Xmx{self._heap}", *self._java_options, "-cp", f"{lib}/*",
                   str(_HERE / "TestServer.java"), str(self._home), str(self.port),
                   self.password]  # fmt: skip
        with log.open("wb") as out:
            self._process = subprocess.Popen(command, stdout=out, stderr=out, cwd=self._home)
        deadline = time.monotonic() + self._wait_seconds
        while b"ready bolt://" not in log.read_bytes():
            if self._process.poll() is not None or time.monotonic() > deadline:
                said = log.read_text(errors="replace")[-2000:]
                self.kill()
                raise RuntimeError(f"Neo4j {self.version} did not start; it said:\n{said}")
            time.sleep(0.1)
        return self

    def kill(self) -> None:
        """Signal 9; the data folder stays."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def stop(self) -> None:
        """Shut down in good order; the data folder stays."""
        if self._process is not None:
            self._process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(30)
            self.kill()

    def restart(self) -> Self:
        """Start again on the same data and port, after a kill or a stop."""
        self.stop()
        return self.start()

    def restart_after(self, seconds: float) -> threading.Thread:
        """Start again a while from now, beside what the caller does; join the thread to be sure."""
        thread = threading.Timer(seconds, self.restart)
        thread.start()
        return thread

    def admin(self, *arguments: str, cwd: Path) -> str:
        """Run ``neo4j-admin`` on the data of this server while it is not running."""
        java, lib = self._java_and_jars()
        command = [str(java), f"-Xmx{self._heap}", "-cp", f"{lib}/*", "org.neo4j.cli.AdminTool",
                   *arguments]  # fmt: skip
        # The folder in which the tool runs is the one that relative file names mean.
        done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False,
                              env={**os.environ, "NEO4J_HOME": str(self._home)})  # fmt: skip
        if done.returncode:
            raise RuntimeError(f"neo4j-admin failed: {done.stdout[-2000:]}{done.stderr[-2000:]}")
        return done.stdout

    def remove(self) -> None:
        """Kill it and delete its data."""
        self.kill()
        shutil.rmtree(self._home, ignore_errors=True)

    def _java_and_jars(self) -> tuple[Path, Path]:
        least_java = 17 if self.version.startswith("5.") else 21
        java = find_java(least_java)
        if java is None:
            raise ServerMissingError(f"Neo4j {self.version} needs Java {least_java} or newer")
        return java, resolve_jars(self.version)

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.remove()


def do_without(error: ServerMissingError) -> NoReturn:
    """Skip a test that cannot have a server, to be said loudly at the end; fail it under CI."""
    import pytest  # benchmarks start servers too, and need none of it

    if os.environ.get("CI", "").lower() == "true":
        pytest.fail(f"under CI the Neo4j tests must run: {error}")
    missing.append(str(error))
    pytest.skip(f"no Neo4j: {error}")


def find_java(least: int) -> Path | None:
    """A ``java`` of at least this version: JAVA_HOME, the path, then the usual folders."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    if on_path:
        homes.append(Path(on_path).resolve().parent.parent)
    for folder in ("/usr/lib/jvm", "/Library/Java/JavaVirtualMachines"):
        homes += sorted(Path(folder).glob("*")) + sorted(Path(folder).glob("*/Contents/Home"))
    for home in homes:
        java = home / "bin" / "java"
        if java.is_file() and _java_version(java) >= least:
            return java
    return None


def resolve_jars(version: str) -> Path:
    """The folder of the server's jars; filled by Maven the first time."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    lib = cache / "kgrec" / f"neo4j-{version}"
    if lib.is_dir():
        return lib
    maven = shutil.which("mvn")
    if maven is None:
        raise ServerMissingError(f"Maven (mvn) is needed once to fetch Neo4j {version}")
    lib.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{lib.name}.", dir=lib.parent))
    try:
        subprocess.run(
            [maven, "-q", "-B", "-f", str(_HERE / "pom.xml"), f"-Dneo4j.version={version}",
             "dependency:copy-dependencies", f"-DoutputDirectory={partial}"],
            check=True, capture_output=True, text=True,
        )  # fmt: skip
        with contextlib.suppress(OSError):  # another process was quicker
            partial.rename(lib)
    except subprocess.CalledProcessError as error:
        raise ServerMissingError(
            f"Maven could not fetch Neo4j {version}: {error.stdout[-500:]}"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return lib


def _java_version(java: Path) -> int:
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    return int(found.group(1)) if found else 0


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
