# `make lab` opens the course, `make test` runs every test; both set up all they need.
PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
# The order of the tests: as written, or drawn anew with ORDER=random (the seed is printed).
ORDER  ?= fixed
SHUFFLE := $(if $(filter random,$(ORDER)),,-p no:randomly)
PYTEST := $(BIN)/python -m pytest -q
# Older processors, as PyTorch, oneDNN and MKL emulate them.
SSE4   := ATEN_CPU_CAPABILITY=default ONEDNN_MAX_CPU_ISA=SSE41 MKL_ENABLE_INSTRUCTIONS=SSE4_2
AVX2   := ATEN_CPU_CAPABILITY=avx2 ONEDNN_MAX_CPU_ISA=AVX2 MKL_ENABLE_INSTRUCTIONS=AVX2

.PHONY: lab test lint verify processors notebooks site package clean

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; assert sys.version_info >= (3, 11), f"Expected Python 3.11 or later, but found {sys.version.split()[0]}. Use make PYTHON=python3.12"'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[dev,bench]'
	touch $@

lab: $(VENV)/.installed
	$(BIN)/saflab lab

test: $(VENV)/.installed lint
	$(BIN)/saflab verify --cases 3
	$(PYTEST) $(SHUFFLE) tests
	$(PYTEST) --nbval notebooks instructor

# The notebooks, and the tests that depend on rounding, as on older processors.
processors: $(VENV)/.installed
	$(SSE4) $(PYTEST) -m rounding tests
	$(SSE4) $(PYTEST) --nbval notebooks instructor
	$(AVX2) $(PYTEST) -m rounding tests
	$(AVX2) $(PYTEST) --nbval notebooks instructor

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
