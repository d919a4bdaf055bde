"""Settings of the documentation site; ``make docs`` builds it.

Pages are Markdown (MyST). Nothing is fetched: no inventories of other projects, no fonts.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import kgrec  # noqa: E402

project = "kgrec"
author = "The kgrec maintainers"
version = release = kgrec.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "generated_reference",
    "repository_links",
]
exclude_patterns = ["_build"]

html_theme = "furo"
html_title = f"kgrec {release}"
html_copy_source = False

myst_heading_anchors = 3

autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints = "signature"
autodoc_type_aliases = {name: name for name in ("Key", "Keys", "OnProgress", "OnEvent")}
python_maximum_signature_line_length = 80
python_use_unqualified_type_names = True
autodoc_preserve_defaults = True
# A class that two packages export has two targets; either is the right one.
suppress_warnings = ["ref.python"]
default_role = "code"  # a single backtick in a docstring is code
napoleon_numpy_docstring = False
napoleon_use_rtype = False


def in_and_out_as_lines(_app: Any, what: str, *given: Any) -> None:
    """Show what a module takes and gives, the lines ``In:`` and ``Out:``, each on its own line."""
    if what == "module":
        lines = given[-1]
        lines[:] = [f"| {line}" if re.match("(In|Out|Shapes): ", line) else line for line in lines]


def setup(app: Any) -> None:
    """Register the function above; Sphinx calls this."""
    app.connect("autodoc-process-docstring", in_and_out_as_lines)
