"""What does the joint model alone reach, epoch by epoch?

    python benchmarks/joint_model.py --data DIR --protocol leave-one-out [--set train.epochs=3]
    python benchmarks/joint_model.py --data DIR --protocol strict-cold --target movie

Trains with the default config, frozen text and no other component, and prints after every epoch
NDCG@10 of the protocol's validation and test users: sampled, 1 + 999, for leave-one-out, full
ranking for strict cold users (fold 0). Choose by validation; test is printed to be reported.
Every epoch is trained whatever validation says. Two to ten minutes on one core.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kgrec.config import load_settings
from kgrec.evaluation.data import read_data
from kgrec.evaluation.evaluate import MAIN_MEASURE, evaluate
from kgrec.evaluation.protocols.published import leave_one_out
from kgrec.evaluation.protocols.strict_cold import strict_cold_user
from kgrec.evaluation.source_split import read_source_split
from kgrec.evaluation.split import Cases, Split
from kgrec.gnn.recommender import GNNRecommender
from kgrec.gnn.result import to_recommender
from kgrec.gnn.trainer import Trainer
from kgrec.training.fit import make_trainer, read_interactions

ALONE = ("components={}", "text.tuning=frozen", "train.patience=1000")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, type=Path, metavar="DIR", help="a folder of logs")
    parser.add_argument("--protocol", choices=["leave-one-out", "strict-cold"], required=True)
    parser.add_argument("--target", metavar="DOMAIN", help="default: each (leave-one-out)")
    parser.add_argument("--shuffle-ties", action="store_true", help="rows of one day by chance")
    parser.add_argument("--seed", type=int, default=0, metavar="N", help="of split and training")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--out", type=Path, default=Path(".joint-model"), metavar="DIR",
                        help="where the snapshot of the logs is kept")  # fmt: skip
    args = parser.parse_args()
    splits = splits_of(args)
    train = splits[0].train  # the same for all targets
    settings = load_settings("default", [*ALONE, f"train.seed={args.seed}", *args.set])
    trainer = make_trainer(train, read_interactions(train, settings.positive_weight), settings)
    names = [str(train.domain_keys[split.target]) for split in splits]
    print(f"| epoch | CPU s | validation {' / '.join(names)} | test |\n|---:|---:|---:|---:|")

    def on_epoch(trainer: Trainer) -> None:
        known = trainer.inputs.bridge_users
        found = to_recommender(trainer.model, trainer.inputs, trainer.graph, known)
        row = [measured(found, [getattr(s, part) for s in splits], splits)
               for part in ("validation", "test")]  # fmt: skip
        print(f"| {trainer.epoch} | {time.process_time():.0f} | {' | '.join(row)} |", flush=True)

    trainer.run(on_epoch)
    return 0


def splits_of(args: argparse.Namespace) -> list[Split]:
    """The splits of all targets, which share their training rows where there are several."""
    snapshot = read_data(str(args.data), args.out)
    names = [str(name) for name in snapshot.domain_keys]
    wanted = names if args.target is None else [args.target]
    if args.protocol == "strict-cold":
        return [strict_cold_user(snapshot, target=names.index(wanted[0]), seed=args.seed)]
    source = read_source_split(args.data, snapshot)
    return [
        leave_one_out(snapshot, source, target=names.index(name), seed=args.seed,
                      shuffle_ties=args.shuffle_ties)
        for name in wanted
    ]  # fmt: skip


def measured(model: GNNRecommender, cases: Sequence[Cases], splits: Sequence[Split]) -> str:
    found = [
        evaluate(model, some, train=split.train, target=split.target).summary()[MAIN_MEASURE].mean
        for some, split in zip(cases, splits, strict=True)
    ]
    return " / ".join(f"{np.round(value, 4):.4f}" for value in found)


if __name__ == "__main__":
    raise SystemExit(main())
