"""Joint training on a GPU: the time of a step, its fraction of the chip's peak, and the profile.

    python -m speed.gpu COURSE --steps 20

In:   a course's log and the training settings (LoRA by default).
Out:  JSON: seconds a step, floating-point operations a step (sparse products left out, which
      PyTorch's counter would take for dense ones), kernels by name, how long no kernel ran, and
      where the CPU was.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import time
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from kgrec.config import load_settings
from kgrec.evaluation.split import load_split
from kgrec.gnn.episodes import Episode
from kgrec.gnn.trainer import Trainer
from kgrec.training.fit import make_trainer, read_interactions

LOOKED_AT = 5
"""Steps under a profiler."""

PEAK_TFLOPS = {
    "H200": 989.0, "H100 PCIe": 756.0, "H100": 989.0, "A100": 312.0, "L40S": 362.0, "L4": 121.0,
    "A10": 125.0, "4090": 165.0,
}  # fmt: skip
"""Dense bf16 of the makers' data sheets, without sparsity; the first name that fits."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("course", type=Path)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--peak-tflops", type=float)
    parser.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    parser.add_argument("--config", default="default")
    parser.add_argument("--set", action="append", default=[])
    args = parser.parse_args()
    snapshot = load_split(args.course / "split").train
    settings = load_settings(args.config, args.set)
    everybody = read_interactions(snapshot, settings.positive_weight)
    trainer = make_trainer(snapshot, everybody, settings, device=args.device)
    print(json.dumps(measure(trainer, args.steps, args.peak_tflops)))


def measure(trainer: Trainer, steps: int, peak_tflops: float | None) -> dict[str, Any]:
    """Warm up, count, time, then look closely: three times over the same episodes."""
    on_gpu = trainer.inputs.device.type == "cuda"
    name = torch.cuda.get_device_name(0) if on_gpu else "CPU"
    peak = peak_tflops or next((t for n, t in PEAK_TFLOPS.items() if n in name), None)
    trainer.epoch = 1
    episodes = list(islice(cycle(trainer.episodes(1)), steps))
    trainer.model.train()
    trainer.inputs.encoder.train()
    for episode in episodes[:3]:
        step(trainer, episode)
    with FlopCounterMode(display=False, custom_mapping=dense_only()) as counter:
        step(trainer, episodes[0])
    wait(on_gpu)
    start = time.perf_counter()
    for episode in episodes:
        step(trainer, episode)
    wait(on_gpu)
    seconds = (time.perf_counter() - start) / steps
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if on_gpu else [])]
    with profile(activities=activities) as seen:
        begin = time.perf_counter()
        for episode in episodes[:LOOKED_AT]:
            step(trainer, episode)
        wait(on_gpu)
        wall = time.perf_counter() - begin
    averages = seen.key_averages()
    own = "self_device_time_total" if on_gpu else "self_cpu_time_total"
    if on_gpu:  # an operator's row, or an annotation's, repeats the time of its kernels
        averages = [
            row for row in averages
            if row.device_type == DeviceType.CUDA and not row.is_user_annotation
        ]  # fmt: skip
    rows = sorted(averages, key=lambda row: -getattr(row, own))
    busy = sum(getattr(row, own) for row in rows) / 1e6
    host = cProfile.Profile()
    with host:
        for episode in episodes[:LOOKED_AT]:
            step(trainer, episode)
        wait(on_gpu)
    flops = counter.get_total_flops()
    return {
        "device": name,
        "users_a_step": max(len(episode.users) for episode in episodes),
        "step_seconds": seconds,
        "flops_a_step": flops,
        "peak_tflops": peak,
        "fraction_of_peak": flops / seconds / (peak * 1e12) if peak else None,
        "seen_step_seconds": wall / LOOKED_AT,
        "idle_fraction": max(0.0, 1 - busy / wall) if on_gpu else None,
        "peak_device_bytes": torch.cuda.max_memory_allocated() if on_gpu else None,
        "kernels": [
            {
                "name": row.key[:80],
                "fraction": getattr(row, own) / 1e6 / wall,
                "calls": row.count // LOOKED_AT,
            }
            for row in rows[:12]
        ],
        "host": functions(host, steps=LOOKED_AT),
    }


def functions(host: cProfile.Profile, *, steps: int) -> list[dict[str, Any]]:
    """Where the CPU was, by a function's own time; waiting for the GPU is in what it waits in."""
    stats = pstats.Stats(host)
    rows = sorted(stats.stats.items(), key=lambda row: -row[1][2])  # type: ignore[attr-defined]
    return [
        {"name": f"{'/'.join(Path(file).parts[-2:])}:{line} {name}"[:80], "ms": own / steps * 1e3,
         "calls": calls // steps}
        for (file, line, name), (_, calls, own, _, _) in rows[:15]
    ]  # fmt: skip


def step(trainer: Trainer, episode: Episode) -> None:
    trainer.loss(episode).backward()
    trainer.optimizer.step()
    trainer.optimizer.zero_grad(set_to_none=True)


def dense_only() -> dict[Any, Any]:
    """Counts for products; PyTorch's own take a sparse matrix for a dense one of its shape."""

    def mm(a: Tensor, b: Tensor, *_: object, out_val: object = None, **__: object) -> int:
        dense = a.layout == b.layout == torch.strided
        return 2 * a.size(0) * a.size(1) * b.size(1) if dense else 0

    def addmm(_bias: Tensor, a: Tensor, b: Tensor, *_: object, **__: object) -> int:
        return mm(a, b)

    for count in (mm, addmm):
        count._get_raw = True  # type: ignore[attr-defined]  # tensors, not shapes
    return {torch.ops.aten.mm: mm, torch.ops.aten.addmm: addmm}


def wait(on_gpu: bool) -> None:
    if on_gpu:
        torch.cuda.synchronize()


if __name__ == "__main__":
    main()
