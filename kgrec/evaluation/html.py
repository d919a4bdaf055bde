"""The report of a benchmark as one HTML page that needs nothing beside itself.

In:   :class:`~kgrec.evaluation.results.Results`.
Out:  HTML text with tables and SVG charts; no script, no link to the outside.
"""

from __future__ import annotations

from html import escape

from kgrec.evaluation import charts
from kgrec.evaluation.columns import cells_of, headers_of
from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.registry import KGREC
from kgrec.evaluation.results import Results, Row

__all__ = ["page"]

_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; margin: 2rem auto; max-width: 76rem;
       padding: 0 1rem }
table { border-collapse: collapse; font-size: 13px; margin: .8rem 0 }
th, td { padding: .25rem .6rem; text-align: right; border-bottom: 1px solid #e4e4e4 }
th:first-child, td:first-child { text-align: left }
tr.ours { background: #fff5ea; font-weight: 600 }
h2 { margin-top: 2.5rem; border-top: 2px solid #ddd; padding-top: 1rem }
h3 { margin: 1.2rem 0 .3rem; font-size: 15px }
.charts { display: flex; flex-wrap: wrap; gap: 1rem 2rem }
.note { color: #666; font-size: 13px }
svg { max-width: 100%; height: auto }
"""

_SHOWN = 6  # lines in one chart; more cannot be told apart


def page(results: Results) -> str:
    """The whole page."""
    machine = results.run["machine"]
    body = [
        "<h1>Cold-start benchmark</h1>",
        f'<p class="note">kgrec {escape(results.run["kgrec_version"])} on {machine["cores"]} '
        f"cores, {escape(machine['system'])}; data {escape(results.run['snapshot'][:12])}. "
        "Full ranking of the target catalogue (where a heading does not say sampled), ties at "
        "the worst position, 95% bootstrap intervals over users. The best baseline is the "
        "single one that was best on validation users; differences are paired.</p>",
    ]
    for (protocol, direction), rows in results.tables().items():
        if protocol.startswith("few-shot"):
            continue
        body += _section(f"{protocol}: {direction}", rows)
    body += _few_shot(results)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f"<title>Cold-start benchmark</title><style>{_STYLE}</style></head>"
        f"<body>{''.join(body)}</body></html>\n"
    )


def _section(title: str, rows: list[Row]) -> list[str]:
    users = rows[0].measures[MAIN_MEASURE].users
    ours = next((row.name for row in rows if row.model == KGREC), "")
    leaders = [(r.name, m.mean, m.low, m.high) for r in rows for m in [r.measures[MAIN_MEASURE]]]
    quality = [(row.name, row.measures[MAIN_MEASURE].mean) for row in rows]
    by_coverage = [
        (name, row.lists.get("coverage@10", float("nan")), value)
        for row, (name, value) in zip(rows, quality, strict=True)
    ]
    by_time = [
        (name, row.fit_seconds + row.score_seconds, value)
        for row, (name, value) in zip(rows, quality, strict=True)
    ]
    sampled = rows[0].sampled
    measure = "NDCG@10" if sampled is None else "Sampled NDCG@10"
    figures = [
        (f"{measure} with 95% interval", charts.bars(leaders, highlight=ours)),
        (f"{measure} by length of history", _by_group(rows, "history")),
        (f"{measure} by popularity of what is to be found", _by_group(rows, "popularity")),
        (
            f"{measure} against seconds to fit and score",
            charts.scatter(by_time, x_name="seconds", log_x=True),
        ),
    ]
    if sampled is None:  # there are no lists of the catalogue otherwise
        covering = charts.scatter(by_coverage, x_name="coverage@10")
        figures.insert(3, (f"{measure} against coverage", covering))
    note = f"{users} users."
    if sampled is not None:
        note += (
            f" Sampled: each positive ranked among {sampled} drawn items, mean over interactions; "
            f"to be compared with published figures alone."
        )
    drawn = "".join(f"<figure><h3>{escape(n)}</h3>{svg}</figure>" for n, svg in figures)
    return [
        f"<h2>{escape(title)}</h2>",
        f'<p class="note">{note}</p>',
        _table(rows),
        f'<div class="charts">{drawn}</div>',
    ]


def _by_group(rows: list[Row], kind: str) -> str:
    def means(row: Row) -> list[float]:
        return [g["mean"] for g in row.groups if g["kind"] == kind]

    ticks = [g["group"] for g in rows[0].groups if g["kind"] == kind]
    return charts.lines(ticks, {row.name: means(row) for row in rows[:_SHOWN]})


def _few_shot(results: Results) -> list[str]:
    curves: dict[str, dict[int, dict[str, float]]] = {}
    for (protocol, direction), rows in results.tables().items():
        if protocol.startswith("few-shot "):
            count = int(protocol.removeprefix("few-shot "))
            values = {row.name: row.measures[MAIN_MEASURE].mean for row in rows}
            curves.setdefault(direction, {})[count] = values
    body = []
    for direction, points in curves.items():
        shots = sorted(points)
        names = sorted(points[shots[-1]], key=lambda name: -points[shots[-1]][name])[:_SHOWN]
        series = {n: [points[s].get(n, float("nan")) for s in shots] for n in names}
        chart = charts.lines([str(s) for s in shots], series)
        body.append(f"<h2>Few-shot: {escape(direction)}</h2>")
        body.append(f"<p class='note'>NDCG@10 by number of target rows shown.</p>{chart}")
    return body


def _table(rows: list[Row]) -> str:
    head = "".join(f"<th>{escape(name)}</th>" for name in headers_of(rows))
    lines = []
    for row in rows:
        cells = "".join(f"<td>{escape(cell)}</td>" for cell in cells_of(row))
        lines.append(f'<tr class="{"ours" if row.model == KGREC else ""}">{cells}</tr>')
    return f"<table><tr>{head}</tr>{''.join(lines)}</table>"
