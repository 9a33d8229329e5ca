# Each target installs what it needs. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# the Python for .venv: the given one, or the first that fits
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
CODE_TESTS := tests/unit tests/contract
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo watch test test-compose chaos mutants fuzz soak docs-test lint check bench bench-quick bench-drift setup data train format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## Run the demo; RATE=2000 per second (0: as fast as possible), EXIT=1: stop when done, DATA=simulated: no download, DRIFT=1: inject drift
	@command -v python3 >/dev/null || { echo 'Python 3.11, 3.12 or 3.13 is needed: python3 was not found' >&2; exit 1; }
	@python3 -m infra.preflight '$(PYTHON)'
	@$(MAKE) setup
	@$(BIN)/fraud demo $(if $(filter simulated,$(DATA)),--simulated) $(if $(RATE),--rate $(RATE)) $(if $(filter 1,$(DRIFT)),--drift) $(if $(filter 1,$(EXIT)),--exit)

watch: setup ## Run Prometheus, Alertmanager and node exporter until Ctrl-C
	@$(BIN)/python -m infra.watch

# two files at a time: the tests of a file share what they start
test: model ## Run all tests, on a real Kafka
	@$(BIN)/pytest tests --ignore tests/containers --numprocesses 2 --dist loadfile --no-loadscope-reorder
	@echo 'the compiled loops of payments/state again, with checks of bounds'
	@NUMBA_BOUNDSCHECK=1 NUMBA_CACHE_DIR=$(CURDIR)/.run/numba-boundscheck $(BIN)/pytest -q tests/unit/payments/state

test-compose: setup ## Test the system in containers: takes minutes, needs Docker
	@docker info >/dev/null 2>&1 || { echo 'a Docker engine is needed; none answers' >&2; exit 1; }
	@$(BIN)/pytest tests/containers

chaos: model ## Test every fault on a real Kafka during a replay: ten minutes
	@FRAUD_TESTS=long $(BIN)/pytest tests/chaos

mutants: model ## Break a copy of the code in many places, one at a time: the tests must notice
	@$(BIN)/python tests/mutants

fuzz: setup ## Decode a million damaged transactions
	@$(BIN)/python tests/fuzz.py

soak: model ## Kill one of two workers each minute; check memory, the ledger and probabilities; MINUTES=20, after ten of warm-up
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),20)

docs-test: model ## Run every command of README and docs, and check every link: half an hour
	@FRAUD_TESTS=long $(BIN)/pytest tests/contract/test_docs.py tests/e2e/test_readme.py tests/e2e/test_model_docs.py \
	  tests/e2e/test_demo.py::test_the_first_command_of_the_readme tests/e2e/test_demo.py::test_injected_drift_is_found_and_nothing_before_it \
	  tests/integration/commands/test_security.py::test_kafkas_tool_grants_the_acls_as_the_page_says
	@if docker info >/dev/null 2>&1; then $(MAKE) test-compose; else echo 'docs/containers.md was left out: no Docker engine answers'; fi

lint: setup ## Check format, lint, types and imports
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m docs.prose

check: lint ## Lint, and run unit and contract tests: no broker, no dataset
	@$(BIN)/pytest $(CODE_TESTS)

bench: model plots ## Compare speed and memory with other systems on an idle machine: an hour, writes docs/performance.md; FRAUD_HOME=/dev/shm/fraud avoids disk stalls, with 32 GB of memory
	@$(BIN)/python -m benchmarks all

bench-quick: model plots ## The same with one run each: five minutes, writes .run/bench/quick-performance.md
	@$(BIN)/python -m benchmarks all --quick

bench-drift: model ## Measure false alarms and detection of the drift verdict: writes docs/drift-measurements.md
	@$(BIN)/python -m benchmarks.drift

.PHONY: plots
plots: setup
	@$(PIP) install --no-build-isolation -e '.[bench]'

setup: .venv/.complete ## Create .venv; PYTHON= names the Python to use
	@:

.venv/.complete: requirements.lock pyproject.toml
	@{ test -n '$(PYTHON)' && $(PYTHON) -c '$(FITS)' 2>/dev/null; } || { echo 'Python 3.11, 3.12 or 3.13 is needed; name one: PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(BIN)/python -c '$(FITS)' 2>/dev/null || { echo 'making .venv with $(PYTHON)'; $(PYTHON) -m venv --clear .venv; }
	@echo 'installing Python packages into .venv (a minute, the first time)'
	@# --no-deps: the lock is complete, and older pip asks for hashes of extras otherwise
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

data: setup ## Download and verify creditcard.csv
	@$(BIN)/fraud data

train: data ## Train a model and use it
	@$(BIN)/fraud train

.PHONY: model
model: data # train only if no model exists
	@test -e "$${FRAUD_MODEL_DIR:-$${FRAUD_HOME:-.run}/models/latest}" || $(BIN)/fraud train

format: setup ## Format the code, and apply the linter's fixes
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Resolve requirements.lock again from pyproject.toml
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" && "$$folder/bin/pip" install --quiet uv && \
	"$$folder/bin/uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev \
		--python-version 3.11 pyproject.toml -o requirements.lock

clean: ## Stop Kafka; remove .run, .venv and caches (the dataset stays in the user's cache)
	@if test -x $(BIN)/fraud; then $(BIN)/fraud kafka stop; fi
	@rm -rf .run .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
