"""Where kgrec spends its time: everything before the first epoch, and one epoch.

    python -m speed.stages COURSE --seconds 600      a course's log, the default settings
    python -m speed.stages --edges 1e6 --text frozen  a made-up graph

Listens to what training tells, so an epoch that would outlast the seconds is cut, and its
length is then computed from the episodes that were run. cProfile runs along; it costs little,
since a step is a few thousand calls at most. Prints JSON.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speed.clock import peak_bytes

from graph_store.snapshot import Snapshot
from kgrec.config import Settings, load_settings
from kgrec.progress import Event
from kgrec.training.fit import make_trainer, read_interactions

BUILTIN = "~"
"""Where cProfile places what is not Python."""

SETUP = {
    "encoding the catalogue": ("cache.py", "refresh"),
    "spectrum": ("spectrum.py", "item_spectrum"),
    "factors": ("als.py", "als_item_factors"),
    "users of the bridge": ("bridge_users.py", "choose_bridge_users"),
    "graph": ("graph.py", "build_graph"),
    "validation": ("trainer.py", "validate"),
}
EPOCH = {
    "drawing episodes": ("episodes.py", "draw_episodes"),
    "hiding likes": ("hold_out.py", "visible_likes"),
    "matrix of the visible graph": ("graph.py", "user_item"),
    "users of the episode (fold-in, pooling)": ("user_tensors.py", "read_user_tensors"),
    "texts with gradient": ("objective.py", "_text"),
    "features and propagation": ("model.py", "item_embeddings"),
    "bridge": ("model.py", "solve_bridge"),
    "user vectors": ("model.py", "user_vectors"),
    "item vectors": ("model.py", "item_vectors"),
    "softmax": ("losses.py", "sampled_softmax"),
    "backward": (BUILTIN, "'run_backward'"),
    "optimizer": ("adam.py", "step"),
    "all texts anew": ("cache.py", "refresh"),
    "validation": ("trainer.py", "validate"),
}
"""Label, and the function whose cumulative seconds it shows; labels may lie in one another."""

TEXT = {
    "lora": (),
    "frozen": ("text.tuning=frozen",),
    "none": ("text.tuning=frozen", "model.item_features=[spectrum,factors]", "align.text=0"),
}


class Enough(Exception):  # noqa: N818  (not an error)
    """The epoch is over, or its seconds are."""


class Watch:
    """Told by training how far it is."""

    def __init__(self, seconds: float) -> None:
        self._budget = seconds
        self.begin = time.perf_counter()
        self.epoch_begin: float | None = None
        self.ticks: list[float] = []
        self.episodes = 0
        self.setup_profile, self.epoch_profile = cProfile.Profile(), cProfile.Profile()

    def hear(self, event: Event) -> None:
        now = time.perf_counter()
        if event.stage == "training":
            if event.done > 0:
                raise Enough
            self.setup_profile.disable()
            self.epoch_begin = time.perf_counter()
            self.epoch_profile.enable()
        elif event.stage.startswith("epoch ") and self.epoch_begin is not None:
            self.ticks.append(now)
            self.episodes = event.total
            if now - self.epoch_begin > self._budget and event.done < event.total:
                raise Enough

    @property
    def epoch_seconds(self) -> float:
        """Seconds of all episodes of an epoch; the first one includes what is drawn for all."""
        if self.epoch_begin is None or not self.ticks:
            return float("nan")
        first = self.ticks[0] - self.epoch_begin
        if len(self.ticks) == 1:
            return first * self.episodes
        each = (self.ticks[-1] - self.ticks[0]) / (len(self.ticks) - 1)
        return first + each * (self.episodes - 1)


def measure(snapshot: Snapshot, settings: Settings, *, seconds: float) -> dict[str, Any]:
    """Set up training on ``snapshot`` and run one epoch, or ``seconds`` of it."""
    watch = Watch(seconds)
    watch.setup_profile.enable()
    try:
        everybody = read_interactions(snapshot, settings.positive_weight)
        make_trainer(snapshot, everybody, settings, device="cpu", on_event=watch.hear).run()
    except Enough:
        pass
    finally:
        watch.setup_profile.disable()
        watch.epoch_profile.disable()
    if watch.epoch_begin is None or not watch.ticks:
        raise RuntimeError("training ended before its first episode")
    seen = time.perf_counter() - watch.epoch_begin
    return {
        "interactions": len(snapshot.user),
        "users": snapshot.num_users,
        "items": snapshot.num_items,
        "setup_seconds": watch.epoch_begin - watch.begin,
        "setup_parts": parts_of(watch.setup_profile, SETUP),
        "epoch_seconds": watch.epoch_seconds,
        "episodes": watch.episodes,
        "episodes_run": len(watch.ticks),
        "seen_seconds": seen,
        "epoch_parts": parts_of(watch.epoch_profile, EPOCH),
        "top": top_of(watch.epoch_profile),
        "peak_bytes": peak_bytes(),
    }


def parts_of(profile: cProfile.Profile, wanted: Mapping[str, tuple[str, str]]) -> dict[str, float]:
    """Cumulative seconds of each wanted function; 0 where it was never called."""
    found = dict.fromkeys(wanted, 0.0)
    for (file, _, function), (_, _, _, cumulative, _) in stats_of(profile):
        for label, (wanted_file, wanted_function) in wanted.items():
            here = (
                wanted_function in function
                if wanted_file == BUILTIN
                else (Path(file).name, function) == (wanted_file, wanted_function)
            )
            if here:
                found[label] = max(found[label], cumulative)
    return found


def top_of(profile: cProfile.Profile, count: int = 15) -> list[dict[str, Any]]:
    """The functions with the most seconds of their own."""
    rows = sorted(stats_of(profile), key=lambda row: -row[1][2])[:count]
    return [
        {"where": f"{Path(file).name}:{line} {name}" if line else name, "calls": calls[1],
         "seconds": calls[2]}
        for (file, line, name), calls in rows
    ]  # fmt: skip


def stats_of(profile: cProfile.Profile) -> list[tuple[Any, Any]]:
    """(file, line, function) and (primitive calls, calls, own, cumulative, callers)."""
    return list(pstats.Stats(profile).stats.items())  # type: ignore[attr-defined]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("course", type=Path, nargs="?")
    parser.add_argument("--edges", type=float)
    parser.add_argument("--text", choices=sorted(TEXT), default="lora")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    settings = load_settings(args.config, [*TEXT[args.text], *args.set])
    extra: dict[str, float] = {}
    if args.course:
        from kgrec.evaluation.split import load_split

        snapshot = load_split(args.course / "split").train
    else:
        from speed.made_up import encode_distinct_texts, made_up

        snapshot = made_up(int(args.edges), with_text=args.text != "none")
        if args.text == "frozen":
            extra["seconds_a_text"] = encode_distinct_texts(snapshot, settings.text)
    print(json.dumps(measure(snapshot, settings, seconds=args.seconds) | extra))


if __name__ == "__main__":
    main()
