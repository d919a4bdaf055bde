"""The parts of a score are weighed by the people who were held out."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from kgrec.config import NarrowSettings
from kgrec.model.blend import Blend, solve_blend
from kgrec.model.weights import PARTS, UNLINKED, UNPROVEN, PartWeights
from kgrec.runs.scorer import Parts
from kgrec.training.fit import Trainer
from kgrec.training.weigh import measure_parts, weigh_parts
from tests.training.worlds import planted_snapshot, small_world, tiny


def weighed(bert: Path, *overrides: str, events: int = 4) -> tuple[Trainer, Parts]:
    snapshot = planted_snapshot(small_world(num_users=200, events_per_domain=events))
    trainer = Trainer(snapshot, tiny(bert, *overrides), on_event=lambda _: None)
    return trainer, trainer._parts(trainer.log, trainer.graph)


def heard(
    parts: Parts, weights: PartWeights, histories: sp.csr_matrix, domain: int, *, newcomers: bool
) -> dict[str, float]:
    """How far each part, weighed, spreads for these people."""
    people, items = parts.people(histories, domain), parts.items(domain)
    weight = dict(zip(PARTS, weights.values[0 if newcomers else 1, domain], strict=True))
    spread = {n: np.sqrt(people[n].products(items[n]).var(axis=1).mean()) for n in PARTS}
    return {name: float(weight[name] * spread[name]) for name in PARTS}


def test_what_ranks_newcomers_at_random_is_hardly_heard(bert: Path) -> None:
    """Everybody likes all of one taste, so popularity knows nothing and the map all."""
    trainer, parts = weighed(bert, "train.validation_share=0.2")
    measured = measure_parts(parts, trainer.held_out, trainer.log, seed=0)
    found, report = weigh_parts(measured, trainer.settings.blend)
    for group in (group for group in trainer.held_out if group.newcomers):
        voices = heard(parts, found, group.histories, group.domain, newcomers=True)
        assert voices["mapped"] == pytest.approx(0.33, rel=0.1)
        assert voices["popularity"] < 0.1
        row = next(r for r in report if (r.domain, r.newcomers) == (group.domain, True))
        assert row.people == group.hidden.shape[0]
        assert row.worth["mapped"] > 0.9 > row.worth["popularity"]
        assert row.counts == pytest.approx(voices, abs=1e-3)


def test_with_nobody_held_out_newcomers_are_left_to_popularity(bert: Path) -> None:
    trainer, parts = weighed(bert, "train.validation_share=0", events=3)
    assert trainer.held_out == []
    log = trainer.log
    found, report = weigh_parts(measure_parts(parts, [], log, seed=0), trainer.settings.blend)
    assert [(row.people, row.worth) for row in report] == [(0, {})] * 4
    outside = log.outside(log.liked[log.overlapping(0)], 0)
    voices = heard(parts, found, outside, 0, newcomers=True)
    assert voices["popularity"] == pytest.approx(0.2, rel=1e-3)
    assert voices["learned"] == pytest.approx(UNPROVEN**3, rel=1e-3)
    voices = heard(parts, found, log.liked[log.active[:, 0]], 0, newcomers=False)
    assert voices["learned"] == pytest.approx(1.0, rel=1e-3)


def test_where_nobody_links_a_domain_its_newcomers_hear_nothing_of_merged_factors(
    bert: Path,
) -> None:
    trainer, parts = weighed(bert, "train.validation_share=0", events=3)
    log = trainer.log
    here = np.arange(log.num_people)[:, None] % 2 == log.item_domain  # each in one domain alone
    apart = replace(log, liked=sp.csr_matrix(log.liked.multiply(here)))
    found, _ = weigh_parts(measure_parts(parts, [], apart, seed=0), trainer.settings.blend)
    new, known = (dict(zip(PARTS, row, strict=True)) for row in found.values[:, 0])
    assert new["merged"] == 0 < known["merged"]
    assert new["content"] > 0
    content = parts.people(apart.outside(log.liked, 0).tocsr(), 0)["content"]
    spread = content.products(parts.items(0)["content"]).var(axis=1, dtype=np.float64)
    voice = new["content"] * np.sqrt(spread[~apart.active[:, 0]].mean())
    doubled = 2 * trainer.settings.blend.content.share
    assert voice == pytest.approx(doubled * UNLINKED**3, rel=0.2)


def test_the_narrow_map_counts_less_the_more_people_link_a_domain(bert: Path) -> None:
    trainer, parts = weighed(bert, "train.validation_share=0.2")
    linking = len(trainer.log.overlapping(0))
    measured = measure_parts(parts, trainer.held_out, trainer.log, seed=0)

    def counts(people: float) -> float:
        narrow = NarrowSettings(rank=trainer.settings.blend.narrow.rank, people=people)
        blend = trainer.settings.blend.model_copy(update={"narrow": narrow})
        found, _ = weigh_parts(measured, blend)
        return float(found.values[0, 0, PARTS.index("narrow")])

    assert counts(1e9) > 0
    assert counts(float(linking)) == pytest.approx(counts(1e9) / 2, rel=1e-4)
    assert counts(1e-9) == pytest.approx(0.0, abs=1e-6)


def test_known_people_hear_texts_at_their_share_whatever_these_rank_alone(bert: Path) -> None:
    trainer, parts = weighed(bert, "train.validation_share=0.2")
    blend = trainer.settings.blend
    _, report = weigh_parts(measure_parts(parts, trainer.held_out, trainer.log, seed=0), blend)
    known = [row for row in report if row.people and not row.newcomers]
    assert known
    for row in known:
        assert "content" not in row.worth
        assert row.counts["content"] == pytest.approx(blend.content.share, abs=1e-4)


def test_people_held_out_of_a_domain_link_it_though_nobody_else_does(bert: Path) -> None:
    """Else the only people who link two domains would be judged as if nobody did."""
    trainer, parts = weighed(bert, "train.validation_share=0.2")
    here = np.arange(trainer.log.num_people)[:, None] % 2 == trainer.log.item_domain
    apart = replace(trainer.log, liked=sp.csr_matrix(trainer.log.liked.multiply(here)))
    blend = trainer.settings.blend
    found, _ = weigh_parts(measure_parts(parts, trainer.held_out, apart, seed=0), blend)
    alone, _ = weigh_parts(measure_parts(parts, [], apart, seed=0), blend)
    merged = PARTS.index("merged")
    assert found.values[0, 0, merged] > 0 == alone.values[0, 0, merged]


def test_what_is_solved_on_everybody_goes_on_from_what_was_weighed(
    bert: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    solved: list[tuple[Blend, Blend | None]] = []

    def spied(*args: Any, start: Blend | None, **settings: Any) -> Blend:
        solved.append((solve_blend(*args, start=start, **settings), start))
        return solved[-1][0]

    module = import_module("kgrec.training.fit")  # its function has the same name
    monkeypatch.setattr(module, "solve_blend", spied)
    trainer, _ = weighed(bert, "train.validation_share=0.2")
    trainer.run()
    solved.clear()
    fitted = trainer.finish()
    (weighed_by, nothing), (final, start) = solved
    assert nothing is None
    assert start is weighed_by
    assert fitted.scorer.parts.blend is final
