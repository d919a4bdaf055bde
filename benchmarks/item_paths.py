"""What is lost when item-to-item matrices keep only the strongest entries of an item?

    python benchmarks/item_paths.py --out DIR

DIR is a folder of `benchmarks/lookup.py`: a strict cold-user split and a run trained on it.
Prints, as Markdown, for several numbers of entries: the size of the matrices, and for the test
users of the split the overlap of the first ten with those of the uncut matrices, and NDCG@10.
Uncut matrices give the scores of paths over users exactly; this is checked.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from lookup import ndcg, shared

from kgrec.ensemble.item_paths import ItemPaths, strongest
from kgrec.ensemble.recommender import Ensemble
from kgrec.evaluation.split import load_split
from kgrec.ranking.topk import top_k
from kgrec.runs.folder import open_run

ENTRIES = (50, 100, 200, 400, 800)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--out", required=True, type=Path, metavar="DIR")
    args = parser.parse_args()

    split = load_split(args.out / "split")
    stored = open_run(args.out / "run").scorer.ensemble
    over_users = Ensemble(stored.components, stored.weights, stored.settings)
    whole = over_users.with_paths(None)
    assert whole.paths is not None
    known = split.test.known[:, over_users.components.items_of(split.target)].tocsr()
    exact = over_users.score(split.test.shown, split.target)
    uncut = whole.score(split.test.shown, split.target)
    np.testing.assert_allclose(uncut, exact, rtol=1e-3, atol=1e-3)
    best = top_k(exact, 10, exclude=known)[0]

    print(f"{split.direction}, {len(split.test)} strictly cold test users\n")
    print("| entries an item | MB | overlap@10 with all | NDCG@10 |\n|---:|---:|---:|---:|")
    for most in (*ENTRIES, None):
        cut = {
            key: matrix if most is None else strongest(matrix, most)
            for key, matrix in whole.paths.matrices.items()
        }
        ensemble = Ensemble(
            stored.components, stored.weights, stored.settings, paths=ItemPaths(cut)
        )
        scores = ensemble.score(split.test.shown, split.target)
        size = sum(m.data.nbytes + m.indices.nbytes for m in cut.values()) / 1e6
        overlap = shared(best, top_k(scores, 10, exclude=known)[0])
        print(
            f"| {most or 'all'} | {size:.1f} | {overlap:.4f} | {ndcg(scores, split):.4f} |",
            flush=True,
        )


if __name__ == "__main__":
    main()
