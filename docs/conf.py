"""Settings of the documentation site; ``make docs`` builds it.

Pages are Markdown (MyST). Nothing is fetched: no inventories of other projects, no fonts.
"""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

import kgrec  # noqa: E402

project = "kgrec"
author = "the kgrec contributors"
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
