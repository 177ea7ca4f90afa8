# Hanse: everything starts here. GNU make and Python 3.11 or later are all that a machine must have; `make help` lists the targets.

SHELL := /bin/sh
PYTHON ?= python3
BIN := .venv/bin
UV := .tools/uv
SERVERS := $(BIN)/python scripts/with_servers.py
# One more than the processors of a small machine: tests of faults and deadlines wait more than they work.
WORKERS ?= 3
FUZZ_QUERIES ?= 10000
PYTEST_ARGS ?=
BENCH ?=

# uv keeps to this folder and to the Python that is here; variables of the shell cannot point it elsewhere, nor have every
# process compile all of its modules again.
export UV_CACHE_DIR := $(CURDIR)/.cache/uv
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/.venv
export UV_PYTHON_DOWNLOADS := never
export UV_PYTHON_PREFERENCE := only-system
export UV_NO_PROGRESS := 1
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help env demo test check lint types contracts docs format golden fuzz bench lock clean

help: ## list the targets
	@sed -n 's/^\([a-z]*\):.*## /\1\t/p' Makefile | while IFS="$$(printf '\t')" read -r name text; do \
	  printf '  make %-10s %s\n' "$$name" "$$text"; done

env: .stamps/env ## create or refresh the environment in .venv

$(UV): scripts/get_uv.py
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: $(PYTHON) must be Python 3.11 or later (make PYTHON=/path/to/python3.11 ...)" >&2; exit 1; }
	@echo "getting uv" && $(PYTHON) scripts/get_uv.py $@ && touch $@

.stamps/env: pyproject.toml uv.lock $(UV)
	@echo "creating the environment in .venv" && mkdir -p $(@D) .cache
	@TMPDIR=$(CURDIR)/.cache $(UV) sync --frozen --quiet --python "$(PYTHON)"
	@touch $@

demo: env ## one SQL statement over five stores; needs no root and no server
	@$(BIN)/hanse demo

test: check ## lint, types, contracts, then every test with real PostgreSQL and MariaDB
	@$(SERVERS) $(BIN)/python -m pytest -n $(WORKERS) --dist worksteal $(PYTEST_ARGS)

check: lint types contracts ## lint, types and import contracts only

lint: env
	@$(BIN)/ruff check && $(BIN)/ruff format --check

types: env
	@$(BIN)/mypy

contracts: env
	@$(BIN)/lint-imports --no-logo

docs: env ## write the reference pages and the JSON Schema that follow from the code
	@$(BIN)/python scripts/write_docs.py

format: env ## rewrite the files in the house format
	@$(BIN)/ruff check --fix-only && $(BIN)/ruff format

golden: env ## rewrite the golden files; read the diff before you commit it
	@HANSE_GOLDEN=write $(BIN)/python -m pytest tests/golden $(PYTEST_ARGS); git --no-pager diff --stat -- tests/golden

fuzz: env ## the differential fuzzer's long mode (FUZZ_QUERIES=10000)
	@HANSE_FUZZ_QUERIES=$(FUZZ_QUERIES) $(SERVERS) $(BIN)/python -m pytest $(wildcard tests/differential tests/fuzz) $(PYTEST_ARGS)

bench: env ## the benchmarks, with servers (BENCH="federated --scale 0.1": only these)
	@TMPDIR=$(CURDIR)/.cache $(UV) sync --frozen --quiet --group bench --python "$(PYTHON)"
	@$(SERVERS) $(BIN)/python -m benchmarks $(BENCH)

lock: $(UV) ## resolve the dependencies anew, always against the public index
	@$(UV) lock --default-index https://pypi.org/simple --python "$(PYTHON)"

clean: ## remove everything that make created
	@rm -rf .venv .tools .cache .stamps .servers .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build dist
	@find src tests scripts -name __pycache__ -type d -prune -exec rm -rf {} +
