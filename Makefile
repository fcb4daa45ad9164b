# Everything the project needs lies in .venv (tools) and .riskloom (data); `make clean` leaves your data.

VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.9
SETUP := $(VENV)/.setup-complete

# An interpreter to make the environment with; the first that fits. `make setup PYTHON=/path/to/python` chooses one.
PYTHON ?=
PYTHONS := $(or $(PYTHON),python3.11 python3.12 python3 python)
FITS := import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 13))

# The environment in .venv is the only one uv may touch, whichever the shell has activated.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)
export UV_PROJECT_ENVIRONMENT := $(CURDIR)/$(VENV)
export UV_PYTHON_DOWNLOADS := never
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export DO_NOT_TRACK := 1

# Processes that share the tests; each may take 4 GB.
WORKERS ?= 2

# How long a soak is, and how often the store dies in it.
MINUTES ?= 10
OUTAGES ?= 10

DEMO_OPTIONS := $(if $(filter-out 0,$(ONCE)),--once) $(if $(DOMAINS),--domains "$(DOMAINS)") $(if $(DATA),--data $(DATA)) $(if $(DATA_DIR),--data-dir "$(DATA_DIR)")

.DEFAULT_GOAL := help
.PHONY: help setup test-tools bench-tools demo test up down status lint format bench soak screenshots clean

help: ## List the targets
	@echo "Riskloom: make TARGET"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-12s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: setup ## Data to live decisions in one go; ONCE=1 stops at the end, DOMAINS=a,b takes some, DATA=handbook DATA_DIR=DIR real files
	@$(BIN)/riskloom demo $(DEMO_OPTIONS)

test: setup test-tools ## Run every test in WORKERS=2 processes; ARGS="-k name" is passed on to pytest
	@$(BIN)/python -m pytest --numprocesses $(WORKERS) --no-loadscope-reorder $(ARGS)

up: setup ## Start Airflow, the scoring service, the drift dashboard and the console in the background
	@$(BIN)/riskloom up

down: setup ## Stop what `make up` started
	@$(BIN)/riskloom down

status: setup ## Show which services run, and where
	@$(BIN)/riskloom status

lint: setup ## Check style, types and who may import whom
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache

format: setup ## Put the code into the project's format
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

bench: setup bench-tools ## Measure speed beside its peers and write docs/benchmarks/*.json; ARGS="NAME --quick" narrows it
	@$(BIN)/python -m benchmarks $(ARGS)

soak: setup ## Load the scoring service for MINUTES=10, then kill its Redis OUTAGES=10 times, and judge what came of it
	@$(BIN)/python -m benchmarks.soak --minutes $(MINUTES) --outages $(OUTAGES)

screenshots: setup ## Take the pictures in docs/images from a fresh demo
	@$(BIN)/python -m tests.browser.screenshots

setup: $(SETUP) ## Make the environment in .venv; quick when it is up to date
	@:

$(SETUP): uv.lock pyproject.toml
	@python=""; for candidate in $(PYTHONS); do \
		if "$$candidate" -c '$(FITS)' >/dev/null 2>&1; then python="$$candidate"; break; fi; \
	done; \
	if [ -x $(BIN)/python ] && $(BIN)/python -c '$(FITS)' >/dev/null 2>&1; then :; \
	elif [ -z "$$python" ]; then \
		echo "make: Riskloom needs Python 3.11 or 3.12; tried: $(PYTHONS)." >&2; \
		echo "      Install one, or name it: make setup PYTHON=/path/to/python3.11" >&2; exit 1; \
	else \
		echo "setup: making $(VENV) with $$("$$python" -c 'import platform; print("Python", platform.python_version())')"; \
		"$$python" -m venv --clear $(VENV) || { \
			echo "make: $$python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }; \
	fi
	@$(BIN)/uv --version 2>/dev/null | grep -qF "uv $(UV_VERSION)" || { \
		echo "setup: installing uv $(UV_VERSION) into $(VENV)"; \
		$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null; \
		$(BIN)/python -m pip install --quiet "uv==$(UV_VERSION)"; }
	@echo "setup: installing the locked packages (some minutes the first time)"
# Compiled here: where Python may not write caches later, each of the hundreds of processes of a run compiles all it imports.
	@$(BIN)/uv sync --frozen --quiet --compile-bytecode --python $(BIN)/python || { \
		echo "setup: uv could not; trying pip, which knows this machine's package index, with the same lock"; \
		$(BIN)/uv export --frozen --quiet --no-emit-project --output-file $(VENV)/requirements.txt >/dev/null && \
		$(BIN)/python -m pip install --quiet --no-deps --require-hashes --requirement $(VENV)/requirements.txt && \
		$(BIN)/python -m pip install --quiet --no-deps --editable .; }
	@$(BIN)/python -m compileall -q riskloom services dags feature_repo
	@touch $@
	@echo "setup: ready"

bench-tools: ## Install what benchmarks drive and the machine lacks, where that is allowed
	@sh tests/tools.sh redis-server:redis-server wrk:wrk

test-tools: ## Install what tests drive and the machine lacks, where that is allowed
	@sh tests/tools.sh

clean: ## Stop the services and remove the environment, caches and the demo; your data in .riskloom stays
	@if [ -x $(BIN)/riskloom ]; then $(BIN)/riskloom down && $(BIN)/riskloom down --home .riskloom/demo; fi
	@rm -rf $(VENV) .riskloom/demo .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
