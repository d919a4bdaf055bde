# `make demo` and `make test` work from a fresh clone with Python 3.11 or newer: they make .venv,
# install the versions of constraints.txt into it, and do their job.

PYTHON ?= $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
VENV := .venv
BIN := $(VENV)/bin
# uv does in half a minute what pip does in minutes; it comes from PyPI, into the environment itself.
UV := $(BIN)/uv
READY := $(VENV)/.ready
LOWEST := .venv-lowest
# Processes that run tests; each computes with one thread.
JOBS ?= 2
unexport VIRTUAL_ENV

.DEFAULT_GOAL := help
.PHONY: help demo test test-slow lint types imports docs tests format notebooks lock test-lowest clean

help:  ## Show the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

demo: $(READY)  ## Bundled data through the whole way: ingest, train, recommend, explain.
	$(BIN)/kgrec demo

test: lint types imports docs tests  ## What .ci/run runs: lint, types, imports, docs, tests.

test-slow: $(READY)  ## The tests that train or wait for more than a minute.
	$(BIN)/python -m pytest -m slow -q

lint: $(READY)  ## ruff: rules and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(READY)  ## mypy, strict, over the three packages.
	$(BIN)/mypy

imports: $(READY)  ## import-linter: imports point down.
	$(BIN)/lint-imports --no-cache --no-logo

docs: $(READY)  ## The documentation into build/docs, warnings being errors.
	$(BIN)/python -m sphinx -q -W --keep-going -b html docs build/docs

tests: $(READY)  ## pytest in JOBS processes, without the slow tests; the ten slowest at the end.
	$(BIN)/python -m pytest -m "not slow" -q -n $(JOBS) --dist loadfile --durations=10

format: $(READY)  ## Put sources into the form that `make lint` asks for.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

notebooks: $(READY)  ## Run the notebooks of examples/ and store what they show.
	$(BIN)/python -m tests.examples.notebooks

lock: $(READY)  ## Write constraints.txt anew from pyproject.toml.
	$(UV) pip compile --quiet --universal --upgrade --no-header --python-version 3.11 \
		--all-extras --group dev --group docs pyproject.toml -o constraints.txt

test-lowest: $(READY)  ## Install the lowest versions that pyproject.toml allows, and try them.
	$(UV) venv --quiet --clear --python $(BIN)/python $(LOWEST)
	$(UV) pip install --quiet --python $(LOWEST)/bin/python --resolution lowest-direct \
		-e '.[offline]' --group dev
	$(LOWEST)/bin/python -m pytest -q -m "not slow and not neo4j" \
		--ignore tests/test_packaging.py --ignore tests/examples tests loaders graph_store

clean:  ## Remove environments, caches and what `make demo` wrote.
	rm -rf $(VENV) $(LOWEST) build dist demo runs .mypy_cache .ruff_cache .pytest_cache \
		.import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Bytecode is compiled here, once: where the environment forbids writing it, every process would
# compile torch anew.
# venv without pip on a Debian without python3-venv: say so, rather than fail somewhere later.
$(READY): pyproject.toml constraints.txt
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer found; install one, or name it: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { echo "make: $(PYTHON) could not make an environment; on Debian and Ubuntu: apt install python3-venv" >&2; exit 1; }
	$(BIN)/python -m pip install --quiet -c constraints.txt uv
	$(UV) pip install --quiet --compile-bytecode --python $(BIN)/python -c constraints.txt \
		-e '.[offline]' --group dev --group docs
	@touch $@
