"""Options that several commands share, spelled once."""

from __future__ import annotations

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "STORE_HELP",
    "Device",
    "DeviceOption",
    "JsonOption",
    "OutOption",
    "PrefixOption",
    "RunOption",
    "SetOption",
    "StoreOption",
    "ThreadsOption",
    "WaitOption",
    "path_to_write",
]


def path_to_write(text: str | Path) -> Path:
    """The parser of an option that names what a command writes.

    Raises:
        typer.BadParameter: ``text`` is a URL. As a path it would become folders on this machine
            whose names hold its password.
    """
    scheme = re.match(r"\s*([A-Za-z][A-Za-z0-9+.-]+)://", str(text))
    if scheme:
        raise typer.BadParameter(
            f"must be a path on this machine, got a URL that begins with {scheme[1]}://"
        )
    return Path(text)


class Device(StrEnum):
    """Device to compute on; ``auto`` takes a GPU where there is one."""

    AUTO = "auto"
    CPU = "cpu"
    CUDA = "cuda"


STORE_HELP = (
    "The graph: a DuckDB file, or a neo4j://, neo4j+s:// or bolt:// URL "
    "(user, password and database there or in NEO4J_USERNAME, NEO4J_PASSWORD, NEO4J_DATABASE; "
    "in the URL / # ? @ % of a password are written %2F %23 %3F %40 %25)."
)

StoreOption = Annotated[str, typer.Option("--store", metavar="URL", help=STORE_HELP)]
PrefixOption = Annotated[
    str,
    typer.Option(
        metavar="PREFIX",
        help="Prefix of every label and type, for a Neo4j database that holds other nodes as well.",
    ),
]
WaitOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        metavar="SECONDS",
        envvar="KGREC_WAIT",
        help="Time to wait for a Neo4j server that does not answer. Default: one that does not "
        "answer at first is an error at once, one that is lost later is waited for 120 seconds.",
    ),
]
RunOption = Annotated[
    Path, typer.Option("--run", metavar="RUN", help="Run folder, as `kgrec train` wrote it.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Write JSON instead of a table.")]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        parser=path_to_write,
        metavar="FILE",
        help="File to write instead: .parquet, .csv or .jsonl.",
    ),
]
DeviceOption = Annotated[
    Device, typer.Option(help="Device to compute on; auto takes a GPU where there is one.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="A.B=C", help="Override a setting; may be given again."),
]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Number of threads; default: one for each CPU."),
]
