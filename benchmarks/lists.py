"""What does each option of a list cost in accuracy, and what does it give in diversity?

    python benchmarks/lists.py --data DIR --targets movie ova --out DIR --table lists.md

Strict cold users: of a tenth of the users who are active in the first target and elsewhere, every
row of all targets is hidden; the default config is trained once on the rest, and every row of the
table asks that run by ``Run.recommend`` for lists of ten. NDCG@10 has its 95% paired bootstrap
interval against the plain list; coverage is the fraction of the target's items that come up for
anybody. Diversity is one minus the mean likeness of two items of a list, by embeddings and by tags.
Seconds are CPU seconds of the question for all users, measured once.

Determinantal point processes are compared with maximal marginal relevance on the same candidates
and the same likeness; they are no option of kgrec unless they win. A run that was trained before in
``--out`` is used again.
"""

from __future__ import annotations

import argparse
import platform
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import scipy.sparse as sp
from numpy.typing import NDArray

import kgrec
from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.evaluation.data import read_data
from kgrec.evaluation.protocols.strict_cold import cold_users
from kgrec.evaluation.protocols.users import domain_number, user_keys
from kgrec.lookup.arranging import WINDOW
from kgrec.lookup.diversity import Likeness
from kgrec.lookup.facts import SnapshotFacts
from kgrec.lookup.popularity_groups import long_tail
from kgrec.ranking.intervals import interval, paired_difference

K = 10
DIVERSITIES = (0.1, 0.2, 0.3, 0.4, 0.5, 0.7)
DPP_EXPONENTS = (8.0, 4.0, 2.0, 1.0)
"""Weight of the score in the quality of a point process; the lower, the more diverse."""
OPTIONS: tuple[dict[str, Any], ...] = (
    *({"max_per_tag": n} for n in (6, 4, 3, 2)),
    *({"max_per_series": n} for n in (2, 1)),
    *({"min_long_tail": f} for f in (0.2, 0.4)),
    *({"min_new": f} for f in (0.1, 0.2)),
    {"diversity": 0.2, "max_per_series": 1, "min_long_tail": 0.2},
)
DISLIKE_WEIGHTS = (0.25, 0.5, 1.0)

Lists = NDArray[np.int64]


@dataclass(frozen=True)
class World:
    """A trained run, and what was hidden from it."""

    run: kgrec.Run
    users: list[str]
    hidden: sp.csr_matrix
    """``[B, I]`` ones: hidden likes."""
    disliked: list[list[str]]
    """``[B]`` keys of items outside the targets that a user rated low."""
    targets: list[int]

    def lists(self, frame: pl.DataFrame, k: int = K) -> Lists:
        """``[B, k]`` item numbers, -1 where a list is shorter."""
        keys = self.run.model.snapshot.item_keys
        rows = {user: row for row, user in enumerate(self.users)}
        found = np.full((len(self.users), k), -1, dtype=np.int64)
        row = np.array([rows[user] for user in frame["user_id"]], dtype=np.int64)
        found[row, frame["rank"].to_numpy() - 1] = np.searchsorted(keys, frame["key"].to_numpy())
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", required=True, metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--targets", nargs="+", required=True, metavar="DOMAIN")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    parser.add_argument("--fold", type=int, default=0)
    parser.add_argument("--table", type=Path, metavar="FILE", help="append the tables here")
    args = parser.parse_args()

    world = prepare(args.data, args.targets, args.out, args.fold)
    name = Path(args.data).name
    sources = [d for d in world.run.domains if d not in args.targets]
    text = [f"## {name}: {'+'.join(sources)} -> {args.targets[0]}, {len(world.users)} users", ""]
    command = f"python benchmarks/lists.py --data {name} --targets {' '.join(args.targets)}"
    machine = f"{platform.machine()}, Python {platform.python_version()}"
    text += [f"`{command}`, seed 0, fold {args.fold}, {machine}", ""]
    text += table_of_options(world)
    if len(args.targets) > 1:
        text += ["", f"### One list of {' and '.join(args.targets)}", "", *table_of_domains(world)]
    if any(world.disliked):
        text += ["", "### Dislikes", "", *table_of_dislikes(world)]
    whole = "\n".join(text) + "\n"
    print(whole)
    if args.table:
        before = args.table.read_text(encoding="utf-8") + "\n" if args.table.exists() else ""
        args.table.write_text(before + whole, encoding="utf-8")


def prepare(data: str, names: Sequence[str], out: Path, fold: int) -> World:
    """Hide the targets of the test users and train, unless that was done before."""
    snapshot = read_data(data, out)
    targets = [domain_number(snapshot, name) for name in names]
    whole = Interactions.of(snapshot)
    test, _ = cold_users(whole, target=targets[0], fold=fold, seed=0)
    is_test = np.isin(whole.row_of_account[snapshot.user], test)
    in_targets = np.isin(snapshot.item_domain[snapshot.item], targets)
    train = snapshot.keep(~(is_test & in_targets))
    folder = out / "run"
    there = (folder / "manifest.json").is_file()
    run = kgrec.load(folder) if there else kgrec.train(train, folder)
    if run.model.snapshot.fingerprint != train.fingerprint:
        raise SystemExit(f"{folder} was trained on other data; choose another --out")
    hidden = whole.liked[test].tocsr()
    hidden = hidden.multiply(np.isin(snapshot.item_domain, targets)).tocsr()
    hidden.eliminate_zeros()
    some = np.diff(hidden[:, snapshot.items_of(targets[0])].tocsr().indptr) > 0
    users = user_keys(snapshot, whole)[test[some]].tolist()
    disliked = low_rated(train, Interactions.of(train), test[some])
    return World(run, users, hidden[np.flatnonzero(some)], disliked, targets)


def low_rated(train: Snapshot, shown: Interactions, rows: NDArray[np.int64]) -> list[list[str]]:
    """Keys of what each user met and did not like."""
    low = (shown.seen - shown.liked)[rows].tocsr()
    low.eliminate_zeros()
    return [train.item_keys[low[row].indices].tolist() for row in range(len(rows))]


# --- tables -----------------------------------------------------------------------------


def table_of_options(world: World) -> list[str]:
    """Every option on the first target."""
    domain = world.run.domains[world.targets[0]]
    ask: Callable[..., pl.DataFrame] = lambda **options: world.run.recommend(  # noqa: E731
        users=world.users, domain=domain, k=K, **options
    ).to_frame()
    measured = Measured(world, [world.targets[0]])
    rows = [measured.row("the best ten", lambda: world.lists(ask()))]
    for weight in DIVERSITIES:
        rows.append(measured.row(f"diversity {weight:g}",
                                 lambda w=weight: world.lists(ask(diversity=w))))  # fmt: skip
    for exponent in DPP_EXPONENTS:
        rows.append(measured.row(f"(point process, exponent {exponent:g})",
                                 lambda e=exponent: point_process(world, e)))  # fmt: skip
    for options in OPTIONS:
        told = ", ".join(f"{name} {value:g}" for name, value in options.items())
        rows.append(measured.row(told, lambda o=options: world.lists(ask(**o))))
    return [*Measured.head, *rows]


def table_of_domains(world: World) -> list[str]:
    """One list of all targets, by several ways to compare their scores."""
    run, names = world.run, [world.run.domains[d] for d in world.targets]
    measured = Measured(world, world.targets)

    def by(relevance: Callable[[pl.Expr], pl.Expr]) -> Lists:
        parts = [
            run.recommend(users=world.users, domain=name, k=WINDOW)
            .to_frame()
            .with_columns(relevance(pl.col("score")).over("user_id").alias("by"))
            for name in names
        ]
        one = pl.concat(parts).sort("by", descending=True, maintain_order=True)
        one = one.group_by("user_id", maintain_order=True).head(K)
        rank = pl.int_range(1, pl.len() + 1).over("user_id")
        return world.lists(one.with_columns(rank.alias("rank")))

    def together() -> Lists:
        return world.lists(run.recommend(users=world.users, domain=names, k=K).to_frame())

    def in_turn(score: pl.Expr) -> pl.Expr:
        return -score.rank("ordinal", descending=True).cast(pl.Int64)

    def between(score: pl.Expr) -> pl.Expr:
        return (score - score.min()) / (score.max() - score.min())

    ways: dict[str, Callable[[], Lists]] = {
        "as kgrec does": together,
        "(scores as they are)": lambda: by(lambda score: score),
        "(places, domains in turn)": lambda: by(in_turn),
        f"(between the first and the {WINDOW}th)": lambda: by(between),
    }
    return [*Measured.head, *(measured.row(name, way) for name, way in ways.items())]


def table_of_dislikes(world: World) -> list[str]:
    """What the users rated low elsewhere, as dislikes."""
    domain = world.run.domains[world.targets[0]]
    measured = Measured(world, [world.targets[0]])

    def ask(weight: float) -> Lists:
        frames = []
        for user, disliked in zip(world.users, world.disliked, strict=True):
            given = {"dislikes": disliked, "dislikes_weight": weight} if disliked else {}
            found = world.run.recommend(users=[user], domain=domain, k=K, **given)
            frames.append(found.to_frame())
        return world.lists(pl.concat(frames))

    rows = [measured.row("not read", lambda: ask(0.0))]
    rows += [measured.row(f"dislikes_weight {w:g}", lambda w=w: ask(w)) for w in DISLIKE_WEIGHTS]
    return [*Measured.head, *rows]


class Measured:
    """Measures lists, each against the first."""

    head = (
        "| list | NDCG@10 | against the first | coverage | diversity (embeddings) | "
        "diversity (tags) | long tail | length | CPU s |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    )

    def __init__(self, world: World, targets: Sequence[int]) -> None:
        snapshot = world.run.model.snapshot
        self.world = world
        self.inside = np.isin(snapshot.item_domain, targets)
        self.liked = world.hidden.multiply(self.inside).tocsr()
        popularity = np.asarray(world.run.model.interactions.liked.getnnz(axis=0), np.int64)
        self.tail = long_tail(popularity, snapshot.item_domain)
        self.embeddings = world.run.model.item_embeddings
        self.tags = SnapshotFacts(world.run.model).item_tags(np.arange(0))
        self.first: NDArray[np.float64] | None = None

    def row(self, name: str, ask: Callable[[], Lists]) -> str:
        """One row of a table."""
        start = time.process_time()
        lists = ask()
        seconds = time.process_time() - start
        values = self.ndcg(lists)
        mean = interval(values).mean
        change = "(the first)"
        if self.first is None:
            self.first = values
        else:
            found = paired_difference(values, self.first)
            change = f"{found.mean:+.4f} [{found.low:+.4f}, {found.high:+.4f}]"
        there = lists[lists >= 0]
        coverage = len(np.unique(there)) / self.inside.sum()
        return (
            f"| {name} | {mean:.4f} | {change} | {coverage:.3f} | "
            f"{self.diversity(lists, tags=False):.3f} | {self.diversity(lists, tags=True):.3f} | "
            f"{self.tail[there].mean():.3f} | {(lists >= 0).sum(axis=1).mean():.1f} | "
            f"{seconds:.2f} |"
        )

    def ndcg(self, lists: Lists) -> NDArray[np.float64]:
        """``[B]`` NDCG@10 of hidden likes."""
        discount = 1 / np.log2(np.arange(2, K + 2))
        hits = np.asarray(
            self.liked[np.arange(len(lists))[:, None], np.maximum(lists, 0)].todense()
        )
        gained = ((hits > 0) & (lists >= 0)) @ discount
        ideal = np.cumsum(discount)[np.clip(np.diff(self.liked.indptr), 1, K) - 1]
        return np.asarray(gained / ideal)

    def diversity(self, lists: Lists, *, tags: bool) -> float:
        """One minus the mean likeness of two items of a list, over users."""
        values = []
        for row in lists:
            items = row[row >= 0]
            if len(items) < 2:
                continue
            if tags:
                rows = self.tags.matrix[items]
                common = (rows @ rows.T).toarray()
                size = rows.getnnz(axis=1)
                alike = common / np.maximum(size[:, None] + size[None, :] - common, 1)
            else:
                alike = self.embeddings[items] @ self.embeddings[items].T
            values.append(1 - alike[np.triu_indices(len(items), 1)].mean())
        return float(np.mean(values))


# --- the alternative ----------------------------------------------------------------------


def point_process(world: World, exponent: float) -> Lists:
    """The most probable sets of a determinantal point process, found greedily.

    Chen, Zhang and Zhou, "Fast greedy MAP inference for determinantal point process to improve
    recommendation diversity" (NeurIPS 2018), over the same candidates that ``diversity`` chooses
    from, with quality ``exp(exponent * relevance / 2)``.
    """
    run, domain = world.run, world.run.domains[world.targets[0]]
    frame = run.recommend(users=world.users, domain=domain, k=WINDOW).to_frame()
    lists = world.lists(frame, WINDOW)
    scores = np.full(lists.shape, np.nan)
    rows = {user: row for row, user in enumerate(world.users)}
    row = [rows[user] for user in frame["user_id"]]
    scores[row, frame["rank"].to_numpy() - 1] = frame["score"].to_numpy()
    likeness = Likeness(run.model.item_embeddings, SnapshotFacts(run.model).item_tags(np.arange(0)))
    found = np.full((len(lists), K), -1, dtype=np.int64)
    for at, (items, score) in enumerate(zip(lists, scores, strict=True)):
        items, score = items[items >= 0], score[items >= 0]
        relevance = (score - score[-1]) / max(score[0] - score[-1], 1e-9)
        alike = np.stack([likeness.to_one(items, int(one)) for one in items])
        quality = np.exp(exponent * relevance / 2)
        kernel = quality[:, None] * alike * quality[None, :]
        places = greedy_map(kernel, K)
        found[at, : len(places)] = items[places]
    return found


def greedy_map(kernel: NDArray[np.float64], count: int) -> list[int]:
    """Algorithm 1 of Chen, Zhang and Zhou: each step adds what raises the determinant most."""
    gain = np.diag(kernel).copy()
    rows = np.zeros((count, len(kernel)))
    chosen: list[int] = []
    while len(chosen) < min(count, len(kernel)):
        best = int(np.argmax(gain))
        if gain[best] < 1e-10:
            break
        at = len(chosen)
        rows[at] = (kernel[best] - rows[:at, best] @ rows[:at]) / np.sqrt(gain[best])
        chosen.append(best)
        gain = gain - rows[at] ** 2
        gain[chosen] = -np.inf
    return chosen


if __name__ == "__main__":
    main()
