# The two commands for a fresh machine are `make demo` and `make test`; the gate
# is `make check`. Each makes the environment that it needs under VENV.

PYTHON ?= python3
VENV ?= .venv
# What the interpreters of `make matrix` are called; those that are absent are named and skipped.
MATRIX ?= python3.9 python3.13 pypy3
PYTEST_ARGS ?=

# Side by side, in two processes for each processor: half of a test's time is waiting. WORKERS=0
# runs all in one process. `make test` and `make check` run all tests once; what is marked `once`
# is not run again for each interpreter. `make test PYTHON=...` runs all on any.
WORKERS ?= auto
PYTEST = $(BIN)/python -m pytest --numprocesses $(WORKERS) --dist worksteal
AGAIN = not slow and not once

BIN = $(VENV)/bin
SOURCES = pyproject.toml setup.py MANIFEST.in $(shell find src -type f ! -name '*.so' ! -name '*.pyc' ! -path '*/.*' ! -path '*.egg-info/*')

.PHONY: demo test check lint types docs test-both test-pure matrix dist sanitize bench bench-tools targets compare fuzz clean

demo:
	PYTHONPATH=src $(PYTHON) -m ssewire demo

# --- environments ---------------------------------------------------------

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Tools first, so that the package itself is built by the pinned Cython.
$(VENV)/.test-tools: $(BIN)/python requirements/test.txt requirements/test-apart.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/test.txt
	$(BIN)/python -c 'import sys; sys.exit(sys.implementation.name != "cpython")' && \
	  $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/apart \
	    --requirement requirements/test-apart.txt || true
	touch $@

$(VENV)/.check-tools: $(VENV)/.test-tools requirements/check.txt
	$(BIN)/python -m pip install --quiet --requirement requirements/check.txt
	touch $@

# Tests run against the installed package, not the source folder.
$(VENV)/.installed: $(VENV)/.test-tools $(SOURCES)
	rm -rf build/lib* build/bdist* build/temp*
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	touch $@

# --- tests ----------------------------------------------------------------

test: $(VENV)/.installed
	$(PYTEST) $(PYTEST_ARGS)

# The compiled modules must be there, and each test runs on both implementations.
test-both:
	rm -f $(VENV)/.installed
	SSEWIRE_BUILD_EXTENSION=require $(MAKE) $(VENV)/.installed
	$(PYTEST) --impl both $(PYTEST_ARGS)

# Once more without them: the event class is then the Python one too.
test-pure: $(VENV)/.installed
	SSEWIRE_PARSER=python $(PYTEST) --impl python -m '$(AGAIN)' $(PYTEST_ARGS)

# The suite on the oldest and the newest interpreter, and on PyPy.
matrix:
	@for python in $(MATRIX); do \
	  if command -v $$python >/dev/null && $$python --version >/dev/null 2>&1; then \
	    echo "== $$python"; \
	    $(MAKE) test PYTHON=$$python VENV=.venv-$$python PYTEST_ARGS="-m '$(AGAIN)' $(PYTEST_ARGS)" \
	      || exit 1; \
	  else echo "== $$python: not on this machine, not run"; fi; \
	done

# --- the gate -------------------------------------------------------------

check: lint types docs test-both test-pure dist

lint: $(VENV)/.check-tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src benchmarks
	$(BIN)/codespell

# Our sources, and what users write (tests/typing), as four checkers see them.
types: $(VENV)/.check-tools $(VENV)/.installed
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 tests/typing/*.py
	$(BIN)/pyright
	$(BIN)/pyright --pythonversion 3.10 tests/typing
	PATH="$(CURDIR)/$(BIN):$$PATH" pyright --verifytypes ssewire --ignoreexternal
	$(BIN)/ty check --python $(VENV) --error-on-warning src tests/typing
	$(BIN)/pyrefly check
	$(BIN)/pyrefly check --preset strict tests/typing/*.py

# The site, in build/site: a warning is an error. Its tools have an environment of their own, and a
# newer Python than the oldest that we run on.
DOCS_VENV ?= .venv-docs
DOCS_PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11 3.10,$(shell \
  python$(v) --version >/dev/null 2>&1 && echo python$(v))) $(PYTHON))
DOCS_SOURCES = mkdocs.yml README.md CHANGELOG.md CONTRIBUTING.md \
  $(shell find docs website -type f) $(shell find src -name '*.py' ! -path '*/.*')

docs: build/site/.built

$(DOCS_VENV)/.tools: requirements/docs.txt
	$(DOCS_PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --requirement requirements/docs.txt
	touch $@

# What the theme's makers say of their next program is no warning about these pages.
build/site/.built: $(DOCS_VENV)/.tools $(DOCS_SOURCES)
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs --quiet build --strict
	touch $@

# What the build makes of each SSEWIRE_BUILD_EXTENSION, and what is in the distributions.
dist: $(VENV)/.test-tools
	$(PYTEST) -m slow --impl auto $(PYTEST_ARGS)

# The compiled modules under the address and undefined-behaviour sanitizers.
sanitize: $(VENV)/.test-tools
	fuzz/sanitize.sh $(BIN)/python

# --- by hand --------------------------------------------------------------

FUZZ_SECONDS ?= 600

fuzz:
	$(MAKE) VENV=.venv-fuzz .venv-fuzz/.installed SSEWIRE_BUILD_EXTENSION=require
	.venv-fuzz/bin/python -m pip install --quiet --requirement requirements/fuzz.txt
	mkdir -p fuzz/artifacts fuzz/found
	.venv-fuzz/bin/python -m fuzz.fuzz_parser -dict=fuzz/sse.dict \
	  -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=fuzz/artifacts/ fuzz/found tests/corpus

# Ours and the peers, in an environment of their own.
BENCH_VENV ?= .venv-bench
bench-tools:
	$(MAKE) PYTHON=$(BENCH_PYTHON) VENV=$(BENCH_VENV) $(BENCH_VENV)/.installed SSEWIRE_BUILD_EXTENSION=require
	$(BENCH_VENV)/bin/python -m pip install --quiet --requirement requirements/bench.txt
	$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps --upgrade \
	  --target $(BENCH_VENV)/only/sseclient --requirement requirements/bench-alone.txt
	mkdir -p build
	$(BENCH_VENV)/bin/python benchmarks/harness/floor/setup.py >build/floor.log 2>&1 || { cat build/floor.log; exit 1; }

# What was asked of our speed, and what is reached; `make targets TARGETS_ARGS="--only parsers"`.
TARGETS_PYTHON ?= python3.11 python3.13
TARGETS_ARGS ?=
targets:
	@missed=0; for python in $(TARGETS_PYTHON); do \
	  if command -v $$python >/dev/null && $$python --version >/dev/null 2>&1; then \
	    $(MAKE) bench-tools BENCH_PYTHON=$$python BENCH_VENV=.venv-bench-$$python || exit 1; \
	    .venv-bench-$$python/bin/python -m benchmarks.targets $(TARGETS_ARGS) || missed=1; \
	  else echo "== $$python: not on this machine, not run"; fi; \
	done; exit $$missed

# All parsers and clients. The newest interpreter that is there: some peers need it.
BENCH_PYTHON ?= $(firstword $(foreach v,3.13 3.12 3.11,$(shell \
  python$(v) --version >/dev/null 2>&1 && echo python$(v))) $(PYTHON))
BENCH_ARGS ?=

bench: bench-tools
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)
	$(BENCH_VENV)/bin/python -m benchmarks.conformance
	-$(BENCH_VENV)/bin/python -m benchmarks.sdk_decoder
	-$(BENCH_VENV)/bin/python -m benchmarks.claude_clients
	-$(BENCH_VENV)/bin/python -m benchmarks.imports
	-$(BENCH_VENV)/bin/python -m benchmarks.attributes
	-$(BENCH_VENV)/bin/python -m benchmarks.serving
	-$(BENCH_VENV)/bin/python -m benchmarks.scaling
	$(BENCH_VENV)/bin/python -m pytest -p benchmark benchmarks

# Is HEAD slower or larger than BASE? `make compare BASE=main`, or with PYTHON=python3.13, HEAD=REV,
# COMPARE_ARGS="--quick --rows parser,imports". Needs nothing but what builds the package.
COMPARE = .venv-compare-$(notdir $(PYTHON))
BASE ?=
HEAD ?= HEAD
COMPARE_ARGS ?=

$(COMPARE)/.tools: requirements/test.txt
	$(PYTHON) -m venv $(COMPARE)
	grep -iE '^(cython|setuptools)==' requirements/test.txt >$(COMPARE)/tools.txt
	$(COMPARE)/bin/python -m pip install --quiet --requirement $(COMPARE)/tools.txt
	touch $@

compare: $(COMPARE)/.tools
	@test -n "$(BASE)" || { echo 'which commit was before? make compare BASE=REV'; exit 2; }
	$(COMPARE)/bin/python -m benchmarks.commits $(COMPARE_ARGS) $(BASE) $(HEAD)

clean:
	rm -rf build dist .venv .venv-* src/*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src -name '*.so' -delete
