# Everything a checkout needs. `make demo` and `make test` set themselves up; run `make help` for the rest.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
PROJECT := pyproject.toml packages/mlflow-shim/pyproject.toml

.PHONY: help demo test test-tour test-combinations test-large test-frameworks test-nightly check format bench bench-quick \
        bench-artifacts bench-sdk bench-models lock clean
.DEFAULT_GOAL := help

help:
	@echo "make demo    track, register, serve and predict, on this machine (Ctrl-C ends it)"
	@echo "make test    run all tests but those of the next four targets"
	@echo "make test-tour  have the official clients and their commands make every call they have"
	@echo "make test-combinations  hold further combinations of doors and databases to what is promised"
	@echo "make test-large  move files of up to 5 GB there and back (some minutes, 16 GB of disk)"
	@echo "make test-frameworks  run every framework beside MLflow 3 and 2 (two environments of 4.5 GB, once)"
	@echo "make test-nightly  kill programs and servers that log, hundreds of times (15 minutes)"
	@echo "make check   linters, types and the direction of imports"
	@echo "make format  let ruff rewrite the code"
	@echo "make bench   measure mlkeep beside FastTrackML and MLflow, and write docs/benchmarks.md (30 minutes)"
	@echo "make bench-quick  the same with small sizes, to see that it works (5 minutes; writes nothing)"
	@echo "make bench-artifacts  measure how files are moved, beside MLflow and plain copies (15 minutes)"
	@echo "make bench-sdk  measure logging from programs beside MLflow, wandb, trackio, aim and tensorboardX (25 minutes)"
	@echo "make bench-models  measure saving, loading and calling models beside MLflow (10 minutes)"
	@echo "make lock    compile requirements/ anew from pyproject.toml"
	@echo "make clean   remove what the other targets made"

demo: $(VENV)/.demo
	@$(BIN)/mlkeep demo

test: $(VENV)/.test
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadgroup

test-tour: $(VENV)/.test
	@$(BIN)/python -m pytest -m tour tests/interop --numprocesses auto --dist loadgroup

test-combinations: $(VENV)/.test
	@$(BIN)/python -m pytest -m combinations tests/contract --numprocesses auto --dist loadgroup

test-large: $(VENV)/.test
	@$(BIN)/python -m pytest -m large tests/large

test-frameworks: $(VENV)/.test
	@command -v java >/dev/null || { echo "Spark needs Java 17: install it (Debian: apt-get install openjdk-17-jre-headless)" >&2; exit 1; }
	@$(BIN)/python -m bench.environments frameworks3 frameworks2
	@$(BIN)/python -m pytest -m frameworks tests/frameworks
	@$(BIN)/python -m bench.environments run frameworks3 -m pytest -W default tests/flavors tests/unit/flavors
	@$(BIN)/python -m bench.environments run frameworks2 -m pytest -W default tests/flavors tests/unit/flavors

test-nightly: $(VENV)/.test
	@$(BIN)/python -m pytest -m nightly tests/faults

check: $(VENV)/.dev
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(VENV)/.dev
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .

bench: $(VENV)/.test
	@$(BIN)/python -m bench.compare

bench-quick: $(VENV)/.test
	@$(BIN)/python -m bench.compare --quick

bench-artifacts: $(VENV)/.test
	@$(BIN)/python -m bench.artifacts

bench-sdk: $(VENV)/.test
	@$(BIN)/python -m bench.sdk

bench-models: $(VENV)/.test
	@$(BIN)/python -m bench.models

# One environment, filled as far as the target asks. A stamp stands for "installed as these files say".
$(VENV)/.python:
	@command -v $(PYTHON) >/dev/null || { echo "mlkeep needs Python 3.11 or newer: install it (Debian: apt-get install python3 python3-venv) or name one with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "mlkeep needs Python 3.11 or newer; $(PYTHON) is $$($(PYTHON) -V). Name another with make PYTHON=..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { echo "$(PYTHON) cannot make virtual environments: install the venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Making $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.demo $(VENV)/.test $(VENV)/.dev: $(VENV)/.%: $(VENV)/.python requirements/%.txt $(PROJECT)
	@echo "Installing what '$*' needs (once) ..."
	@$(PIP) install --require-hashes --requirement requirements/$*.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

lock: $(VENV)/.dev
	@requirements/compile $(BIN)/uv

clean:
	rm -rf $(VENV) .demo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build dist
