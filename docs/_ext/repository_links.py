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

__all__ = ["setup"]

_LINK = re.compile(r"\[([^\]]+)\]\(((?:\.\./)+[^)\s]*)\)")


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("source-read", _rewrite)
    return {"parallel_read_safe": True}


def _rewrite(app: Sphinx, page: str, source: list[str]) -> None:
    docs = Path(app.srcdir)
    here = (docs / page).parent
    home = _home(docs.parent)

    def link(found: re.Match[str]) -> str:
        text, target = found.groups()
        path, _, anchor = target.partition("#")
        file = (here / path).resolve()
        if file.is_relative_to(docs):
            return found[0]
        place = file.relative_to(docs.parent).as_posix()
        if home is None:
            return text if text.startswith("`") else f"{text} (`{place}`)"
        kind = "tree" if file.is_dir() else "blob"
        return f"[{text}]({home}/{kind}/main/{place}{'#' + anchor if anchor else ''})"

    source[0] = _LINK.sub(link, source[0])


def _home(root: Path) -> str | None:
    """The address of the repository, without a slash at its end."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    urls = {name.lower(): url for name, url in project.get("urls", {}).items()}
    home = urls.get("repository") or urls.get("source")
    return home and str(home).rstrip("/")
