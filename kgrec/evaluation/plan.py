"""Which splits a benchmark needs, and which of them share one trained model.

In:   a snapshot, :class:`~kgrec.evaluation.settings.BenchmarkSettings`, and for the published
      protocol the folder of logs.
Out:  groups of splits with the same training snapshot, made when they are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from graph_store.snapshot import NO_TIME, Snapshot
from kgrec.data.interactions import Interactions
from kgrec.evaluation import protocols
from kgrec.evaluation.protocols.few_shot import SHOTS
from kgrec.evaluation.protocols.published import NEGATIVES
from kgrec.evaluation.protocols.users import domain_number
from kgrec.evaluation.settings import BenchmarkSettings
from kgrec.evaluation.source_split import SourceSplit, read_source_split
from kgrec.evaluation.split import Split

__all__ = ["Group", "groups_of"]


@dataclass(frozen=True)
class Group:
    """Splits that one trained model answers."""

    family: str
    """Settings are tuned once for a family and a target."""
    target: int
    fold: int
    tunes_on: Callable[[], Split]
    """The split of the first fold on whose validation users settings are chosen."""
    splits: Callable[[], dict[str, Split]]
    """Protocol name with variant, and the split."""
    variants: tuple[str, ...]
    """Keys of ``splits``, known without making them."""


def groups_of(
    snapshot: Snapshot, settings: BenchmarkSettings, logs: Path | None = None
) -> Iterator[Group]:
    """All groups, target by target, fold by fold; published ones last, which know no folds.

    Args:
        snapshot: The whole graph as columns.
        settings: Which protocols, directions and folds.
        logs: Folder of the data, for splits that the source itself has.

    Raises:
        InputError: The published protocol is wanted and ``logs`` has no split for it.
    """
    used = snapshot.domains_in_use()
    targets = (
        [int(d) for d in used]
        if settings.targets is None
        else [domain_number(snapshot, name) for name in settings.targets]
    )
    for target in targets:
        for fold in settings.folds:
            yield from _groups(snapshot, settings, target, fold)
    if "published" in settings.protocols:
        source = read_source_split(logs, snapshot)
        for target in targets:
            yield from _published(snapshot, source, settings, target)


def _published(
    snapshot: Snapshot, source: SourceSplit, settings: BenchmarkSettings, target: int
) -> Iterator[Group]:
    """A set with an order has a leave-one-out, and a second one where moments tie."""
    makers: dict[str, Callable[..., Split]] = {"published": protocols.source_cold}
    if source.place is not None:
        makers = {"published": protocols.leave_one_out}
        if not (snapshot.at == NO_TIME).any():
            shuffled = partial(protocols.leave_one_out, shuffle_ties=True)
            makers["published-ties-shuffled"] = shuffled
    for family, maker in makers.items():
        make = partial(maker, snapshot, source, target=target, seed=settings.seed)
        name = f"{family} (sampled, 1 + {NEGATIVES})"
        yield Group(family, target, settings.folds[0], make, partial(_made, {name: make}), (name,))


def _groups(
    snapshot: Snapshot, settings: BenchmarkSettings, target: int, fold: int
) -> Iterator[Group]:
    seed, first, wanted = settings.seed, settings.folds[0], settings.protocols

    def strict(fold: int = fold) -> Split:
        return protocols.strict_cold_user(snapshot, target=target, fold=fold, seed=seed)

    def cold_items(fold: int = fold) -> dict[str, Split]:
        return {
            f"cold-item among {among}": protocols.cold_item(
                snapshot, target=target, among=among, fold=fold, seed=seed
            )
            for among in ("cold", "all")
        }

    cold: dict[str, Callable[[], Split]] = {}
    if "strict-cold" in wanted:
        cold["strict-cold"] = strict
    if "few-shot" in wanted:
        for shots in SHOTS:
            cold[f"few-shot {shots}"] = partial(
                protocols.few_shot, snapshot, target=target, shots=shots, fold=fold, seed=seed
            )
    if cold:
        yield Group(
            "strict-cold", target, fold, lambda: strict(first),
            partial(_made, cold), tuple(cold),
        )  # fmt: skip
    if "few-overlap" in wanted:
        shared = len(Interactions.of(snapshot).overlapping(target))
        for whole in (count for count in settings.overlapping_users if count < shared):
            name = f"few-overlap {whole}"
            make = partial(
                protocols.few_overlap, snapshot, target=target, whole=whole, fold=fold, seed=seed
            )
            yield Group(
                "strict-cold", target, fold, lambda: strict(first), partial(_made, {name: make}),
                (name,),
            )  # fmt: skip
    if "cold-item" in wanted:
        yield Group(
            "cold-item", target, fold, lambda: cold_items(first)["cold-item among cold"],
            cold_items, ("cold-item among cold", "cold-item among all"),
        )  # fmt: skip
    if "time" in wanted and fold == first and not (snapshot.at == NO_TIME).any():
        yield Group(
            "time", target, fold, lambda: protocols.by_time(snapshot, target=target),
            lambda: {"time": protocols.by_time(snapshot, target=target)}, ("time",),
        )  # fmt: skip


def _made(makers: dict[str, Callable[[], Split]]) -> dict[str, Split]:
    return {name: make() for name, make in makers.items()}
