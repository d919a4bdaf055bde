"""The training loop of the joint model, written out: read it top to bottom.

In:   inputs, a model, held-out users, settings.
Out:  a :class:`~kgrec.gnn.result.TrainedGNN`: the best model by the held-out users, its history.

One step: draw an episode, and move encoder, graph network and everything between by its loss
(:mod:`kgrec.gnn.objective`). After every epoch the held-out users are asked; the best state is
kept. Nothing here reads or writes a file, and nothing knows the ensemble.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgrec.config import Settings
from kgrec.data.hold_out import HeldOut
from kgrec.errors import TrainingError
from kgrec.gnn.episodes import Episode, InOrder, count_episodes, draw_episodes
from kgrec.gnn.model import JointModel
from kgrec.gnn.objective import Objective
from kgrec.gnn.prepare import TrainingInputs, seed_everything
from kgrec.gnn.result import TrainedGNN, to_recommender
from kgrec.gnn.schedule import TextSchedule, make_optimizer
from kgrec.progress import Event, OnEvent, ignore
from kgrec.ranking.validation import ndcg

__all__ = ["Best", "Trainer", "under"]


@dataclass
class Best:
    """The state with the highest validation score so far."""

    score: float = -math.inf
    epoch: int = 0
    tensors: dict[str, Tensor] = field(default_factory=dict)


class Trainer:
    """All that changes while training, and the steps that change it."""

    def __init__(
        self,
        inputs: TrainingInputs,
        model: JointModel,
        held_out: Sequence[HeldOut],
        settings: Settings,
        *,
        on_event: OnEvent = ignore,
    ) -> None:
        """Make the optimizer and plan the epochs; none has run yet.

        Args:
            inputs: What it learns from (:func:`kgrec.gnn.prepare.prepare`).
            model: What learns.
            held_out: Users by whom the best epoch is chosen; may be none.
            settings: All settings.
            on_event: Told how far it is.
        """
        self.inputs, self.model, self.held_out = inputs, model, held_out
        self.settings, self.on_event = settings, on_event
        self.graph = inputs.graph_of(inputs.data.liked)
        self.objective = Objective(settings, inputs)
        self.text_schedule = TextSchedule.of(settings, inputs.encoder, inputs.cache)
        self.episodes_per_epoch = count_episodes(
            inputs.data,
            inputs.fold_of_user,
            min_warm_users=settings.train.min_warm_users,
            cold_fraction=settings.train.cold_fraction,
            in_order=self._in_order(),
        )
        self.steps_per_epoch = math.ceil(self.episodes_per_epoch / settings.train.accumulate)
        self.optimizer, self.schedule = make_optimizer(
            [*model.parameters(), *self.objective.parameters()],
            inputs.encoder.trainable().values(),
            settings,
            steps_per_epoch=self.steps_per_epoch,
            sequence_weights=model.sequence_weights(),
        )
        self.epoch = 0
        self.history: list[dict[str, Any]] = []
        self.best = Best()
        if settings.train.compile:
            model.features = torch.compile(model.features)  # type: ignore[method-assign]

    # --- the loop -----------------------------------------------------------------

    def run(self, on_epoch: Callable[[Trainer], None] = lambda _: None) -> None:
        """Epochs until the last, or until validation has not improved for ``patience``.

        Raises:
            TrainingError: The loss is no longer a number.
        """
        if not self.history:
            self._record(loss=math.nan, on_epoch=on_epoch)
        while self.epoch < self.settings.train.epochs and not self._out_of_patience():
            self.epoch += 1
            loss = self._run_epoch()
            if self.epoch in self.text_schedule.refresh_after:
                self.inputs.cache.refresh(
                    lambda done, total: self.on_event(Event("encoding texts", done, total))
                )
            self._record(loss, on_epoch)

    def _run_epoch(self) -> float:
        seed_everything(self.settings.train.seed, epoch=self.epoch)
        self.model.train()
        self.inputs.encoder.train(self.text_schedule.learns_in(self.epoch))
        total, number = 0.0, 0
        last, accumulate = self.episodes_per_epoch, self.settings.train.accumulate
        self.optimizer.zero_grad(set_to_none=True)
        for number, episode in enumerate(self.episodes(self.epoch), start=1):
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

    def episodes(self, epoch: int) -> Iterator[Episode]:
        """The episodes of one epoch."""
        train = self.settings.train
        return draw_episodes(
            self.inputs.data,
            self.inputs.fold_of_user,
            min_warm_users=train.min_warm_users,
            cold_fraction=train.cold_fraction,
            seed=train.seed,
            epoch=epoch,
            in_order=self._in_order(),
        )

    def _in_order(self) -> InOrder | None:
        inputs = self.inputs
        if inputs.sequences is None:
            return None
        return InOrder(inputs.sequences, self.settings.train.sequence_users)

    def loss(self, episode: Episode) -> Tensor:
        """The loss of one episode of the present epoch."""
        learn_text = self.text_schedule.learns_in(self.epoch)
        loss: Tensor = self.objective(self.model, episode, epoch=self.epoch, learn_text=learn_text)
        return loss

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

    def validate(self) -> dict[str, float]:
        """NDCG@10 of held-out users by domain, ranked by the joint model alone.

        These are cold users where there are any, and warm users (``NAME/warm``) where there are no
        cold ones or where order is read. The other components of an ensemble are fitted when it
        has learned, and would hide how it does.
        """
        some_cold = any(group.cold for group in self.held_out)
        both = self.inputs.sequences is not None
        groups = [group for group in self.held_out if both or group.cold == some_cold]
        if not groups:
            return {}
        inputs = self.inputs
        learned = to_recommender(self.model, inputs, self.graph, inputs.bridge_users)
        found = {}
        for group in groups:
            name = str(inputs.snapshot.domain_keys[group.domain])
            scores = learned.score(group.users, group.domain)
            found[name if group.cold or not both else f"{name}/warm"] = ndcg(
                scores, group, inputs.data.items_of(group.domain), at=10
            )
        return found

    def _out_of_patience(self) -> bool:
        if not self.held_out:
            return False
        # Epochs in which the text changes are not judged: their best may yet come.
        since = max(self.best.epoch, self.text_schedule.last_epoch)
        return self.epoch - since >= self.settings.train.patience

    # --- its state ----------------------------------------------------------------

    def finish(self) -> TrainedGNN:
        """Go back to the best state; encoder and text vectors then belong together, on the CPU."""
        self.load_state(self.best.tensors)
        encoder, cache = self.inputs.encoder, self.inputs.cache
        encoder.take(cache.weights)  # the weights that made the vectors in force
        encoder.cpu().eval()
        return self.as_it_stands()

    def as_it_stands(self) -> TrainedGNN:
        """What training would end with if the present state were the best one."""
        seed = self.settings.train.seed
        return TrainedGNN(self.model, self.inputs, seed, self.history, self.best.epoch)

    def state(self) -> dict[str, Tensor]:
        """A copy of all that is needed to come back to here, but for the optimizer."""
        encoder, cache = self.inputs.encoder, self.inputs.cache
        state = {f"model.{n}": t for n, t in self.model.state_dict().items()}
        state |= {f"objective.{n}": t for n, t in self.objective.state_dict().items()}
        state |= {f"encoder.{n}": t for n, t in encoder.learned().items()}
        state |= {f"cached_by.{n}": t for n, t in cache.weights.items()}
        state["text"] = cache.vectors
        return {name: tensor.detach().cpu().clone() for name, tensor in state.items()}

    def load_state(self, state: dict[str, Tensor]) -> None:
        """Go back to a :meth:`state`."""
        cache = self.inputs.cache
        self.model.load_state_dict(under(state, "model."))
        self.objective.load_state_dict(under(state, "objective."))
        self.inputs.encoder.take(under(state, "encoder."))
        cache.weights = under(state, "cached_by.")
        cache.vectors = state["text"].to(self.inputs.device)


def under(state: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """The entries whose names begin with ``prefix``, without it."""
    return {n.removeprefix(prefix): t for n, t in state.items() if n.startswith(prefix)}


def _note(row: dict[str, Any]) -> str:
    """The row in a few words."""
    told = []
    if row["loss"] is not None:
        told.append(f"loss {row['loss']:.3f}")
    if row["ndcg@10"] is not None:
        told.append(f"validation NDCG@10 {row['ndcg@10']:.4f}")
    return "  ".join(told)
