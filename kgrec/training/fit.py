"""The training loop, written out: read it top to bottom.

In:   a snapshot and settings.
Out:  a :class:`Fitted`: the best model by held-out people, as a scorer, and its history.

One step: draw an episode, and move encoder, graph network and everything between by its loss
(:mod:`kgrec.training.objective`). After every epoch the held-out people are asked; the best
state is kept.

Nothing here writes a run folder; see :mod:`kgrec.training.train`.
"""

from __future__ import annotations

import logging
import math
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from graph_store.snapshot import Snapshot
from kgrec.config import Settings
from kgrec.data.hold_out import hold_out
from kgrec.data.interactions import Interactions
from kgrec.device import pick_device
from kgrec.ensemble.cold_items import ColdItemImputer
from kgrec.ensemble.fit import Measured, Weighed, fit_components, measure, weigh
from kgrec.ensemble.recommender import Components, Ensemble
from kgrec.ensemble.settings import GNN, Component, EnsembleSettings
from kgrec.errors import TrainingError
from kgrec.model.channels import Channels, build_channels
from kgrec.model.formula import Toward
from kgrec.model.graph import build_graph, person_item
from kgrec.model.joint import JointModel
from kgrec.model.recommender import JointRecommender
from kgrec.model.text_encoder import TextEncoder
from kgrec.ranking.validation import ndcg
from kgrec.runs.scorer import Scorer, Texts
from kgrec.training.adapt_text import adapt_to_texts
from kgrec.training.episodes import (
    Episode,
    Pool,
    count_episodes,
    draw_episodes,
    make_pool,
)
from kgrec.training.events import Event, OnEvent, ignore
from kgrec.training.objective import Objective
from kgrec.training.text_cache import TextCache, default_folder

__all__ = ["Best", "Fitted", "Trainer", "fit", "under"]

log = logging.getLogger(__name__)


@dataclass
class Fitted:
    """What training leaves behind."""

    scorer: Scorer
    weights: dict[str, Tensor]
    """What the gradient moved beside the encoder, on CPU."""
    encoder: TextEncoder
    history: list[dict[str, Any]]
    measured: list[Measured]
    weighed: list[Weighed]
    best_epoch: int
    device: str

    def weighed_by(self, components: Mapping[str, Component], ensemble: EnsembleSettings) -> Fitted:
        """The same with some of its components, counting as given; nothing is fitted again."""
        weights, weighed = weigh(self.measured, components, ensemble)
        fitted = self.scorer.ensemble.components.only(components)
        reweighed = Ensemble(fitted, weights, components)
        scorer = Scorer(reweighed, self.scorer.texts, self.scorer.encode)
        return replace(self, scorer=scorer, weighed=weighed)


@dataclass
class Best:
    """The state with the highest validation score so far."""

    score: float = -math.inf
    epoch: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)


def fit(
    snapshot: Snapshot,
    settings: Settings,
    *,
    device: str = "auto",
    on_event: OnEvent = ignore,
    on_epoch: Callable[[Trainer], None] = lambda _: None,
    resume: Callable[[Trainer], None] = lambda _: None,
) -> Fitted:
    """Train on ``snapshot``.

    Args:
        snapshot: The graph; nothing else is read.
        settings: All settings.
        device: ``auto``, ``cpu`` or ``cuda``.
        on_event: Told how far it is.
        on_epoch: Called after every epoch, e.g. to write a checkpoint.
        resume: Called before the first epoch, e.g. to restore one.

    Raises:
        TrainingError: There is nothing to learn from, or the loss is no longer a number.
    """
    trainer = Trainer(snapshot, settings, device=device, on_event=on_event)
    resume(trainer)
    trainer.run(on_epoch)
    return trainer.finish()


class Trainer:
    """All that changes while training, and the steps that change it."""

    def __init__(
        self, snapshot: Snapshot, settings: Settings, *, device: str = "auto", on_event: OnEvent
    ) -> None:
        self.settings, self.snapshot, self.on_event = settings, snapshot, on_event
        self.device = pick_device(device)
        _seed(settings.train.seed, 0)
        self.full = Interactions.of(snapshot, positive_weight=settings.positive_weight)
        _require_likes(self.full, snapshot, settings.positive_weight)
        self.log, self.held_out = hold_out(
            self.full, settings.train.validation_fraction, seed=settings.train.seed
        )
        self.encoder = TextEncoder.load(settings.text).to(self.device)
        adapt_to_texts(self.encoder, [t for t in snapshot.texts if t], settings, on_event)
        self.cache = TextCache(
            snapshot.texts, snapshot.text_hashes, self.encoder,
            folder=default_folder() if settings.text.adapt == "none" else None, device=self.device,
        )  # fmt: skip
        self._refresh()
        self.channels = self._channels()
        self.model = self._model()
        pools = self._pools(self.log)
        for pool in pools:
            self.model.bridge(pool.domain).scale_to([pool.view.factors, pool.view.spectrum])
        self.graph: Any = None
        self.graph = self._graph(self.log.liked)
        self.prototypes = torch.nn.Parameter(
            torch.randn(settings.align.num_prototypes, settings.model.dim, device=self.device)
        )
        self.objective = Objective(
            settings, self.log, self.channels, self.model, self.prototypes, self.cache, pools,
            self._graph, self.device,
        )  # fmt: skip
        self.episodes_per_epoch = count_episodes(
            self.log,
            least_warm=settings.train.batch_people,
            cold_fraction=settings.train.cold_fraction,
        )
        self.steps_per_epoch = math.ceil(self.episodes_per_epoch / settings.train.accumulate)
        self.optimizer, self.schedule = self._optimizer()
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.best = Best()
        self._use_compiled_parts()

    # --- the loop -----------------------------------------------------------------

    def run(self, on_epoch: Callable[[Trainer], None] = lambda _: None) -> None:
        """Epochs until the last, or until validation has not improved for ``patience``."""
        if not self.history:
            self._record(loss=math.nan, on_epoch=on_epoch)
        while self.epoch < self.settings.train.epochs and not self._out_of_patience():
            self.epoch += 1
            loss = self._run_epoch()
            if self.epoch in self._refresh_epochs():
                self._refresh()
            self._record(loss, on_epoch)

    def _run_epoch(self) -> float:
        _seed(self.settings.train.seed, self.epoch)
        self.model.train()
        self.encoder.train(self._text_learns())
        total, number = 0.0, 0
        last, accumulate = self.episodes_per_epoch, self.settings.train.accumulate
        self.optimizer.zero_grad(set_to_none=True)
        for number, episode in enumerate(self._episodes(self.epoch), start=1):
            loss = self.loss(episode)
            if not torch.isfinite(loss):
                raise TrainingError(
                    f"the loss became {loss.item()} in epoch {self.epoch}, episode {number}; try "
                    f"train.learning_rate below {self.settings.train.learning_rate:g}"
                )
            group = min(accumulate, last - (number - 1) // accumulate * accumulate)
            (loss / group).backward()
            if number % accumulate == 0 or number == last:
                self.optimizer.step()
                self.optimizer.zero_grad(set_to_none=True)
                self.schedule.step()
            total += loss.item()
            self.on_event(Event(f"epoch {self.epoch}", number, last, f"loss {total / number:.3f}"))
        return total / max(number, 1)

    def loss(self, episode: Episode) -> Tensor:
        """The loss of one episode of the present epoch."""
        return self.objective.loss(episode, epoch=self.epoch, learn_text=self._text_learns())

    # --- validation ---------------------------------------------------------------

    def _record(self, loss: float, on_epoch: Callable[[Trainer], None]) -> None:
        scores = self.validate()
        mean = float(np.mean(list(scores.values()))) if scores else math.nan
        row: dict[str, Any] = {
            "epoch": self.epoch,
            "loss": None if math.isnan(loss) else round(loss, 6),
            "ndcg@10": None if math.isnan(mean) else round(mean, 6),
        }
        row |= {f"ndcg@10/{name}": round(value, 6) for name, value in scores.items()}
        self.history.append(row)
        if math.isnan(mean) or mean > self.best.score:
            score = self.epoch if math.isnan(mean) else mean  # nobody held out: the last is best
            self.best = Best(score, self.epoch, self.state())
        on_epoch(self)
        self.on_event(Event("training", self.epoch, self.settings.train.epochs, _note(row), row))

    @torch.no_grad()
    def validate(self) -> dict[str, float]:
        """NDCG@10 of held-out people by domain, ranked by the learned score alone.

        These are cold users where there are any. The other components are fitted when it has
        learned, and would hide how it does.
        """
        some_cold = any(group.cold for group in self.held_out)
        groups = [g for g in self.held_out if g.cold == some_cold]
        if not groups:
            return {}
        learned = self._learned(self.graph)
        return {
            str(self.snapshot.domain_keys[group.domain]): ndcg(
                learned.score(group.users, group.domain),
                group, self.log.items_of(group.domain), at=10,
            )
            for group in groups
        }  # fmt: skip

    def _out_of_patience(self) -> bool:
        if not self.held_out:
            return False
        # Epochs in which the text changes are not judged: their best may yet come.
        since = max(self.best.epoch, self._last_text_epoch())
        return self.epoch - since >= self.settings.train.patience

    # --- the end ------------------------------------------------------------------

    @torch.no_grad()
    def finish(self) -> Fitted:
        """The best state, components weighed, then all that is solved solved on everybody."""
        self.load_state(self.best.tensors)
        self.encoder.take(self.cache.weights)  # the weights that made the vectors in force
        self.encoder.cpu().eval()
        given = self.settings.components
        components = self._components(self.log, self.graph)
        measured = measure(
            components, given, self.held_out, self.log, seed=self.settings.train.seed
        )
        weights, weighed = weigh(measured, given, self.settings.ensemble)
        if self.held_out:
            self.objective = replace(self.objective, pools=self._pools(self.full))
            components = self._components(
                self.full, self._graph(self.full.liked), before=components
            )
        # The encoder's own method, since the scorer must not keep the trainer.
        ensemble = Ensemble(components, weights, given)
        scorer = Scorer(ensemble, self._texts(), self.encoder.vectors)
        moved = {
            name: weight.detach().cpu().contiguous()
            for name, weight in self.model.named_parameters()
        }
        return Fitted(
            scorer=scorer,
            weights=moved,
            encoder=self.encoder,
            history=self.history,
            measured=measured,
            weighed=weighed,
            best_epoch=self.best.epoch,
            device=str(self.device),
        )

    def _components(
        self, data: Interactions, graph: Any, *, before: Components | None = None
    ) -> Components:
        """All that is solved, solved on ``data``, whose likes are those of ``graph``."""
        text = self.cache.vectors.cpu().numpy()
        imputer = ColdItemImputer.by_text(
            text, np.asarray(data.liked.getnnz(axis=0)), data.item_domain, self.settings.cold_items
        )
        learned = self._learned(graph)
        self.on_event(Event("fitting components", 0, 1))
        others = fit_components(
            replace(data, item_text=text), self.settings.components, seed=self.settings.train.seed,
            before=None if before is None else before.recommenders,
        )  # fmt: skip
        return Components({GNN: learned, **others}, imputer, data.item_domain)

    def _learned(self, graph: Any) -> JointRecommender:
        """The model as it stands: the graph propagated once, all bridges solved."""
        self.model.eval()
        z = self.model.items(self.cache.vectors, graph)
        nobody = np.zeros(0, np.int64)
        domains = range(self.log.num_domains)
        maps = [self.objective.bridge_map(z, domain, without=nobody) for domain in domains]
        return JointRecommender(
            self.channels, _array(z), [self._toward(domain) for domain in domains],
            [_array(bridge_map) for bridge_map in maps], uses_bridge=self.settings.model.bridge,
        )  # fmt: skip

    def _toward(self, domain: int) -> Toward[NDArray[np.float32]]:
        toward = self.model.toward(domain)
        return Toward(**{f.name: _array(getattr(toward, f.name)) for f in fields(toward)})

    def _texts(self) -> Texts:
        whitening = self.model.whitening
        return Texts(
            vectors=_array(self.cache.vectors), known=_array(self.cache.has_text) > 0,
            mean=_array(whitening.mean), directions=_array(whitening.map),
        )  # fmt: skip

    def state(self) -> dict[str, Tensor]:
        """A copy of all that is needed to come back to here, but for the optimizer."""
        state = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        state |= {f"encoder.{n}": t for n, t in self.encoder.learned().items()}
        state |= {f"cached_by.{n}": t for n, t in self.cache.weights.items()}
        state |= {"text": self.cache.vectors, "prototypes": self.prototypes}
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Back to a :meth:`state`."""
        self.model.load_state_dict(under(state, "model."))
        self.encoder.take(under(state, "encoder."))
        self.cache.weights = under(state, "cached_by.")
        self.cache.vectors = state["text"].to(self.device)
        with torch.no_grad():
            self.prototypes.copy_(state["prototypes"])

    # --- making things ------------------------------------------------------------

    def _channels(self) -> Channels:
        def say(what: str) -> None:
            self.on_event(Event(what, 0, 1))

        return build_channels(
            self.log, self.settings.model, seed=self.settings.train.seed, on_stage=say
        )

    def _model(self) -> JointModel:
        model = JointModel(
            self.settings, self.channels, self.cache.has_text.cpu(),
            text_width=self.encoder.width, num_tags=len(self.snapshot.tag_keys),
            num_domains=self.log.num_domains,
        ).to(self.device)  # fmt: skip
        model.whitening.fit(self.cache.vectors[self.cache.has_text > 0])
        return model

    def _pools(self, log: Interactions) -> list[Pool]:
        seed = self.settings.train.seed
        return [
            make_pool(log, self.channels, domain, seed=seed, device=self.device)
            for domain in range(log.num_domains)
        ]

    def _graph(self, likes: Any) -> Any:
        """The graph with these likes; tags and domains stay as they are."""
        if self.settings.model.gnn == "light" and self.graph is not None:
            return replace(self.graph, person_item=person_item(likes, self.device))
        tags, num_tags = self.snapshot.item_tag, len(self.snapshot.tag_keys)
        if self.settings.model.gnn == "light":
            return build_graph(likes, self.log, tags, num_tags, self.device)
        from kgrec.model.pyg import hetero_data

        return hetero_data(likes, self.log, tags, num_tags, self.device)

    def _episodes(self, epoch: int) -> Any:
        train = self.settings.train
        return draw_episodes(
            self.log, least_warm=train.batch_people, cold_fraction=train.cold_fraction,
            seed=train.seed, epoch=epoch,
        )  # fmt: skip

    def _optimizer(self) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
        train = self.settings.train
        named = [*self.model.named_parameters(), ("prototypes", self.prototypes)]
        learned = [p for _, p in named if p.requires_grad]
        groups = [
            {"params": [p for p in learned if p.ndim > 1], "weight_decay": train.weight_decay},
            # A handful of numbers that weigh the parts of a score must move far in few steps.
            {"params": [p for p in learned if p.ndim < 2], "lr": 10 * train.learning_rate},
            {"params": list(self.encoder.trainable().values()),
             "lr": self.settings.text.learning_rate},
        ]  # fmt: skip
        groups = [g for g in groups if g["params"]]
        optimizer = torch.optim.AdamW(groups, lr=train.learning_rate, weight_decay=0.0)
        steps = max(1, self.steps_per_epoch * train.epochs)
        rising = max(1.0, train.warmup * steps)

        def share(step: int) -> float:
            return min((step + 1) / rising, max(0.0, (steps - step) / max(1.0, steps - rising)))

        return optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, share)

    def _refresh(self) -> None:
        def say(done: int, total: int) -> None:
            self.on_event(Event("encoding texts", done, total))

        self.cache.refresh(say)

    def _text_learns(self) -> bool:
        has_text = (
            "text" in self.settings.model.item_features and len(self.cache.items_with_text) > 0
        )
        return self.encoder.learns and has_text and self.epoch <= self._last_text_epoch()

    def _last_text_epoch(self) -> int:
        if not self.encoder.learns or not len(self.cache.items_with_text):
            return 0
        return math.ceil(self.settings.train.epochs * self.settings.text.learning_fraction)

    def _refresh_epochs(self) -> set[int]:
        """The epochs after which all texts are encoded anew, evenly spread; the last is one."""
        last, times = self._last_text_epoch(), self.settings.text.refreshes
        return {round(last * (n + 1) / times) for n in range(times)} if last else set()

    def _use_compiled_parts(self) -> None:
        if self.settings.train.compile:
            self.model.features = torch.compile(self.model.features)  # type: ignore[method-assign]


def _require_likes(log: Interactions, snapshot: Snapshot, positive_weight: float) -> None:
    if not len(snapshot.user):
        raise TrainingError(
            f"the graph holds no interactions ({snapshot.num_users:,} users, "
            f"{snapshot.num_items:,} items), so there is nothing to learn from; ingest a log "
            f"of who did what with `kgrec ingest`"
        )
    if not log.liked.nnz:
        raise TrainingError(
            f"no interaction has a weight of {positive_weight:g} or more, the highest is "
            f"{snapshot.weight.max():g}, so there is nothing to learn from; lower "
            f"positive_weight, or ingest more"
        )


def _array(tensor: Tensor) -> NDArray[np.float32]:
    """A copy on the CPU: what a later step moves does not move it."""
    array: NDArray[np.float32] = tensor.detach().cpu().numpy().copy()
    return array


def _seed(seed: int, epoch: int) -> None:
    """All random state follows from (seed, epoch), so a resumed run draws the same numbers."""
    value = (seed * 1_000_003 + epoch) % 2**31
    torch.manual_seed(value)
    random.seed(value)


def under(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose names begin with ``prefix``, without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _note(row: dict[str, Any]) -> str:
    parts = []
    if row["loss"] is not None:
        parts.append(f"loss {row['loss']:.3f}")
    if row["ndcg@10"] is not None:
        parts.append(f"validation NDCG@10 {row['ndcg@10']:.4f}")
    return "  ".join(parts)
