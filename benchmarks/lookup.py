"""What does a question cost in process, and how well do serving vectors stand for the whole score?

    python benchmarks/lookup.py --data DIR --target food --out DIR

Trains a run with the default settings on the strict cold-user split of fold 0 (or goes on with the
one that is in OUT) and prints, as Markdown: CPU milliseconds of `recommend` for one user, with and
without reasons; CPU seconds and memory of opening the run, beside the size of its files; and what
serving vectors of several widths rank for the test users, beside the exact score.

Questions are about users drawn at random, one after another, after ten that are not measured. Every
list is checked against one that scored every item: a fast wrong answer is not a result. Runs with
the threads that the environment allows: set OMP_NUM_THREADS=1 for the CPU time of one core.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgrec.ranking.measures import ranks_of, user_measures
from kgrec.ranking.topk import blocks, top_k, top_k_of_products
from kgrec.runs.folder import TrainedRun, is_finished, open_run

if TYPE_CHECKING:
    from kgrec.evaluation.split import Split
    from kgrec.lookup import Run

WIDTHS = (64, 128, 256)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--target", required=True, metavar="DOMAIN")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--questions", type=int, default=300)
    args = parser.parse_args()

    split = prepared(args.data, args.target, args.out)
    # Nothing that trains is imported by the process that is measured.
    command = [sys.executable, __file__, "--measure", args.out / "run", str(args.questions)]
    subprocess.run([str(part) for part in command], check=True)
    print_widths(open_run(args.out / "run"), split)


def measure(folder: Path, questions: int) -> None:
    """Open the run, ask, and print what that cost."""
    from kgrec.lookup import load

    began = time.process_time()
    run = load(folder)
    keys = [str(key) for key in run.model.snapshot.user_keys]
    keys = np.random.default_rng(0).permutation(keys)[: questions + 10].tolist()
    opened = time.process_time() - began
    began = time.process_time()
    for domain in run.domains:
        run.recommend(keys[0], domain=domain)
    first = time.process_time() - began

    print(
        f"{platform.platform()}, Python {platform.python_version()}, {len(keys) - 10} questions\n"
    )
    print(
        "| target | items | ms CPU p50 | p99 | with reasons p50 | p99 |\n"
        "|---|---:|---:|---:|---:|---:|"
    )
    for domain in run.domains:
        plain, reasons = (milliseconds(run, keys, domain, explain=e) for e in (False, True))
        count = len(run.model.snapshot.items_of(run.domains.index(domain)))
        cells = [f"{value:.1f}" for value in (*plain, *reasons)]
        print(f"| {domain} | {count:,} | {' | '.join(cells)} |", flush=True)
        check(run, keys[:50], domain)
    print_memory(folder, opened, first)


def prepared(data: str, target: str, out: Path) -> Split:
    """The split, with a run trained on it; both are kept in ``out``."""
    from kgrec.config import load_settings
    from kgrec.evaluation.data import read_data
    from kgrec.evaluation.protocols.strict_cold import strict_cold_user
    from kgrec.evaluation.split import load_split, save_split

    if not (out / "split" / "split.json").is_file():
        snapshot = read_data(data, out / "data")
        domains = [str(key) for key in snapshot.domain_keys]
        save_split(strict_cold_user(snapshot, target=domains.index(target)), out / "split")
    split = load_split(out / "split")
    if not (out / "run").is_dir() or not is_finished(out / "run"):
        from kgrec.training import train

        train(split.train, load_settings("default"), out / "run", resume=(out / "run").is_dir())
    return split


def milliseconds(run: Run, keys: list[str], domain: str, *, explain: bool) -> tuple[float, float]:
    """CPU time of a question at the median and at the 99th percentile."""
    spent = []
    for key in keys:
        began = time.process_time()
        run.recommend(key, domain=domain, explain=explain)
        spent.append(1000 * (time.process_time() - began))
    return float(np.percentile(spent[10:], 50)), float(np.percentile(spent[10:], 99))


def check(run: Run, keys: list[str], domain: str) -> None:
    """Lists that were found among candidates are those of all items."""
    number, model = run.domains.index(domain), run.model
    items = model.snapshot.items_of(number)
    asked = model.interactions.row_of_account[np.searchsorted(model.snapshot.user_keys, keys)]
    for key, row in zip(keys, asked.tolist(), strict=True):
        users = model.user_vectors(model.interactions.histories_of(np.array([row])), number)
        seen = model.interactions.seen[[row]][:, items]
        best, _ = top_k_of_products(users, model.item_vectors(number), 10, exclude=seen)
        found = [line.key for line in run.recommend(key, domain=domain)]
        wanted = [str(model.snapshot.item_keys[items[at]]) for at in best[0] if at >= 0]
        if found != wanted:
            raise AssertionError(f"{key} in {domain}: got {found}, all items give {wanted}")


def print_memory(folder: Path, opened: float, first: float) -> None:
    """What the process holds after questions about every domain (Linux only)."""
    size = sum(file.stat().st_size for file in folder.rglob("*") if "checkpoint" not in file.parts)
    held = {}
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines()[1:]:
        name, kilobytes = line.split()[:2]
        held[name.rstrip(":")] = int(kilobytes) * 1024
    whole, own = held["Rss"] / 2**20, held["Anonymous"] / 2**20
    print(
        f"\nOpening: {opened:.1f} CPU s, first questions {first:.2f} CPU s. Files "
        f"{size / 2**20:.0f} MiB; the process holds {whole:.0f} MiB ({whole * 2**20 / size:.2f} "
        f"times the files), of which {own:.0f} MiB are its own and the rest is shared."
    )


def print_widths(run: TrainedRun, split: Split) -> None:
    """Overlap with the exact list, and NDCG, of strictly cold test users by width."""
    from kgrec.training.serving import project, sample_users

    domain, data = split.target, run.interactions
    items = data.items_of(domain)
    exact_items = run.item_vectors(domain)
    exact = np.vstack([
        run.user_vectors(split.test.shown[rows], domain).products(exact_items)
        for rows in blocks(len(split.test), 256)
    ])  # fmt: skip
    known = split.test.known[:, items].tocsr()
    best = top_k(exact, 10, exclude=known)[0]
    sample = sample_users(data, domain, run.settings.serving.sample_users, seed=0)
    users, seen = run.user_vectors(sample, domain), sample.items[:, items].tocsr()
    asked = run.user_vectors(split.test.shown, domain)
    print(f"\n{split.direction}, {len(split.test)} strictly cold test users:\n")
    print("| width | overlap@10 | exact ten in the first 100 | NDCG@10 |\n|---:|---:|---:|---:|")
    for width in WIDTHS:
        serving = project(users, exact_items, width, seen=seen)
        near = serving.of_users(asked, exact_items) @ serving.items.T
        ranked = top_k(near, 100, exclude=known)[0]
        print(
            f"| {width} | {shared(best, ranked[:, :10]):.3f} | {shared(best, ranked):.4f} "
            f"| {ndcg(near, split):.4f} |", flush=True,
        )  # fmt: skip
    print(f"| all | 1 | 1 | {ndcg(exact, split):.4f} |")


def shared(wanted: np.ndarray, found: np.ndarray) -> float:
    """Mean fraction of each row of ``wanted`` in the same row of ``found``."""
    return float((wanted[:, :, None] == found[:, None, :]).any(axis=2).mean())


def ndcg(scores: np.ndarray, split: Split) -> float:
    """Mean NDCG@10 of the test users over the whole target catalogue."""
    items = np.flatnonzero(split.train.item_domain == split.target)
    hidden, known = (m[:, items].tocsr() for m in (split.test.positives, split.test.known))
    ranks = ranks_of(scores, hidden, exclude=known)
    return float(np.nanmean(user_measures(ranks, [10])["ndcg@10"]))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure(Path(sys.argv[2]), int(sys.argv[3]))
    else:
        main()
