# Each target sets up what it needs. `make help` lists them.
SHELL := bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

BIN := .venv/bin
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))
# the Python that .venv is made with: the first that fits, or the one that is named
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do $$p -c '$(FITS)' 2>/dev/null && echo $$p && break; done)
CODE_TESTS := tests/unit tests/contract
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: help demo watch test test-compose chaos mutants fuzz soak docs-test lint check bench bench-quick bench-drift setup data train format lock clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: ## The main job, end to end; RATE=2000 transactions a second (0: as fast as it can), EXIT=1 ends it when done, DATA=simulated: no download, DRIFT=1: a shift in mid stream
	@command -v python3 >/dev/null || { echo 'Python 3.11, 3.12 or 3.13 is needed: python3 was not found' >&2; exit 1; }
	@python3 -m infra.preflight '$(PYTHON)'
	@$(MAKE) setup
	@$(BIN)/fraud demo $(if $(filter simulated,$(DATA)),--simulated) $(if $(RATE),--rate $(RATE)) $(if $(filter 1,$(DRIFT)),--drift) $(if $(filter 1,$(EXIT)),--exit)

watch: setup ## Prometheus, Alertmanager and node exporter beside the demo, until Ctrl-C
	@$(BIN)/python -m infra.watch

# two at a time: a file's tests stay together, for they share what they start
test: model ## All tests, a real Kafka included, two files at a time
	@$(BIN)/pytest tests --ignore tests/containers --numprocesses 2 --dist loadfile --no-loadscope-reorder

test-compose: setup ## The whole system in containers; needs a Docker engine, and minutes
	@docker info >/dev/null 2>&1 || { echo 'a Docker engine is needed; none answers' >&2; exit 1; }
	@$(BIN)/pytest tests/containers

chaos: model ## Every fault on a real Kafka with a replay running: ten minutes
	@FRAUD_TESTS=long $(BIN)/pytest tests/chaos

mutants: model ## Breaks a copy of the code in one place after the other: the tests must notice
	@$(BIN)/python tests/mutants

fuzz: setup ## A million damaged transactions through the decoder
	@$(BIN)/python tests/fuzz.py

soak: model ## Two workers, one killed each minute: memory over time, the ledger, the probabilities; MINUTES=20, after ten of warm-up
	@$(BIN)/python -m benchmarks.soak --minutes $(or $(MINUTES),20)

docs-test: model ## Every command of README and docs, word for word, and every link: half an hour
	@FRAUD_TESTS=long $(BIN)/pytest tests/contract/test_docs.py tests/e2e/test_readme.py tests/e2e/test_model_docs.py \
	  tests/e2e/test_demo.py::test_the_first_command_of_the_readme tests/e2e/test_demo.py::test_injected_drift_is_found_and_none_before_it \
	  tests/integration/commands/test_security.py::test_kafkas_tool_grants_the_acls_as_the_page_says
	@if docker info >/dev/null 2>&1; then $(MAKE) test-compose; else echo 'docs/containers.md was left out: no Docker engine answers'; fi

lint: setup ## Format, lint, strict types, import order
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

check: lint ## The same, and unit and contract tests: no broker, no dataset
	@$(BIN)/pytest $(CODE_TESTS)

bench: model plots ## Speed and memory beside other systems, on an idle machine: an hour, writes docs/performance.md; FRAUD_HOME=/dev/shm/fraud: without the disk's stalls, with 32 GB of memory
	@$(BIN)/python -m benchmarks all

bench-quick: model plots ## The same in under five minutes, one run of each: writes .run/bench/quick-performance.md
	@$(BIN)/python -m benchmarks all --quick

bench-drift: model ## False alarms and detection of the drift verdict: writes docs/drift-measurements.md
	@$(BIN)/python -m benchmarks.drift

.PHONY: plots
plots: setup
	@$(PIP) install --no-build-isolation -e '.[bench]'

setup: .venv/.complete ## The environment in .venv; PYTHON= names the Python to make it with
	@:

.venv/.complete: requirements.lock pyproject.toml
	@{ test -n '$(PYTHON)' && $(PYTHON) -c '$(FITS)' 2>/dev/null; } || { echo 'Python 3.11, 3.12 or 3.13 is needed; name one: PYTHON=/path/to/python3.12' >&2; exit 1; }
	@$(BIN)/python -c '$(FITS)' 2>/dev/null || { echo 'making .venv with $(PYTHON)'; $(PYTHON) -m venv --clear .venv; }
	@echo 'installing Python packages into .venv (a minute, the first time)'
	@# --no-deps: the lock is complete, and older pip asks for hashes of extras otherwise
	@$(PIP) install --no-deps --require-hashes -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

data: setup ## Fetch and verify creditcard.csv
	@$(BIN)/fraud data

train: data ## Train a model and use it
	@$(BIN)/fraud train

.PHONY: model
model: data # one is trained only if there is none
	@test -e "$${FRAUD_MODEL_DIR:-$${FRAUD_HOME:-.run}/models/latest}" || $(BIN)/fraud train

format: setup ## Format the code, and fix what the linter can fix
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

lock: ## Resolve requirements.lock again from pyproject.toml
	@folder=$$(mktemp -d) && trap 'rm -rf "$$folder"' EXIT && $(PYTHON) -m venv "$$folder" && "$$folder/bin/pip" install --quiet uv && \
	"$$folder/bin/uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-annotate --no-header --extra dev \
		--python-version 3.11 pyproject.toml -o requirements.lock

clean: ## Stop Kafka; remove .run, .venv and caches (the dataset stays in the user's cache)
	@if test -x $(BIN)/fraud; then $(BIN)/fraud kafka stop; fi
	@rm -rf .run .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
