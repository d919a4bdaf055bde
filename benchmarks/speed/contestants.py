"""The contestants of a race that live in kgrec's own environment: kgrec, PyG, implicit.

    python -m speed.contestants NAME COURSE [--config C] [--set a.b=c ...]

kgrec is asked for what it would deliver had it ended with the epoch, by its own ``assemble``;
the users asked about are known to it by their histories, as in every benchmark. PyG's users
are its own rows of the graph. Those of implicit are folded in.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp
from speed.clock import Clock, Stop, import_what_comes_late
from speed.course import Course, read_course

FACTORS = 64
MOST_EPOCHS = 1000
"""Epochs of contestants that set no end themselves; patience or time ends them before."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("name", choices=sorted(CONTESTANTS))
    parser.add_argument("course", type=Path)
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    try:
        CONTESTANTS[args.name](args.course, args)
    except Stop:
        return


def kgrec(folder: Path, args: argparse.Namespace) -> None:
    from kgrec.config import load_settings
    from kgrec.evaluation.split import load_split
    from kgrec.gnn.trainer import Trainer
    from kgrec.training.fit import fit, read_interactions

    course, split = read_course(folder), load_split(folder / "split")
    settings = load_settings(args.config, [*args.set, f"train.seed={course.seed}"])
    users = split.validation.shown

    def of(scorer: Any) -> tuple[Any, Any]:
        vectors = scorer.user_vectors(users, course.target)
        return vectors.products(scorer.item_vectors(course.target)), np.zeros((0, 0))

    def on_epoch(trainer: Trainer) -> None:
        if trainer.epoch == 0:
            clock.ready()
        clock.point(trainer.epoch, lambda: delivered_now(trainer, everybody, of))

    import_what_comes_late()
    clock = Clock(folder)
    everybody = read_interactions(split.train, settings.positive_weight)
    fitted = fit(split.train, settings, device="cpu", on_epoch=on_epoch)
    clock.point(len(fitted.history) - 1, lambda: of(fitted.scorer))


def delivered_now(trainer: Any, everybody: Any, of: Callable[[Any], Any]) -> Any:
    """``of`` the scorer that training would end with here; it goes on as if it was not asked."""
    from kgrec.gnn.trainer import Best
    from kgrec.training.fit import assemble

    kept, state = dict(vars(trainer)), trainer.state()
    trainer.best = Best(0.0, trainer.epoch, state)
    trained = trainer.finish()
    answer = of(assemble(trained, trainer.held_out, everybody, trainer.settings).scorer)
    vars(trainer).update(kept)
    trainer.load_state(state)
    return answer


def pyg(folder: Path, _: argparse.Namespace) -> None:
    """The loop and the settings of PyG's own ``examples/lightgcn.py``, on the CPU."""
    import torch
    from torch_geometric.nn import LightGCN

    course = read_course(folder)
    torch.manual_seed(course.seed)
    users, items = (torch.from_numpy(np.ascontiguousarray(part)) for part in course.pairs())
    import_what_comes_late()
    clock = Clock(folder)
    positive = torch.stack([users, items + course.num_users])
    edges = torch.cat([positive, positive.flip(0)], dim=1)
    model = LightGCN(
        num_nodes=course.num_users + course.num_items, embedding_dim=FACTORS, num_layers=2
    )
    optimizer = torch.optim.Adam(model.parameters(), lr=0.001)

    @torch.no_grad()
    def vectors() -> tuple[Any, Any]:
        out = model.get_embedding(edges).numpy()
        return out[course.asked], out[course.items + course.num_users]

    clock.ready()
    for epoch in range(MOST_EPOCHS):
        for chosen in torch.randperm(positive.size(1)).split(8192):
            liked = positive[:, chosen]
            drawn = torch.randint(
                course.num_users, course.num_users + course.num_items, (len(chosen),)
            )
            asked = torch.cat([liked, torch.stack([liked[0], drawn])], dim=1)
            optimizer.zero_grad()
            right, wrong = model(edges, asked).chunk(2)
            loss = model.recommendation_loss(right, wrong, node_id=asked.unique(), lambda_reg=1e-4)
            loss.backward()
            optimizer.step()
        clock.point(epoch + 1, vectors)


def als(folder: Path, _: argparse.Namespace) -> None:
    """Settings of the benchmark's baseline ``ials`` before tuning."""
    from implicit.als import AlternatingLeastSquares
    from threadpoolctl import threadpool_limits

    from kgrec.solvers.als import fold_in

    alpha, regularization = 10.0, 10.0
    course = read_course(folder)
    log = matrix(course)
    clock = Clock(folder)
    with threadpool_limits(1, "blas"):
        model = AlternatingLeastSquares(
            factors=FACTORS, regularization=regularization, alpha=1.0, iterations=MOST_EPOCHS,
            random_state=course.seed, num_threads=threads(), use_gpu=False,
        )  # fmt: skip

        def vectors() -> tuple[Any, Any]:
            items = np.asarray(model.item_factors)
            users = fold_in(log[course.asked], items, regularization=regularization, alpha=alpha)
            return users, items[course.items]

        clock.ready()
        model.fit(
            log * np.float32(1 + alpha), show_progress=False,
            callback=lambda epoch, *_: clock.point(epoch + 1, vectors),
        )  # fmt: skip


def bpr(folder: Path, _: argparse.Namespace) -> None:
    """Settings of the benchmark's baseline ``bpr`` before tuning, but on all threads."""
    from implicit.bpr import BayesianPersonalizedRanking

    from kgrec.solvers.als import fold_in

    course = read_course(folder)
    log = matrix(course)
    clock = Clock(folder)
    model = BayesianPersonalizedRanking(
        factors=FACTORS, learning_rate=0.05, regularization=0.01, iterations=MOST_EPOCHS,
        random_state=course.seed, num_threads=threads(), use_gpu=False,
    )  # fmt: skip

    def vectors() -> tuple[Any, Any]:
        items = np.ascontiguousarray(model.item_factors[:, :-1], dtype=np.float32)
        bias = np.asarray(model.item_factors[:, -1:], dtype=np.float32)
        users = fold_in(log[course.asked], items, regularization=1.0, alpha=10.0)
        return (
            np.hstack([users, np.ones((len(users), 1), np.float32)]),
            np.hstack([items, bias])[course.items],
        )

    def after(epoch: int, *_: object) -> None:
        if (epoch + 1) % 5 == 0:  # one is a blink
            clock.point(epoch + 1, vectors)

    clock.ready()
    model.fit(log, show_progress=False, callback=after)


def matrix(course: Course) -> sp.csr_matrix:
    ones = np.ones(len(course.indices), np.float32)
    return sp.csr_matrix(
        (ones, course.indices, course.indptr), shape=(course.num_users, course.num_items)
    )


def threads() -> int:
    return int(os.environ.get("OMP_NUM_THREADS", 0))


CONTESTANTS = {"kgrec": kgrec, "pyg": pyg, "als": als, "bpr": bpr}


if __name__ == "__main__":
    main()
