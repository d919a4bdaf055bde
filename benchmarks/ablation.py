"""What does each component and setting of kgrec contribute?

    python benchmarks/ablation.py --data DIR --out DIR [--domains tv movie] [--folds 0 1 2]

An ablation is a list of configs, each a YAML file that ``kgrec train --config`` reads as well. The
rows of the tables are those of ``benchmarks/ablation/``: each is the default config with one thing
changed or left out, named by its file. ``--configs`` gives other files. Every row is trained and is
compared with the default on the same users (strict cold users unless ``--protocols`` says
otherwise). Prints a Markdown table: NDCG@10, and what the change gains (+) or loses (-) with its
95% paired bootstrap interval. A run that was stopped goes on.

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
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from graph_store.snapshot import Snapshot
from kgrec.config import load_settings
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
"""The row that all others are compared with: the shipped config of that name."""
NO_TAGS = "no tags"
"""The default on data without tags; the one row that changes no setting."""
CONFIGS = Path(__file__).parent / "ablation"
KEPT = ".kept"
"""What was trained and solved, while the script runs."""


def rows_of(files: Sequence[Path]) -> dict[str, str]:
    """Row names and configs: the default, the default without tags, then the files by name.

    Args:
        files: YAML files. A row is named by its file, ``_`` standing for a space.
    """
    named = {file.stem.replace("_", " "): str(file) for file in sorted(files)}
    return {DEFAULT: DEFAULT, NO_TAGS: DEFAULT, **named}


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
    parser.add_argument("--linking", nargs="+", action=Renamed, new="--overlapping-users",
                        help=argparse.SUPPRESS)  # fmt: skip
    parser.add_argument("--configs", nargs="+", type=Path, metavar="FILE",
                        default=sorted(CONFIGS.glob("*.yaml")),
                        help="YAML configs, a row each; default: benchmarks/ablation/")  # fmt: skip
    parser.add_argument("--rows", nargs="+", metavar="ROW",
                        help="names of some rows, such as 'no emcdr' (default: all)")  # fmt: skip
    parser.add_argument("--set", action="append", default=[], metavar="A.B=C",
                        help="laid under every row, the default too; may be repeated")  # fmt: skip
    parser.add_argument("--jobs", type=int, default=1, metavar="N",
                        help="processes; name the threads of each by OMP_NUM_THREADS")  # fmt: skip
    parser.add_argument("--kept", type=Path, metavar="DIR",
                        help="keep what is trained and solved, for this same code")  # fmt: skip
    args = parser.parse_args()

    configs = rows_of(args.configs)
    if unknown := [name for name in args.rows or () if name not in configs]:
        parser.error(f"--rows: no row is named {unknown[0]!r} (there are {', '.join(configs)})")
    rows = [name for name in configs if name == DEFAULT or name in (args.rows or configs)]
    snapshot = read_data(args.data, args.out)
    kept = args.kept or args.out / KEPT
    used = [str(key) for key in snapshot.domain_keys[snapshot.domains_in_use()]]
    targets = args.targets or args.domains or used
    chosen = {name: configs[name] for name in rows}
    works = trained_together(chosen, args.set, has_tags=snapshot.item_tag.size > 0)
    todo = [(work, target) for work in works for target in targets]
    if args.jobs == 1:
        for work, target in todo:
            run_rows({name: configs[name] for name in work}, target, snapshot, args, kept)
    else:
        apart = multiprocessing.get_context("spawn")  # a fork would share a GPU's context
        with ProcessPoolExecutor(args.jobs, mp_context=apart) as pool:
            waiting = [
                pool.submit(run_rows, {n: configs[n] for n in work}, target, snapshot, args, kept)
                for work, target in todo
            ]
            for done in waiting:
                done.result()
    if not args.kept:
        shutil.rmtree(kept, ignore_errors=True)
    if args.set:
        print(f"\nUnder every row: {', '.join(args.set)}")
    print_tables(args.out, rows)
    return 0


class Renamed(argparse.Action):
    """Refuses an option by the name that it had before, and says the new one."""

    def __init__(self, *, new: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.new = new

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        parser.error(f"{self.option_strings[0]} is called {self.new} now")


def run_rows(
    rows: Mapping[str, str], target: str, snapshot: Snapshot, args: argparse.Namespace, kept: Path
) -> None:
    """One row, or several that share what the first trains, in one direction."""
    trainings = Trainings(kept)
    for name, config in rows.items():
        print(f"to {target}: {name}", file=sys.stderr, flush=True)
        settings = BenchmarkSettings(
            models=("kgrec",), protocols=tuple(args.protocols), folds=tuple(args.folds),
            domains=args.domains and tuple(args.domains), targets=(target,),
            overlapping_users=tuple(args.overlapping_users), kgrec_config=config,
            kgrec_set=tuple(args.set),
        )  # fmt: skip
        data = without_tags(snapshot) if name == NO_TAGS else snapshot
        out = args.out / name.replace(" ", "-")
        run_benchmark(data, settings, out, logs=Path(args.data), trainings=trainings)


def trained_together(
    rows: Mapping[str, str], under: Sequence[str], *, has_tags: bool
) -> list[list[str]]:
    """The rows in lists that need the same training, which no two processes may do at once."""
    by_training: dict[tuple[bool, str], list[str]] = {}
    for name, config in rows.items():
        settings = load_settings(config, list(under))
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
        users = {
            name: users_of(by_fold.values()).sort("fold", "user")[MAIN_MEASURE].to_numpy()
            for name, by_fold in found.items() if sorted(by_fold) == folds
        }  # fmt: skip
        base = users[DEFAULT]
        print(f"\n{protocol}: {direction}, {len(base)} users, folds {folds}\n")
        print("| | NDCG@10 | against the default |\n|---|---:|---:|")
        for name, values in users.items():
            gap = paired_difference(values, base)
            gain = f"{gap.mean:+.4f} [{gap.low:+.4f}, {gap.high:+.4f}]" if name != DEFAULT else ""
            print(f"| {name} | {interval(values)} | {gain} |")


if __name__ == "__main__":
    raise SystemExit(main())
