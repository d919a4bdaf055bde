"""How long does it take to rank 500,000 items for 50,000 users, and in how much memory?

    python benchmarks/ranking.py --users 50000 --items 500000 --json out.json

Random vectors of 64 dimensions, the 50 best items of each user, on all cores. The target is
5 minutes and 4 GB on 2 cores. Prints one line; the JSON also names the machine.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
import time
from pathlib import Path

import numpy as np

from kgrec.ranking.topk import top_k, top_k_of_products
from kgrec.vectors import Vectors


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--users", type=int, default=50_000)
    parser.add_argument("--items", type=int, default=500_000)
    parser.add_argument("--dim", type=int, default=64)
    parser.add_argument("-k", type=int, default=50)
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()

    rng = np.random.default_rng(0)
    users = rng.standard_normal((args.users, args.dim), dtype=np.float32)
    items = rng.standard_normal((args.items, args.dim), dtype=np.float32)
    start = time.perf_counter()
    columns, _ = top_k_of_products(Vectors(users), Vectors(items), args.k)
    seconds = time.perf_counter() - start

    # A fast wrong answer is not a result: a few users by the plain way.
    check, _ = top_k(users[:4] @ items.T, args.k)
    if np.mean(check == columns[:4]) < 0.99:  # rounding may swap near-equal neighbours
        raise AssertionError("the blocked lists differ from the plain ones")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{args.users:,} users x {args.items:,} items: {seconds:.1f} s, peak {peak:.2f} GB")
    if args.json:
        machine = {"machine": platform.platform(), "cores": os.cpu_count()}
        settings = {key: value for key, value in vars(args).items() if key != "json"}
        result = {"settings": settings, "machine": machine, "seconds": seconds, "peak_gb": peak}
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
