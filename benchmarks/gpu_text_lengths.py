"""Do texts padded to multiples of 16 tokens save time on a GPU?

    python benchmarks/gpu_text_lengths.py --data DIR --json gpu_text_lengths.json

Each step encodes 64 texts of the catalogue, drawn by a fixed seed, and takes the gradient of the
LoRA weights, in bf16. It runs twice in processes of their own, once padded to multiples of 16
and once to the longest text of a group; both draw the same texts. The first passes over new
lengths are part of what is measured, since every training run meets them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from kgrec.config import load_settings
from kgrec.evaluation.data import read_data
from kgrec.text import encoder as text_encoder
from kgrec.text.encoder import TextEncoder

MODES = {"multiples of 16": 16, "longest of a group": 1}
TEXTS_PER_STEP = 64


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", default="sample", metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--text-name", default="all-MiniLM-L6-v2")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--mode", choices=MODES, help="one mode, in this process")
    args = parser.parse_args()
    if args.mode:
        print(json.dumps(measure(args.data, args.text_name, args.steps, MODES[args.mode])))
        return 0
    if not torch.cuda.is_available():
        print("no GPU here; nothing is measured", file=sys.stderr)
        return 3
    rows = {}
    for mode in MODES:
        done = subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--mode", mode],
            stdout=subprocess.PIPE, text=True, check=True,
        )  # fmt: skip
        rows[mode] = json.loads(done.stdout.splitlines()[-1])
    if len({row["mean"] for row in rows.values()}) > 1:
        means = [row["mean"] for row in rows.values()]
        if abs(means[0] - means[1]) > 1e-2 * abs(means[1]):
            raise AssertionError(f"both modes must give the same vectors, got means {means}")
    print(f"{'padded to':20} {'all steps, s':>12} {'first 20, ms':>12} {'last 100, ms':>12}")
    for mode, row in rows.items():
        print(f"{mode:20} {row['seconds']:12.2f} {row['first_ms']:12.1f} {row['last_ms']:12.1f}")
    if args.json:
        machine = {
            "gpu": torch.cuda.get_device_name(0), "torch": torch.__version__,
            "python": platform.python_version(), "cores": os.cpu_count(),
        }  # fmt: skip
        result = {"settings": vars(args) | {"json": None}, "machine": machine, "rows": rows}
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    return 0


def measure(data: str, name: str, steps: int, length_step: int) -> dict[str, float]:
    """Seconds of ``steps`` steps: all together, and the mean of the first 20 and the last 100."""
    text_encoder._STEP_ON_GPU = length_step
    settings = load_settings("default", [f"text.name={name}", "text.tuning=lora"])
    with tempfile.TemporaryDirectory() as folder:
        texts = [text for text in read_data(data, Path(folder)).texts if text]
    torch.manual_seed(0)
    encoder = TextEncoder.load(settings.text).to("cuda")
    rng = np.random.default_rng(0)
    batches = [
        [texts[n] for n in rng.choice(len(texts), TEXTS_PER_STEP, replace=False)]
        for _ in range(steps)
    ]
    times, mean = [], 0.0
    for batch in batches:
        start = time.perf_counter()
        with torch.autocast("cuda", dtype=torch.bfloat16):
            vectors = encoder(batch)
        vectors.float().pow(2).sum().backward()
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        mean += float(vectors.detach().float().abs().mean()) / steps
    return {
        "seconds": sum(times),
        "first_ms": 1e3 * float(np.mean(times[:20])),
        "last_ms": 1e3 * float(np.mean(times[-100:])),
        "mean": mean,
    }


if __name__ == "__main__":
    raise SystemExit(main())
