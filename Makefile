# Two commands matter: `make up` shows your agents, `make test` proves that what it shows is true.
# Both set up what they need on a machine that has Python 3.11 or newer, make, and the usual package registries.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet --quiet
COMPILE = $(BIN)/uv pip compile --universal --generate-hashes --no-header --quiet $(UPGRADE)

.DEFAULT_GOAL := help
.PHONY: help up test check bench lock pictures docs schemas agents recorded assets packages clean

help:  ## Say what can be made
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/.base assets  ## Set up and show this machine's agents (ARGS="--port 8900" adds options)
	@$(BIN)/quarterdeck up $(ARGS)

test: $(VENV)/.dev assets packages agents recorded  ## Set up and run every test
	@$(BIN)/python -m tests.run

check: $(VENV)/.dev  ## Lint, format, types, import directions
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: $(VENV)/.dev agents  ## Measure the promises, one JSON line per figure
	@$(BIN)/python -m benchmarks $(ARGS)

lock: $(VENV)/.dev  ## Write the lock files anew (UPGRADE=--upgrade takes newer releases)
	$(COMPILE) pyproject.toml --output-file requirements/base.txt
	$(COMPILE) --group build --constraint requirements/base.txt --output-file requirements/build.txt
	$(COMPILE) pyproject.toml --group dev --constraint requirements/base.txt --output-file requirements/dev.txt
	for other in requirements/*.in; do \
	    $(COMPILE) --no-annotate --python-version 3.11 $$other --output-file $${other%.in}.txt || exit 1; done

pictures: $(VENV)/.dev packages  ## Take the pictures of the documentation from the demo (ARGS="brief cron": only some)
	@$(BIN)/python -m tests.real.screenshots $(ARGS)

schemas: $(VENV)/.dev agents  ## Record the agent's own tables anew, for the demo
	@$(BIN)/python -m tests.real.schemas

docs: $(VENV)/.dev  ## Write docs/reference anew out of the program
	$(BIN)/python -m tests.architecture.reference

# Installing copies the scripts of others that pages use; this puts them back where they were lost.
assets: $(VENV)/.base
	@$(BIN)/python hatch_build.py

agents: $(VENV)/.dev
	@$(BIN)/python -m tests.real.agents

recorded: $(VENV)/.dev
	@$(BIN)/python -m tests.sources.forge.recorded
	@$(BIN)/python -m tests.demo.forge.published
	@$(BIN)/python -m tests.demo.forge.client_of_others

packages:
	@tests/install-packages

clean:  ## Remove environments, caches and results
	rm -rf $(VENV) src/quarterdeck/web/static/vendor .cache .results .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and \
	    "Quarterdeck needs Python 3.11 or newer, and this is " + sys.version.split()[0] + ": make PYTHON=python3.12 ...")'
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); echo "No environment could be made. On Debian: apt-get install python3-venv" >&2; exit 1; }

# An editable install, so that a pulled change needs no second one. The locks name every package with its hashes.
$(VENV)/.base: $(BIN)/python pyproject.toml requirements/build.txt requirements/base.txt hatch_build.py package-lock.json
	@echo "Setting up $(VENV)"
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/base.txt
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.base requirements/dev.txt
	@echo "Setting up $(VENV) for development"
	@$(PIP) install --require-hashes -r requirements/dev.txt
	@touch $@
