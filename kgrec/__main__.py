"""``python -m kgrec`` is the ``kgrec`` command."""

from __future__ import annotations

from kgrec.cli import main

if __name__ == "__main__":
    main()
