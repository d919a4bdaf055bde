"""What a question to a run costs before it is answered: no library that it does not need."""

from __future__ import annotations

import json
import subprocess
import sys

from tests.trained_world import TrainedWorld

ASK = """
import json, sys
import kgrec
run, user, domain = sys.argv[1:]
with kgrec.load(run) as opened:
    found = opened.recommend(user, domain=domain, k=3, explain=True)
    opened.similar(found[0].key)
    opened.explain(found[0].key, user=user)
from kgrec.cli import main
try:
    main(["recommend", "--run", run, "--user", user, "--domain", domain])
except SystemExit as ended:
    assert not ended.code
from kgrec.recommenders import registry
for name in registry.names():
    if name != "sasrec":  # a transformer computes its users' vectors
        registry.entry(name).load()
print(json.dumps([len(found), sorted(set(sys.modules))]))
"""
HEAVY = {"torch", "torch_geometric", "transformers", "peft", "sklearn", "pandas", "neo4j", "duckdb"}


def test_opening_a_run_and_answering_from_it_imports_nothing_heavy(
    trained_world: TrainedWorld,
) -> None:
    """Nor does naming any recommender as a component."""
    asked = [str(trained_world.run), trained_world.world.cold_users[0], trained_world.target]
    told = subprocess.run(
        [sys.executable, "-c", ASK, *asked], capture_output=True, text=True, check=True
    )
    answers, modules = json.loads(told.stdout.splitlines()[-1])
    assert answers == 3
    assert not HEAVY & set(modules)
