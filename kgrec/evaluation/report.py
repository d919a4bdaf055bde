"""The table of a benchmark as Markdown.

In:   :class:`~kgrec.evaluation.results.Results`.
Out:  text; :func:`write_report` puts ``results.json``, ``table.md`` and ``report.html`` down.
"""

from __future__ import annotations

import json
from pathlib import Path

from kgrec.evaluation.columns import cells_of, headers_of
from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.html import page
from kgrec.evaluation.results import Results, Row, read_results, write_results

__all__ = ["markdown", "write_report"]

_SAMPLED = (
    "Each positive ranked among {sampled} drawn items, mean over interactions: for the comparison "
    "with published figures alone, and with none of the full rankings."
)


def markdown(results: Results) -> str:
    """All tables, with the settings that tuning chose and the machine beneath."""
    machine = results.run["machine"]
    lines = [
        "# Cold-start benchmark",
        "",
        f"kgrec {results.run['kgrec_version']}, {machine['cores']} cores, {machine['system']}, "
        f"data {results.run['snapshot'][:12]}. Full ranking (where a heading does not say "
        f"sampled), ties at the worst position, 95% "
        f"bootstrap intervals over users. The best baseline is the single one that was best on "
        f"validation users.",
    ]
    for (protocol, direction), rows in results.tables().items():
        users = rows[0].measures[MAIN_MEASURE].users
        folds = ", ".join(str(fold) for fold in rows[0].folds)
        lines += ["", f"## {protocol}: {direction}", "", f"{users} users, folds {folds}.", ""]
        if rows[0].sampled is not None:
            lines += [_SAMPLED.format(sampled=rows[0].sampled), ""]
        headers = headers_of(rows)
        lines += ["| " + " | ".join(headers) + " |", "|---" + "|---:" * (len(headers) - 1) + "|"]
        lines += ["| " + " | ".join(cells_of(row)) + " |" for row in rows]
        lines += ["", "Settings: " + "; ".join(_settings(row) for row in rows) + "."]
    return "\n".join(lines) + "\n"


def write_report(out: Path) -> Results:
    """Write ``results.json``, ``table.md`` and ``report.html`` of the cells that are there."""
    results = read_results(out)
    write_results(results, out)
    (out / "table.md").write_text(markdown(results), encoding="utf-8")
    (out / "report.html").write_text(page(results), encoding="utf-8")
    return results


def _settings(row: Row) -> str:
    return f"{row.name} `{json.dumps(row.settings)}`"
