"""Components are fitted, and weighed by the users who were held out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.data.histories import Histories
from kgrec.data.hold_out import HeldOut
from kgrec.data.interactions import Interactions
from kgrec.ensemble.measuring import measure
from kgrec.ensemble.recommender import Components
from kgrec.ensemble.settings import Component
from kgrec.ensemble.weighing import Weighed, weigh
from kgrec.ensemble.weights import NO_OVERLAP_PRIOR, PRIOR, ComponentWeights
from kgrec.gnn.trainer import Trainer
from kgrec.recommenders.emcdr import EMCDR
from kgrec.recommenders.ials import IALS
from kgrec.training.fit import assemble, fit_all_components
from tests.gnn.trainers import trainer_on
from tests.training.worlds import planted_snapshot, small_world, tiny


def trained(bert: Path, *overrides: str, events: int = 4) -> tuple[Trainer, Components]:
    snapshot = planted_snapshot(small_world(num_users=200, events_per_domain=events))
    trainer = trainer_on(snapshot, tiny(bert, *overrides))
    data, settings = trainer.inputs.data, trainer.settings
    return trainer, fit_all_components(trainer.as_it_stands(), data, settings)


def weights_of(
    trainer: Trainer,
    components: Components,
    held_out: Sequence[HeldOut],
    data: Interactions,
    **changes: Component,
) -> tuple[ComponentWeights, list[Weighed]]:
    """Weights with the components' settings, some of them changed."""
    given = {**trainer.settings.components, **{n.replace("_", "-"): c for n, c in changes.items()}}
    measured = measure(components, given, held_out, data, seed=0)
    return weigh(measured, given, trainer.settings.ensemble)


def contributions(
    components: Components,
    weights: ComponentWeights,
    asked: Histories,
    domain: int,
    *,
    cold: bool,
) -> dict[str, float]:
    """Standard deviation of each component's weighted scores for these users."""
    users = components.user_vectors(asked, domain)
    items = components.item_vectors(domain)
    return {
        name: float(values[0 if cold else 1, domain])
        * float(np.sqrt(users[name].products(items[name]).var(axis=1).mean()))
        for name, values in weights.values.items()
    }


def test_what_ranks_cold_users_at_random_hardly_counts(bert: Path) -> None:
    """Everybody likes all of one taste, so popularity knows nothing and EMCDR all."""
    trainer, components = trained(bert, "train.validation_fraction=0.2")
    found, report = weights_of(trainer, components, trainer.held_out, trainer.inputs.data)
    for group in (group for group in trainer.held_out if group.cold):
        moved = contributions(components, found, group.users, group.domain, cold=True)
        assert moved["emcdr"] == pytest.approx(0.33, rel=0.1)
        assert moved["popularity"] < 0.1
        row = next(r for r in report if (r.domain, r.cold) == (group.domain, True))
        assert row.users == group.hidden.shape[0]
        assert row.ndcg["emcdr"] > 0.9 > row.ndcg["popularity"]
        assert row.contribution == pytest.approx(moved, abs=1e-3)


def test_with_nobody_held_out_cold_users_are_left_to_popularity(bert: Path) -> None:
    trainer, components = trained(bert, "train.validation_fraction=0", events=3)
    assert trainer.held_out == []
    data = trainer.inputs.data
    found, report = weights_of(trainer, components, [], data)
    assert [(row.users, row.ndcg) for row in report] == [(0, {})] * 4
    outside = data.histories(data.overlapping(0)).keep_items(data.item_domain != 0)
    moved = contributions(components, found, outside, 0, cold=True)
    assert moved["popularity"] == pytest.approx(0.2, rel=1e-3)
    assert moved["gnn"] == pytest.approx(PRIOR**3, rel=1e-3)
    moved = contributions(components, found, data.histories(data.active[:, 0]), 0, cold=False)
    assert moved["gnn"] == pytest.approx(1.0, rel=1e-3)


def test_without_overlap_merged_factors_count_nothing_for_cold_users_and_texts_twice(
    bert: Path,
) -> None:
    trainer, components = trained(bert, "train.validation_fraction=0", events=3)
    data = trainer.inputs.data
    here = np.arange(data.num_users)[:, None] % 2 == data.item_domain  # each in one domain alone
    apart = replace(data, liked=sp.csr_matrix(data.liked.multiply(here)), snapshot=None)
    found, _ = weights_of(trainer, components, [], apart)
    assert found.values["ials"][0, 0] == 0 < found.values["ials"][1, 0]
    users = Histories.of_matrix(apart.outside(data.liked, 0).tocsr())
    content = components.recommenders["content"].user_vectors(users, 0)
    variance = content.products(components.item_vectors(0)["content"]).var(axis=1, dtype=np.float64)
    moved = found.values["content"][0, 0] * np.sqrt(variance[~apart.active[:, 0]].mean())
    doubled = 2 * trainer.settings.components["content"].weight
    assert moved == pytest.approx(doubled * NO_OVERLAP_PRIOR**3, rel=0.2)


def test_the_narrow_emcdr_counts_less_the_more_users_link_a_domain(bert: Path) -> None:
    trainer, components = trained(bert, "train.validation_fraction=0.2")
    overlap = len(trainer.inputs.data.overlapping(0))
    narrow = trainer.settings.components["emcdr-narrow"]

    def weight(halved_at: float) -> float:
        changed = narrow.model_copy(update={"halved_at": halved_at})
        found, _ = weights_of(
            trainer, components, trainer.held_out, trainer.inputs.data, emcdr_narrow=changed
        )
        assert found.values["emcdr-narrow"][1, 0] == 0, "it is for cold users only"
        return float(found.values["emcdr-narrow"][0, 0])

    assert weight(1e9) > 0
    assert weight(float(overlap)) == pytest.approx(weight(1e9) / 2, rel=1e-4)
    assert weight(1e-9) == pytest.approx(0.0, abs=1e-6)


def test_texts_count_at_their_fixed_weight_for_warm_users_whatever_they_rank(bert: Path) -> None:
    trainer, components = trained(bert, "train.validation_fraction=0.2")
    _, report = weights_of(trainer, components, trainer.held_out, trainer.inputs.data)
    warm = [row for row in report if row.users and not row.cold]
    assert warm
    for row in warm:
        assert "content" not in row.ndcg
        given = trainer.settings.components["content"].weight
        assert row.contribution["content"] == pytest.approx(given, abs=1e-4)


def test_users_held_out_of_a_domain_link_it_though_nobody_else_does(bert: Path) -> None:
    """Else the only users who link two domains would be judged as if nobody did."""
    trainer, components = trained(bert, "train.validation_fraction=0.2")
    here = np.arange(trainer.inputs.data.num_users)[:, None] % 2 == trainer.inputs.data.item_domain
    apart = replace(
        trainer.inputs.data,
        liked=sp.csr_matrix(trainer.inputs.data.liked.multiply(here)),
        snapshot=None,
    )
    found, _ = weights_of(trainer, components, trainer.held_out, apart)
    alone, _ = weights_of(trainer, components, [], apart)
    assert found.values["ials"][0, 0] > 0 == alone.values["ials"][0, 0]


def test_without_popularity_among_the_components_priors_still_refer_to_it(bert: Path) -> None:
    trainer, components = trained(bert, "train.validation_fraction=0.2")
    given = dict(trainer.settings.components)
    whole = measure(components, given, trainer.held_out, trainer.inputs.data, seed=0)
    del given["popularity"]
    less = measure(components.only(given), given, trainer.held_out, trainer.inputs.data, seed=0)
    for one, other in zip(whole, less, strict=True):
        assert other.reference == pytest.approx(one.reference)
        assert one.reference > 0 or not one.users
        assert set(one.std) - set(other.std) == {"popularity"}


def test_what_is_fitted_on_everybody_goes_on_from_what_was_weighed(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refitted = []
    for cls in (EMCDR, IALS):
        before = cls.refit

        def spied(self, data, _before=before, **options):  # type: ignore[no-untyped-def]
            refitted.append(_before(self, data, **options))
            return refitted[-1]

        monkeypatch.setattr(cls, "refit", spied)
    trainer, _ = trained(bert, "train.validation_fraction=0.2")
    trainer.run()
    everybody = Interactions.of(trainer.inputs.snapshot)
    fitted = assemble(trainer.finish(), trainer.held_out, everybody, trainer.settings)
    final = fitted.scorer.ensemble.components.recommenders
    assert [final[name] for name in ("emcdr", "emcdr-narrow", "ials")] == refitted
