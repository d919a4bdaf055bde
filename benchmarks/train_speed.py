"""How soon does training reach a quality, against other libraries, and how does it grow?

    python benchmarks/train_speed.py --data DIR --target food --recbole-python PATH \\
        --out benchmarks/results/train_speed.md --json train_speed.json

Four parts, each in processes of its own; `--parts` chooses:

systems  kgrec, RecBole's LightGCN, PyG's LightGCN and `implicit` on one merged training log.
         Strict cold users are asked about (benchmarks/README.md): their rows in the target
         domain are hidden, their others are in the log. After every epoch all clocks stand still
         and the same evaluator ranks the whole target domain for the validation users.
stages   where kgrec spends the time before its first epoch, and one epoch.
growth   one epoch on made-up graphs of growing size, slope of log seconds over log interactions.
gpu      joint step time, share of the chip's bf16 peak, profile; skipped where there is none.

On the bundled sample it takes minutes, on food_kitchen hours: `--seconds-each` is the budget of
every contestant and of every epoch of growth. RecBole needs an environment of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from speed import report
from speed.course import write_course
from speed.race import Measure, Point, Race, run_race

from graph_store.snapshot import Snapshot
from kgrec.data.interactions import Interactions
from kgrec.evaluation.data import read_data
from kgrec.evaluation.evaluate import main_value
from kgrec.evaluation.protocols.strict_cold import cold_users, strict_cold_user
from kgrec.evaluation.text_vectors import has_text

PARTS = ("systems", "stages", "growth", "gpu")
KGREC = {
    "kgrec": (),  # where there are no texts, this one alone
    "kgrec, text frozen": ("text.tuning=frozen",),
    "kgrec, without text": (
        "text.tuning=frozen", "model.item_features=[spectrum,factors]", "align.text=0",
    ),
}  # fmt: skip
OTHERS = {"PyG LightGCN": "pyg", "implicit ALS": "als", "implicit BPR": "bpr"}
SYSTEMS = ("kgrec", *OTHERS.values(), "recbole")
TEXTS = ("frozen", "none")
DEFAULT_BATCH = 2048
"""RecBole's own."""
BASELINES = ("item-knn", "item-ridge", "svd", "ials", "emcdr", "ridge-map")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("--data", default="sample", metavar="DIR", help="a snapshot or logs")
    parser.add_argument("--target", metavar="DOMAIN", help="default: the first by name")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument(
        "--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), help="who runs in the race"
    )
    parser.add_argument("--recbole-python", type=absolute, metavar="PATH")
    parser.add_argument(
        "--recbole-batches", type=int, nargs="+", default=[DEFAULT_BATCH, 8192, 32_768, 131_072]
    )
    parser.add_argument("--baselines", nargs="+", default=list(BASELINES))
    parser.add_argument("--seconds-each", type=float, default=1800.0)
    parser.add_argument("--patience", type=int, default=10, help="results without a better one")
    parser.add_argument("--growth", default="1e5,1e6,1e7", metavar="SIZES")
    parser.add_argument("--growth-texts", nargs="+", choices=TEXTS, default=list(TEXTS))
    parser.add_argument("--gpu-peak-tflops", type=float)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the tables here as well")
    parser.add_argument("--json", type=Path, metavar="FILE")
    args = parser.parse_args()
    if args.recbole_python and not has_recbole(args.recbole_python):
        print(
            f"--recbole-python: {args.recbole_python} cannot import RecBole; how to make an "
            f"environment for it stands in benchmarks/README.md",
            file=sys.stderr,
        )
        return 2

    result: dict[str, Any] = {"machine": machine(args), "settings": settings_of(args)}
    with tempfile.TemporaryDirectory(prefix="kgrec-speed-") as scratch:
        folder = Path(scratch)
        env = environment(folder, args.threads)
        lines = head(args, result["machine"])
        if {"systems", "stages", "gpu"} & set(args.parts):
            snapshot = read_data(args.data, folder / "data")
            course, measure, about = make_course(snapshot, args, folder)
            lines += about["lines"]
            result["data"] = {key: about[key] for key in ("direction", "likes", "users")}
        if "systems" in args.parts:
            lines += ["", "## Seconds to a quality", ""]
            lines += systems(course, measure, env, args, about, result)
            keep(lines, result, args)
        if "stages" in args.parts:
            lines += ["", "## Where kgrec spends it", ""]
            lines += stages(course, env, args, result)
            keep(lines, result, args)
        if "growth" in args.parts:
            lines += ["", "## Growth", ""]
            lines += growth(env, args, result)
            keep(lines, result, args)
        if "gpu" in args.parts:
            lines += ["", "## On a GPU", ""]
            lines += gpu(course, env, args, result)
    keep(lines, result, args)
    print("\n".join(lines))
    return 0


def keep(lines: list[str], result: dict[str, Any], args: argparse.Namespace) -> None:
    """Write what there is: a later part may take hours, and fail."""
    if args.out:
        args.out.write_text("\n".join(lines) + "\n", encoding="utf-8")
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")


def systems(
    course: Path, measure: Measure, env: dict[str, str], args: argparse.Namespace,
    about: dict[str, Any], result: dict[str, Any],
) -> list[str]:  # fmt: skip
    """Part one: the race."""
    tell(f"tuning {', '.join(args.baselines)} on validation users")
    found = worker(
        env, "speed.bar", str(course), "--seconds", str(args.seconds_each), "--baselines",
        *args.baselines,
    )  # fmt: skip
    result["baselines"] = found
    good = [row for row in found if "ndcg" in row]
    bar = max(good, key=lambda row: row["ndcg"]) if good else None
    own = [sys.executable, "-m", "speed.contestants"]
    commands: dict[str, list[str]] = {}
    ours: dict[str, tuple[str, ...]] = KGREC if about["has_text"] else {"kgrec": ()}
    if "kgrec" not in args.systems:
        ours = {}
    for name, changes in ours.items():
        sets = [word for change in changes for word in ("--set", change)]
        commands[name] = [*own, "kgrec", str(course), *sets]
    commands |= {
        name: [*own, worker_name, str(course)]
        for name, worker_name in OTHERS.items() if worker_name in args.systems
    }  # fmt: skip
    recbole = {}
    if args.recbole_python and "recbole" in args.systems:
        for batch in args.recbole_batches:
            label = "default" if batch == DEFAULT_BATCH else "batch"
            recbole[f"RecBole LightGCN, {label} {batch:,}"] = [
                str(args.recbole_python), "-W", "ignore", "-m", "speed.recbole_worker",
                str(course), "--batch", str(batch),
            ]  # fmt: skip
    races = [
        run_race(
            name, command, measure, env=fresh(env), seconds=args.seconds_each,
            patience=args.patience, on_point=tell_point,
        )
        for name, command in (commands | recbole).items()
    ]  # fmt: skip
    result["races"] = [as_data(race) for race in races]
    lines = report.races_table(races, bar, about["likes"])
    lines += ["", *verdicts(races, recbole)]
    if not recbole:
        lines += [
            "RecBole was not measured: ask for it, and name the Python of an environment that has "
            "it by `--recbole-python` (benchmarks/README.md says how to make one)."
        ]
    return lines + ["", *NOTES]


NOTES = [
    "Seconds are those of a contestant's own work from the log in memory on, up to the vectors "
    "that it would deliver had it ended with that epoch (kgrec solves and weighs its closed-form "
    "components for these, the others multiply their matrices once); imports, and the measuring "
    "between epochs, are not counted. kgrec's hold the encoding of all texts (nothing cached "
    "before) and its own validation; RecBole's do not hold the reading of its file nor any "
    "validation. Of each the best epoch is taken by hindsight. `ended by` patience: as many "
    "results in a row without a better one as RecBole's default allows (10); by time: the budget. "
    "Interactions a second: likes of the merged log over the seconds of an epoch (of implicit: an "
    "iteration).",
]


def verdicts(races: list[Race], recbole: dict[str, Any]) -> list[str]:
    """kgrec against RecBole at its defaults, and at the batch size that suits it best."""
    by_name = {race.name: race for race in races if race.points}
    ours = by_name.get("kgrec")
    theirs = [by_name[name] for name in recbole if name in by_name]
    if ours is None or not theirs:
        return []
    # Best suited: the quickest to 99% of what the best of the batch sizes reaches.
    top = 0.99 * max(race.best.ndcg for race in theirs)
    reached = [race for race in theirs if race.seconds_to(top) is not None]
    best = min(reached, key=lambda race: race.seconds_to(top) or 0.0)
    lines = [f"The batch size that suits RecBole best is that of `{best.name}`."]
    chosen = {race.name: race for race in (theirs[0], best)}
    return lines + [report.against(ours, race) for race in chosen.values()]


def stages(
    course: Path, env: dict[str, str], args: argparse.Namespace, result: dict[str, Any]
) -> list[str]:
    """Part two: where the time goes on the same log."""
    tell("one epoch under cProfile")
    found = worker(env, "speed.stages", str(course), "--seconds", str(args.seconds_each))[0]
    result["stages"] = found
    return [f"Failed: {found['failed']}"] if "failed" in found else report.stages_tables(found)


def growth(env: dict[str, str], args: argparse.Namespace, result: dict[str, Any]) -> list[str]:
    """Part three: made-up graphs."""
    rows = []
    for text in args.growth_texts:
        for size in args.growth.split(","):
            tell(f"growth: {size} interactions, text {text}")
            found = worker(
                env, "speed.stages", "--edges", size, "--text", text, "--seconds",
                str(args.seconds_each),
            )  # fmt: skip
            rows.append({"text": text, "edges": int(float(size))} | found[0])
    slopes = report.slopes(rows)
    result["growth"], result["slopes"] = rows, slopes
    lines = [*report.growth_table(rows), ""]
    lines += ["Slope of log seconds (or bytes) over log interactions, least squares:", ""]
    lines += [*report.slopes_table(slopes), ""]
    each = [row["seconds_a_text"] for row in rows if "seconds_a_text" in row]
    if each:
        lines += [
            f"Encoding is not in these seconds: it took {min(each) * 1e3:.1f} to "
            f"{max(each) * 1e3:.1f} ms a text, whatever the size of the graph."
        ]
    return lines + [
        "Made up by `benchmarks/speed/made_up.py`: ten interactions a user, twenty an item, two "
        "domains, a fifth of the users in both. Where not all episodes were run, the epoch is "
        "computed from those that were."
    ]


def gpu(
    course: Path, env: dict[str, str], args: argparse.Namespace, result: dict[str, Any]
) -> list[str]:
    """Part four: only where there is one."""
    import torch

    if not torch.cuda.is_available():
        return ["Skipped: this machine has no GPU."]
    tell("joint steps on the GPU")
    peak = ["--peak-tflops", str(args.gpu_peak_tflops)] if args.gpu_peak_tflops else []
    found = worker(env, "speed.gpu", str(course), *peak)[0]
    result["gpu"] = found
    return [f"Failed: {found['failed']}"] if "failed" in found else report.gpu_table(found)


def make_course(
    snapshot: Snapshot, args: argparse.Namespace, folder: Path
) -> tuple[Path, Measure, dict[str, Any]]:
    """The split, written for the workers, and the evaluator of their vectors."""
    names = [str(key) for key in snapshot.domain_keys]
    if args.target and args.target not in names:
        raise SystemExit(f"--target: no domain {args.target}; there are {', '.join(names)}")
    target = names.index(args.target or names[0])
    split = strict_cold_user(snapshot, target=target, seed=args.seed)
    _, asked = cold_users(Interactions.of(snapshot), target=target, fold=0, seed=args.seed)
    log = Interactions.of(split.train)
    course = folder / "course"
    course.mkdir()
    write_course(split, log.liked, asked, course, seed=args.seed)

    def measure(user: NDArray[np.float32], item: NDArray[np.float32]) -> float:
        scores = user @ item.T if len(item) else user
        return main_value(
            Scored(scores), split.validation, train=split.train, target=target,
            block=max(len(asked), 1),
        )  # fmt: skip

    likes = int(log.liked.nnz)
    lines = [
        f"{split.direction}: {likes:,} likes of {log.num_users:,} users in the merged training "
        f"log, {len(asked):,} strict cold validation users (fold 0, seed {args.seed}), "
        f"{len(split.train.items_of(target)):,} items ranked."
    ]
    about = {
        "direction": split.direction, "likes": likes, "users": len(asked), "lines": lines,
        "has_text": has_text(snapshot),
    }  # fmt: skip
    return course, measure, about


class Scored:
    """Scores that are already there, in the form that the evaluator takes."""

    name = "scored"

    def __init__(self, scores: NDArray[np.float32]) -> None:
        self._scores = scores

    def fit(self, *_: object, **__: object) -> None:
        raise NotImplementedError

    def score(self, histories: Any, _domain: int) -> NDArray[np.float32]:
        if histories.shape[0] != len(self._scores):
            raise AssertionError(f"{histories.shape[0]} users, scores of {len(self._scores)}")
        return self._scores


def worker(env: dict[str, str], module: str, *words: str) -> list[dict[str, Any]]:
    """Run a part in a process of its own; its lines of JSON, or one that says why it failed."""
    with tempfile.TemporaryFile("w+") as said:
        done = subprocess.run(
            [sys.executable, "-m", module, *words], env=fresh(env), stdout=subprocess.PIPE,
            stderr=said, text=True, cwd=tempfile.gettempdir(),
        )  # fmt: skip
        said.seek(0)
        last = [line for line in said.read().splitlines() if line.strip()][-1:]
    if done.returncode != 0:
        why = last[0] if last else "killed, perhaps for want of memory"
        return [{"failed": f"exit {done.returncode}: {why}"}]
    return [json.loads(line) for line in done.stdout.splitlines()]


def environment(folder: Path, threads: int) -> dict[str, str]:
    """Environment of a worker: as many threads, and caches in ``folder``; see :func:`fresh`."""
    kept = os.environ.get("HF_HOME") or str(
        Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "huggingface"
    )
    (folder / "caches").mkdir()
    return os.environ | {
        "PYTHONPATH": str(Path(__file__).parent),
        "OMP_NUM_THREADS": str(threads),
        "OPENBLAS_NUM_THREADS": str(threads),
        "MKL_NUM_THREADS": str(threads),
        "XDG_CACHE_HOME": str(folder / "caches"),
        "HF_HOME": kept,
    }


def fresh(env: dict[str, str]) -> dict[str, str]:
    """The same with a cache of its own: nobody may find the texts that another has encoded."""
    return env | {"XDG_CACHE_HOME": tempfile.mkdtemp(dir=env["XDG_CACHE_HOME"])}


def absolute(path: str) -> Path:
    """Workers run in other folders; a link to an interpreter must stay one."""
    return Path(path).absolute()


def has_recbole(python: Path) -> bool:
    command = [str(python), "-W", "ignore", "-m", "speed.recbole_worker", "-", "--batch", "1"]
    env = os.environ | {"PYTHONPATH": str(Path(__file__).parent)}
    try:
        done = subprocess.run([*command, "--check"], env=env, capture_output=True, check=False)
    except OSError:
        return False
    return done.returncode == 0


def machine(args: argparse.Namespace) -> dict[str, Any]:
    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "platform": platform.platform(),
        "cores": os.cpu_count(),
        "threads": args.threads,
        "python": platform.python_version(),
        "load before": round(os.getloadavg()[0], 2),
        **{name: version(name) for name in ("kgrec", "torch", "torch-geometric", "implicit")},
    }


def head(args: argparse.Namespace, facts: dict[str, Any]) -> list[str]:
    words = [Path(w).name if Path(w).is_absolute() else w for w in sys.argv[1:]]
    return [
        "# Training speed",
        "",
        f"`python benchmarks/train_speed.py {' '.join(words)}`".replace(" `", "`"),
        f"{facts['date']}, {facts['cores']} cores, {facts['threads']} threads, "
        f"{facts['platform']}, Python {facts['python']}, torch {facts['torch']}, torch-geometric "
        f"{facts['torch-geometric']}, implicit {facts['implicit']}, kgrec {facts['kgrec']}; one "
        f"run, load of the machine before it {facts['load before']}.",
        "",
    ]


def settings_of(args: argparse.Namespace) -> dict[str, Any]:
    hidden = {"json", "out", "data", "recbole_python"}
    return {key: value for key, value in vars(args).items() if key not in hidden}


def as_data(race: Race) -> dict[str, Any]:
    points = [
        [p.epoch, round(p.seconds, 4), round(p.ndcg, 6), round(p.delivering, 4)]
        for p in race.points
    ]
    return {
        "name": race.name, "setup_seconds": race.setup, "peak_bytes": race.peak_bytes,
        "end": race.end, "why": race.why, "points": points,
    }  # fmt: skip


def tell(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


def tell_point(name: str, point: Point) -> None:
    tell(f"{name}: epoch {point.epoch}, {point.seconds:.1f} s, NDCG@10 {point.ndcg:.4f}")


if __name__ == "__main__":
    sys.exit(main())
