"""Runs the notebooks of ``examples/``, and stores what they show.

In:   a notebook; a folder to run in; a Neo4j server for the one that needs it.
Out:  the notebook with its outputs, in a form that depends on nothing but what the cells say: no
      seconds, no version of Python, nothing that libraries write to stderr.

``make notebooks`` stores the outputs in the repository, where readers see them. A cell whose
outputs may differ from machine to machine, as lists of a trained model do, has the tag ``varies``.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

__all__ = ["EXAMPLES", "NAMES", "NEEDS_NEO4J", "VARIES", "executed", "texts"]

EXAMPLES = Path(__file__).parents[2] / "examples"
NAMES = ("quickstart", "own_data", "add_a_recommender", "neo4j")
NEEDS_NEO4J = "neo4j"
VARIES = "varies"
SECONDS = 300
"""For one cell, on a machine that does other things as well."""
_METADATA = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def executed(name: str, folder: Path, environment: Mapping[str, str] | None = None) -> Any:
    """Run a notebook in ``folder``; a cell that raises is an error.

    Args:
        name: One of :data:`NAMES`.
        folder: Where relative paths and temporary folders of the notebook lie.
        environment: Variables beside those of this process.

    Returns:
        The notebook, with new outputs.
    """
    notebook = nbformat.read(EXAMPLES / f"{name}.ipynb", as_version=4)
    client = NotebookClient(
        notebook,
        timeout=SECONDS,
        kernel_name="python3",
        record_timing=False,
        resources={"metadata": {"path": str(folder)}},
    )
    paths = os.pathsep.join([str(EXAMPLES.parent), os.environ.get("PYTHONPATH", "")])
    env = {**os.environ, "PYTHONPATH": paths, "TMPDIR": str(folder), **(environment or {})}
    client.execute(env=env)
    notebook.metadata = nbformat.from_dict(_METADATA)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = [o for o in cell.outputs if o.get("name") != "stderr"]
    return notebook


def texts(cell: Any) -> list[str]:
    """What the outputs of a cell say in plain text, pictures by the kind that they are.

    What a cell prints arrives in one piece or in several, so neighbouring pieces are joined.
    """
    said: list[str] = []
    in_stream = False
    for output in cell.outputs:
        if output.output_type == "stream" and in_stream:
            said[-1] += output.text
            continue
        in_stream = output.output_type == "stream"
        if in_stream:
            said.append(output.text)
        elif "image/png" in output.data:
            said.append("a picture")
        else:
            said.append(output.data["text/plain"])
    return said


def main(names: list[str]) -> None:
    """Run notebooks and store their outputs; all of them if none is named."""
    from tests.neo4j_server.server import Neo4jServer

    for name in names or NAMES:
        with tempfile.TemporaryDirectory() as folder:
            if name == NEEDS_NEO4J and not os.environ.get("NEO4J_URI"):
                with Neo4jServer() as server:
                    notebook = executed(name, Path(folder), {"NEO4J_URI": server.url})
            else:
                notebook = executed(name, Path(folder))
        nbformat.write(notebook, EXAMPLES / f"{name}.ipynb")
        sys.stdout.write(f"{name}: {len(notebook.cells)} cells\n")


if __name__ == "__main__":
    main(sys.argv[1:])
