# `make lab` opens the course, `make test` runs every test; both set up all they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin

.PHONY: lab test lint verify notebooks site package clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Expected Python 3.11 or later, but found {sys.version.split()[0]}. Use make PYTHON=python3.12"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	touch $@

lab: $(VENV)/.installed
	$(BIN)/saflab lab

test: $(VENV)/.installed lint
	$(BIN)/saflab verify --cases 5
	$(BIN)/python -m pytest -q tests
	if ls notebooks/*.ipynb >/dev/null 2>&1; then $(BIN)/python -m pytest -q --nbval notebooks; fi

lint: $(VENV)/.installed
	$(BIN)/ruff check saflab benchmarks tools tests
	$(BIN)/ruff format --check saflab benchmarks tools tests
	$(BIN)/pyright --pythonpath $(BIN)/python

verify: $(VENV)/.installed
	$(BIN)/saflab verify

notebooks: $(VENV)/.installed
	$(BIN)/python -m tools.execute

site: $(VENV)/.installed
	$(BIN)/python -m tools.site

package: $(VENV)/.installed
	.ci/package $(BIN)/python --ignore tests/e2e

clean:
	rm -rf $(VENV) site build dist .pytest_cache .ruff_cache
