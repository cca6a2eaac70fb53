# The only task names; CI calls the same.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo install test check lint types imports schema lock bench clean

# The locks are whole, so pip need not resolve them; both cores compile in a third of pip's time.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --no-deps

# Runtime packages only: what `make demo` needs.
$(VENV)/.runtime: requirements/runtime.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else "Python 3.11 or newer is needed; set PYTHON=python3.x")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/runtime.txt
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib gateway > /dev/null || true
	@touch $@

# The package itself, in place, with its `gateway` command.
$(VENV)/.installed: $(VENV)/.runtime requirements/build.txt
	$(PIP) --require-hashes -r requirements/build.txt
	$(PIP) --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.installed requirements/dev.txt
	$(PIP) --require-hashes -r requirements/dev.txt
	@touch $@

demo: $(VENV)/.runtime
	@$(BIN)/python -m gateway demo

install: $(VENV)/.installed
	@echo "The gateway command is $(BIN)/gateway"

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

imports: $(VENV)/.dev
	$(BIN)/lint-imports

# Measures the CPU that a hostile request holds the loop for: neither traced for coverage nor beside others.
HELD := tests/integration/test_hostile.py

# Everything CI holds a change to.
check: lint types imports
	$(BIN)/python -m pytest -n auto --cov --cov-report=term --cov-fail-under=90 --ignore=$(HELD)
	$(BIN)/python -m pytest $(HELD)

schema: $(VENV)/.runtime
	$(BIN)/python -m gateway schema > schema.graphql
	$(BIN)/python -m gateway.rest.openapi > openapi.json

bench: $(VENV)/.dev
	$(BIN)/python -m benchmarks.overall $(BENCH)

# Locks carry hashes and no registry address.
LOCK = $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header
lock:
	@test -x $(BIN)/uv || $(BIN)/python -m pip install --quiet uv
	$(LOCK) pyproject.toml -o requirements/runtime.txt
	printf 'hatchling>=1.27\neditables\n' | $(LOCK) - -c requirements/runtime.txt -o requirements/build.txt
	$(LOCK) --group dev pyproject.toml -c requirements/runtime.txt -o requirements/dev.txt
	printf 'gql[aiohttp]\nariadne-codegen\n' | $(LOCK) - -o requirements/clients.txt
	printf 'pandas\npyarrow\npolars\nduckdb\n' | $(LOCK) - -o requirements/readers.txt

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .coverage* dist
