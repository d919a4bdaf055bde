"""Makes links of a page to files outside ``docs/`` work on the site as they work on GitHub.

In:   Markdown in which ``[text](../graph_store/schema.py)`` leads into the repository.
Out:  the same link to the file in the repository that ``pyproject.toml`` names; where it names
      none, the text alone.
"""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

from sphinx.application import Sphinx

__all__ = ["rewritten", "setup"]

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]*)\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _rewrite)
    return {"parallel_read_safe": True}


def rewritten(text: str, page: Path, docs: Path, home: str | None) -> str:
    """The Markdown of ``page`` with its links out of the folder ``docs`` leading to ``home``."""

    def link(found: re.Match[str]) -> str:
        shown, target = found.groups()
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve()
        if file.is_relative_to(docs):
            return found[0]
        place = file.relative_to(docs.parent).as_posix()
        if home is None:
            return f"{shown} (`{place}`)"
        kind = "tree" if file.is_dir() else "blob"
        return f"[{shown}]({home}/{kind}/main/{place}{'#' + anchor if anchor else ''})"

    return _LINK.sub(link, text)


def _rewrite(app: Sphinx, page: str, source: list[str]) -> None:
    docs = Path(app.srcdir)
    source[0] = rewritten(source[0], docs / page, docs, _home(docs.parent))


def _home(root: Path) -> str | None:
    """The address of the repository, without a slash at its end."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = {name.lower(): url for name, url in project.get("urls", {}).items()}
    home = urls.get("repository") or urls.get("source")
    return home and str(home).rstrip("/")
