"""The table: kgrec, item-kNN and popularity on all users whose films were hidden.

In:   the trained model and the split.
Out:  measures with 95% intervals over the full catalogue, and paired differences.

Nothing is tuned here, kgrec and the baselines stand at their defaults.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

from kgrec.data.histories import Histories
from kgrec.data.interactions import Interactions
from kgrec.demo.hidden import Report
from kgrec.evaluation.evaluate import evaluate
from kgrec.evaluation.split import Split
from kgrec.ranking.intervals import Difference, Interval, paired_difference
from kgrec.recommenders.base import Recommender, Scores
from kgrec.recommenders.item_knn import ItemKNN
from kgrec.recommenders.popularity import Popularity
from kgrec.trained import TrainedModel

__all__ = ["MEASURES", "Row", "compare"]

MEASURES = ("ndcg@10", "recall@10")


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table."""

    name: str
    measures: dict[str, Interval]


class _Trained:
    """A trained run as the benchmark's interface wants it."""

    name = "kgrec"

    def __init__(self, model: TrainedModel) -> None:
        self._model = model

    def fit(self, data: Interactions, **options: Any) -> Self:
        """Was done before."""
        return self

    def score(self, users: Histories, domain: int) -> Scores:
        """``[B, I_d]`` scores of one domain's items."""
        vectors = self._model.user_vectors(users, domain)
        return vectors.products(self._model.item_vectors(domain))


def compare(
    model: TrainedModel, split: Split, seed: int, report: Report
) -> tuple[list[Row], dict[str, Difference]]:
    """Measure kgrec and two baselines on all hidden test users over the full catalogue of films.

    Args:
        model: The trained run.
        split: Test users and their hidden films.
        seed: Seed of the baselines and intervals.
        report: Called with progress.

    Returns:
        The rows of the table, and the difference to each baseline.
    """
    contenders: list[Recommender] = [_Trained(model), ItemKNN(), Popularity()]
    table, values = [], {}
    data = Interactions.of(split.train)
    for number, contender in enumerate(contenders, start=1):
        contender.fit(data, seed=seed, domains=[split.target])
        found = evaluate(contender, split.test, train=split.train, target=split.target)
        summary = found.summary()
        table.append(Row(contender.name, {name: summary[name] for name in MEASURES}))
        values[contender.name] = found.users[MEASURES[0]].to_numpy()
        report("measuring", number, len(contenders))
    ours = values.pop("kgrec")
    return table, {name: paired_difference(ours, theirs) for name, theirs in values.items()}
