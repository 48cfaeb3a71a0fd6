# The two commands for a fresh machine are `make demo` and `make test`; the gate
# is `make check`. Each makes the environment that it needs under VENV.

PYTHON ?= python3
VENV ?= .venv
# What the interpreters of `make matrix` are called; those that are absent are named and skipped.
MATRIX ?= python3.9 python3.13 pypy3
PYTEST_ARGS ?=

BIN = $(VENV)/bin
SOURCES = pyproject.toml setup.py MANIFEST.in $(shell find src -type f ! -name '*.so' ! -name '*.pyc' ! -path '*/*.egg-info/*')

.PHONY: demo test check lint types test-both test-pure matrix sanitize bench fuzz clean

demo:
	PYTHONPATH=src $(PYTHON) -m ssewire demo

# --- environments ---------------------------------------------------------

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Tools first, so that the package itself is built by the pinned Cython.
$(VENV)/.test-tools: $(BIN)/python requirements/test.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/test.txt
	touch $@

$(VENV)/.check-tools: $(VENV)/.test-tools requirements/check.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/check.txt
	touch $@

# Tests run against the installed package, not the source folder.
$(VENV)/.installed: $(VENV)/.test-tools $(SOURCES)
	rm -rf build
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	touch $@

# --- tests ----------------------------------------------------------------

test: $(VENV)/.installed
	$(BIN)/python -m pytest $(PYTEST_ARGS)

# The compiled modules must be there, and each test runs on both implementations.
test-both:
	rm -f $(VENV)/.installed
	SSEWIRE_BUILD_EXTENSION=require $(MAKE) $(VENV)/.installed
	$(BIN)/python -m pytest --impl both $(PYTEST_ARGS)

# Once more without them: the event class is then the Python one too.
test-pure: $(VENV)/.installed
	SSEWIRE_PARSER=python $(BIN)/python -m pytest --impl python $(PYTEST_ARGS)

# The suite on the oldest and the newest interpreter, and on PyPy.
matrix:
	@for python in $(MATRIX); do \
	  if command -v $$python >/dev/null && $$python --version >/dev/null 2>&1; then \
	    echo "== $$python"; \
	    $(MAKE) test PYTHON=$$python VENV=.venv-$$python || exit 1; \
	  else echo "== $$python: not on this machine, not run"; fi; \
	done

# --- the gate -------------------------------------------------------------

check: lint types test-both test-pure

lint: $(VENV)/.check-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/cython-lint src benchmarks
	$(BIN)/codespell

types: $(VENV)/.check-tools $(VENV)/.installed
	$(BIN)/mypy
	$(BIN)/pyright
	$(BIN)/pyright --verifytypes ssewire --ignoreexternal

# --- by hand --------------------------------------------------------------

clean:
	rm -rf build dist .venv .venv-* src/*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src -name '*.so' -delete
