"""The measured, as Markdown.

In:   what the parts of ``train_speed.py`` found, as plain data.
Out:  text.

Nothing here measures.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from speed.race import Race

BYTES_A_GIB = 1024**3


def races_table(races: Sequence[Race], bar: Mapping[str, Any] | None, likes: int) -> list[str]:
    """A row a contestant; the best baseline is the last one."""
    lines = [
        "| system | s to the best baseline's NDCG@10 | s to its own best | s to 99% of it "
        "| its best NDCG@10 | whole run, s | ended by | epochs | s before the first "
        "| interactions/s | peak GiB |",
        "|---|---:|---:|---:|---:|---:|---|---:|---:|---:|---:|",
    ]
    for race in races:
        if not race.points:
            lines.append(f"| {race.name} | failed: {cell(race.why)} |" + " |" * 9)
            continue
        best, last, epoch = race.best, race.points[-1], race.seconds_an_epoch()
        rising = "at least " if race.still_rising else ""
        to_bar = race.seconds_to(bar["ndcg"]) if bar else None
        ended = f"{race.end}: {cell(race.why)}" if race.why else race.end
        lines.append(
            f"| {race.name} | {number(to_bar, none='not reached' if bar else '')} "
            f"| {rising}{number(best.seconds)} | {number(race.seconds_to(0.99 * best.ndcg))} "
            f"| {best.ndcg:.4f} | {number(last.seconds)} | {ended} | {last.epoch} "
            f"| {number(race.setup)} | {rate(likes, epoch)} | {gib(race.peak_bytes)} |"
        )
    if bar:
        lines.append(
            f"| best baseline: {bar['label']}, tuned in {bar['trials']} trials | "
            f"| {number(bar['seconds'])} | | {bar['ndcg']:.4f} | | its own | | | "
            f"| {gib(bar['peak_bytes'])} |"
        )
    return lines


def against(ours: Race, other: Race) -> str:
    """How much sooner ``ours`` reached what ``other`` took so long for."""
    best = other.best
    reached = ours.seconds_to(best.ndcg)
    rising = ", which was still rising" if other.still_rising else ""
    took = f"{other.name}'s best of {best.ndcg:.4f}, reached after {number(best.seconds)} s{rising}"
    if reached is None:
        return f"{ours.name} did not reach {took}; its own best is {ours.best.ndcg:.4f}."
    whole = ours.points[-1].seconds
    return (
        f"{ours.name} reached {took}, after {number(reached)} s, 1/{best.seconds / reached:.1f} of "
        f"that; its whole run took {number(whole)} s, 1/{best.seconds / whole:.1f}."
    )


def growth_table(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A row a size and kind of text; failures keep their reason."""
    lines = [
        "| text | interactions | users | items | before the first epoch, s | of it spectrum "
        "| factors | pools | one epoch, s | episodes | s an episode | peak GiB |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        if "failed" in row:
            head = f"| {row['text']} | {row['edges']:,} |"
            lines.append(f"{head} failed: {cell(row['failed'])} |" + " |" * 9)
            continue
        setup = row["setup_parts"]
        cut = "" if row["episodes_run"] == row["episodes"] else f" (ran {row['episodes_run']})"
        lines.append(
            f"| {row['text']} | {row['interactions']:,} | {row['users']:,} | {row['items']:,} "
            f"| {number(row['setup_seconds'])} | {number(setup['spectrum'])} "
            f"| {number(setup['factors'])} | {number(setup['users of the bridge'])} "
            f"| {number(row['epoch_seconds'])} | {row['episodes']:,}{cut} "
            f"| {number(row['epoch_seconds'] / row['episodes'])} | {gib(row['peak_bytes'])} |"
        )
    return lines


GROWING = {
    "before the first epoch": lambda row: row["setup_seconds"],
    "spectrum": lambda row: row["setup_parts"]["spectrum"],
    "factors": lambda row: row["setup_parts"]["factors"],
    "one epoch": lambda row: row["epoch_seconds"],
    "one episode": lambda row: row["epoch_seconds"] / row["episodes"],
    "peak memory": lambda row: row["peak_bytes"],
}


def slopes(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """Exponent of growth with the interactions, by kind of text and by what grows."""
    found: dict[str, dict[str, float]] = {}
    for text in dict.fromkeys(row["text"] for row in rows):
        good = [row for row in rows if row["text"] == text and "failed" not in row]
        if len(good) > 1:
            sizes = [float(row["interactions"]) for row in good]
            found[text] = {
                name: slope(sizes, [float(of(row)) for row in good]) for name, of in GROWING.items()
            }
    return found


def slope(x: Sequence[float], y: Sequence[float]) -> float:
    """Slope of the line of least squares through (log x, log y).

    Example:
        >>> round(slope([1e5, 1e6, 1e7], [3.0, 300.0, 30000.0]), 6)
        2.0
    """
    return float(np.polyfit(np.log(x), np.log(np.maximum(y, 1e-9)), 1)[0])


def slopes_table(found: Mapping[str, Mapping[str, float]]) -> list[str]:
    names = list(GROWING)
    lines = ["| text | " + " | ".join(names) + " |", "|---|" + "---:|" * len(names)]
    for text, values in found.items():
        lines.append(f"| {text} | " + " | ".join(f"{values[name]:.2f}" for name in names) + " |")
    return lines


def stages_tables(found: Mapping[str, Any]) -> list[str]:
    """Shares of the set-up and of the epoch; rows may lie in one another."""
    lines = [
        f"Before the first epoch {number(found['setup_seconds'])} s; one epoch of "
        f"{found['episodes']} episodes {number(found['epoch_seconds'])} s, of which "
        f"{found['episodes_run']} were run. A row shows a function with all that it calls, so that "
        f"rows may lie in one another (users are also made, and bridges solved, in validation).",
        "",
        "| when | what | s | fraction |",
        "|---|---|---:|---:|",
    ]
    for when, parts, whole in (
        ("before", found["setup_parts"], found["setup_seconds"]),
        ("epoch", found["epoch_parts"], found["seen_seconds"]),
    ):
        for what, seconds in sorted(parts.items(), key=lambda part: -part[1]):
            if seconds >= 0.001 * whole:
                lines.append(f"| {when} | {what} | {seconds:.2f} | {seconds / whole:.0%} |")
    lines += ["", "| function, without what it calls | calls | s | fraction of the epoch |",
              "|---|---:|---:|---:|"]  # fmt: skip
    for row in found["top"]:
        fraction = row["seconds"] / found["seen_seconds"]
        lines.append(
            f"| `{row['where'][:90]}` | {row['calls']:,} | {row['seconds']:.2f} | {fraction:.0%} |"
        )
    return lines


def gpu_table(found: Mapping[str, Any]) -> list[str]:
    peak = found["fraction_of_peak"]
    fraction = f"{peak:.2%} of {found['peak_tflops']:.0f} TFLOPS (bf16)" if peak else "peak unknown"
    idle = found["idle_fraction"]
    lines = [
        f"{found['device']}: {found['step_seconds'] * 1e3:.1f} ms a joint step of "
        f"{found['users_a_step']} users, {found['flops_a_step'] / 1e12:.3f} dense TFLOP a step, "
        f"{fraction}. Five of these steps again, under the profiler: "
        f"{found['seen_step_seconds'] * 1e3:.1f} ms each"
        + ("." if idle is None else f", of which no kernel ran for {idle:.0%}."),
        "",
        "| kernel | calls a step | fraction of the time |",
        "|---|---:|---:|",
    ]
    for row in found["kernels"]:
        lines.append(f"| `{cell(row['name'])}` | {row['calls']} | {row['fraction']:.1%} |")
    lines += ["", "The same on the CPU, by cProfile, which slows what calls often:", ""]
    lines += ["| function | calls a step | own ms a step |", "|---|---:|---:|"]
    for row in found["host"]:
        lines.append(f"| `{cell(row['name'])}` | {row['calls']} | {row['ms']:.1f} |")
    return lines


def number(value: float | None, *, none: str = "") -> str:
    """Three digits that matter, and no more.

    Example:
        >>> number(0.01234), number(12.34), number(1234.5), number(None, none="no")
        ('0.0123', '12.3', '1,234', 'no')
    """
    if value is None or value != value:
        return none
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.3g}"


def rate(likes: int, seconds: float | None) -> str:
    return f"{likes / seconds:,.0f}" if seconds else ""


def gib(size: int) -> str:
    return f"{size / BYTES_A_GIB:.2f}"


def cell(text: str) -> str:
    """Text that does not break a table."""
    return text.replace("|", "/").replace("`", "'").replace("\n", " ")
