"""RecBole's LightGCN in a race; runs in an environment of its own that has no kgrec.

    python -m speed.recbole_worker COURSE --batch 2048

All but the batch size is RecBole's default: its data set, sampler, model, trainer and settings,
nothing of it patched. It trains on the whole merged log, and its own validation is left out, so
that the clock counts its epochs only. Users are its own users: those asked about are in the
log by their rows in other domains.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset
from recbole.data.utils import create_samplers, get_dataloader
from recbole.model.general_recommender import LightGCN
from recbole.trainer import Trainer
from recbole.utils import init_seed
from speed.clock import Clock, Stop, import_what_comes_late
from speed.course import Course, read_course
from torch.utils import tensorboard  # noqa: F401  (the trainer would import it on the clock)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("course", type=Path)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--check", action="store_true", help="import, and no more")
    args = parser.parse_args()
    if args.check:
        return
    import_what_comes_late()
    del sys.argv[1:]  # RecBole reads them as well
    course = read_course(args.course)
    with tempfile.TemporaryDirectory() as scratch:
        write_atomic_file(course, Path(scratch))
        config = Config(
            model="LightGCN",
            dataset="log",
            config_dict={
                "data_path": scratch,
                "checkpoint_dir": scratch,
                "load_col": {"inter": ["user_id", "item_id"]},
                # Everything is for training: who is asked about has been taken out before.
                "eval_args": {"split": {"RS": [1, 0, 0]}, "order": "RO", "group_by": "none",
                              "mode": "full"},
                "train_batch_size": args.batch,
                "use_gpu": False,
                "state": "ERROR",
            },
        )  # fmt: skip
        run(config, course, args.course)


def run(config: Config, course: Course, folder: Path) -> None:
    init_seed(config["seed"], config["reproducibility"])
    dataset = create_dataset(config)
    parts = dataset.build()
    sampler, _, _ = create_samplers(config, dataset, parts)
    loader = get_dataloader(config, "train")(config, parts[0], sampler, shuffle=config["shuffle"])
    clock = Clock(folder)  # reading its file has been free of charge, making its graph is not
    model = LightGCN(config, parts[0]).to(config["device"])
    trainer = Trainer(config, model)
    users = rows_of(dataset, "user_id", course.asked)
    items = rows_of(dataset, "item_id", course.items)
    if (users < 0).any():
        raise AssertionError("a user who is asked about is not among RecBole's users")

    @torch.no_grad()
    def vectors() -> tuple[np.ndarray, np.ndarray]:
        user, item = model.forward()
        known = item.numpy()[np.maximum(items, 0)]
        known[items < 0] = 0.0  # nobody in the log likes it, so RecBole does not know it
        return user.numpy()[users], known

    clock.ready()
    for epoch in range(config["epochs"]):
        trainer._train_epoch(loader, epoch)
        try:
            clock.point(epoch + 1, vectors)
        except Stop:
            return


def write_atomic_file(course: Course, folder: Path) -> None:
    (folder / "log").mkdir()
    users, items = course.pairs()
    with (folder / "log" / "log.inter").open("w", encoding="utf-8") as file:
        file.write("user_id:token\titem_id:token\n")
        file.writelines(f"{p}\t{i}\n" for p, i in zip(users, items))  # noqa: B905


def rows_of(dataset: object, field: str, numbers: np.ndarray) -> np.ndarray:
    """RecBole's own number of each of ours, -1 where it has none."""
    known = dataset.field2token_id[field]  # type: ignore[attr-defined]
    return np.array([known.get(str(number), -1) for number in numbers])


if __name__ == "__main__":
    main()
