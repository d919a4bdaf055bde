"""What does each component and setting of kgrec contribute?

    python benchmarks/ablation.py --data DIR --out DIR [--domains tv movie] [--folds 0 1 2]

Trains the default config, and once for each row of ``ROWS`` the default with one thing changed
or left out; every row is compared with the default on the same users (strict cold users
unless ``--protocols`` says otherwise). Prints a Markdown table: NDCG@10, and what the change
gains (+) or loses (-) with its 95% paired bootstrap interval. A run that was stopped goes on.

A row costs one training a direction and fold: about a minute on `anime` and nine on `food_kitchen`
(2 cores); ``--rows`` names some of them. Rows that change only what comes after training share the
default's, and all rows share the factorisations of the same log. About half of the time goes into
tuning text, which ``--set text.tuning=frozen`` under every row saves.

With many cores or a GPU, make the default first and then the others at once:

    python benchmarks/ablation.py --data DIR --out DIR --kept KEPT --rows default
    OMP_NUM_THREADS=1 python benchmarks/ablation.py --data DIR --out DIR --kept KEPT --jobs 16
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np

from graph_store.snapshot import Snapshot
from kgrec.config import default_components, load_settings
from kgrec.evaluation.cells import read_cells, users_of
from kgrec.evaluation.data import read_data
from kgrec.evaluation.evaluate import MAIN_MEASURE
from kgrec.evaluation.protocols.overlap import OVERLAPS
from kgrec.evaluation.runner import CELLS, run_benchmark
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.evaluation.trainings import Trainings
from kgrec.gnn.checkpoint import AFTERWARDS
from kgrec.ranking.intervals import interval, paired_difference

DEFAULT = "default"
NO_TAGS = "no tags"
KEPT = ".kept"
"""What was trained and solved, while the script runs."""

ROWS: dict[str, tuple[str, ...]] = {
    DEFAULT: (),
    "text frozen": ("text.tuning=frozen",),
    "text tuned whole": ("text.tuning=full",),
    "text adapted to the catalogue first": ("text.adapt=mlm",),
    "no text": (
        "text.tuning=frozen",
        "model.item_features=[spectrum,factors]",
        "align.text=0",
        "components.content=null",
        "cold_items.neighbours=0",
    ),
    "no spectrum": ("model.item_features=[text,factors]",),
    "no factors": ("model.item_features=[text,spectrum]",),
    "with id residual": ("model.item_features=[text,spectrum,factors,id]",),
    NO_TAGS: (),
    "0 layers": ("model.layers=0",),
    "1 layer": ("model.layers=1",),
    "3 layers": ("model.layers=3",),
    "no alignment of users": ("align.users=0",),
    "no alignment of text": ("align.text=0",),
    "aligned prototypes": ("align.prototypes=0.1",),
    "no cold episodes": ("train.cold_fraction=0",),
    "cold episodes only": ("train.cold_fraction=1",),
    "no bridge": ("model.bridge=false",),
    **{f"no {name}": (f"components.{name}=null",) for name in default_components()},
    "fixed weights": ("ensemble.exponent=0",),
    "joint model alone": tuple(f"components.{name}=null" for name in default_components()),
    "not trained": ("train.epochs=0",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--domains", nargs="+", metavar="DOMAIN", help="default: all")
    parser.add_argument("--targets", nargs="+", metavar="DOMAIN", help="default: each")
    parser.add_argument("--folds", nargs="+", type=int, default=[0], metavar="N")
    parser.add_argument("--protocols", nargs="+", default=["strict-cold"], metavar="P")
    parser.add_argument("--overlapping-users", nargs="+", type=int, metavar="N",
                        default=list(OVERLAPS), help="points of few-overlap")  # fmt: skip
    parser.add_argument("--rows", nargs="+", choices=list(ROWS), default=list(ROWS), metavar="ROW")
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C",
                        help="laid under every row, the default too; may be repeated")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, metavar="N",
                        help="processes; name the threads of each by OMP_NUM_THREADS")  # fmt: skip
    parser.add_argument("--kept", type=Path, metavar="DIR",
                        help="keep what is trained and solved, for this same code")  # fmt: skip
    args = parser.parse_args()

    snapshot = read_data(args.data, args.out)
    rows = [DEFAULT, *(name for name in args.rows if name != DEFAULT)]
    kept = args.kept or args.out / KEPT
    used = [str(key) for key in snapshot.domain_keys[snapshot.domains_in_use()]]
    targets = args.targets or args.domains or used
    works = trained_together(rows, args.set, has_tags=snapshot.item_tag.size > 0)
    todo = [(work, target) for work in works for target in targets]
    if args.jobs == 1:
        for work, target in todo:
            run_rows(work, target, snapshot, args, kept)
    else:
        apart = multiprocessing.get_context("spawn")  # a fork would share a GPU's context
        with ProcessPoolExecutor(args.jobs, mp_context=apart) as pool:
            for done in [pool.submit(run_rows, *one, snapshot, args, kept) for one in todo]:
                done.result()
    if not args.kept:
        shutil.rmtree(kept, ignore_errors=True)
    if args.set:
        print(f"\nUnder every row: {', '.join(args.set)}")
    print_tables(args.out, rows)
    return 0


def run_rows(
    rows: Sequence[str], target: str, snapshot: Snapshot, args: argparse.Namespace, kept: Path
) -> None:
    """One row, or several that share what the first trains, in one direction."""
    trainings = Trainings(kept)
    for name in rows:
        print(f"to {target}: {name}", file=sys.stderr, flush=True)
        settings = BenchmarkSettings(
            models=("kgrec",), protocols=tuple(args.protocols), folds=tuple(args.folds),
            domains=args.domains and tuple(args.domains), targets=(target,),
            overlapping_users=tuple(args.overlapping_users), kgrec_set=(*args.set, *ROWS[name]),
        )  # fmt: skip
        data = without_tags(snapshot) if name == NO_TAGS else snapshot
        run_benchmark(data, settings, args.out / name.replace(" ", "-"), trainings=trainings)


def trained_together(
    rows: Sequence[str], under: Sequence[str], *, has_tags: bool
) -> list[list[str]]:
    """The rows in lists that need the same training, which no two processes may do at once."""
    by_training: dict[tuple[bool, str], list[str]] = {}
    for name in rows:
        settings = load_settings("default", [*under, *ROWS[name]])
        trained = settings.model_dump_json(exclude=set(AFTERWARDS))
        by_training.setdefault((has_tags and name == NO_TAGS, trained), []).append(name)
    return list(by_training.values())


def without_tags(snapshot: Snapshot) -> Snapshot:
    return replace(snapshot, item_tag=np.zeros((2, 0), snapshot.item_tag.dtype))


def print_tables(out: Path, rows: list[str]) -> None:
    """One table a protocol and direction; a row that lacks it, or a fold of it, is left out."""
    cells = {name: read_cells(out / name.replace(" ", "-") / CELLS) for name in rows}
    for protocol, direction in dict.fromkeys((k.protocol, k.direction) for k in cells[DEFAULT]):
        found = {
            name: {k.fold: cell for k, cell in there.items()
                   if (k.protocol, k.direction) == (protocol, direction)}
            for name, there in cells.items()
        }  # fmt: skip
        folds = sorted(found[DEFAULT])
        values_of = {
            name: users_of(by_fold.values()).sort("fold", "user")[MAIN_MEASURE].to_numpy()
            for name, by_fold in found.items() if sorted(by_fold) == folds
        }  # fmt: skip
        base = values_of[DEFAULT]
        print(f"\n{protocol}: {direction}, {len(base)} users, folds {folds}\n")
        print("| | NDCG@10 | against the default |\n|---|---:|---:|")
        for name, values in values_of.items():
            gap = paired_difference(values, base)
            gain = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]" if name != DEFAULT else ""
            print(f"| {name} | {interval(values)} | {gain} |")


if __name__ == "__main__":
    raise SystemExit(main())
