# SPDX-License-Identifier: MIT
# The two commands for a fresh machine are `make demo` and `make test`; the gate
# is `make check`. Each makes the environment that it needs under VENV.
# `make help` prints each target with what stands behind its `##`.

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

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

# What of the suite Pyodide runs: what has no sockets, threads, processes or event loop of its own.
PYODIDE_TESTS = $(addprefix tests/parser/test_,corpus.py parser.py standard.py encoder.py errors.py \
  event.py exact_values.py) $(addprefix tests/claude/test_,accumulator.py any_json.py delta.py \
  events.py message.py partial_json.py recordings.py text_order.py tool_input.py) \
  tests/http/test_webassembly.py
PYODIDE = build/pyodide

.PHONY: help demo test check lint types docs test-both test-pure matrix newest pyodide dist sanitize regress bench bench-tools targets compare fuzz clean

demo: ## stream a bundled answer through both clients: no network, no key
	PYTHONPATH=src $(PYTHON) -m ssewire demo

# --- environments ---------------------------------------------------------

$(BIN)/python:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip

# Packages that would get in the way of others: each list has a folder of its own.
APART = apart mcp1 mcp2

# Tools first, so that the package itself is built by the pinned Cython.
$(VENV)/.test-tools: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --group test
	if $(BIN)/python -c 'import sys; sys.exit(sys.implementation.name != "cpython")'; then \
	  for name in $(APART); do \
	    $(BIN)/python -m pip install --quiet --no-deps --upgrade --target $(VENV)/$$name \
	      --group test-$$name || exit 1; \
	  done; \
	fi
	touch $@

$(VENV)/.check-tools: $(VENV)/.test-tools
	$(BIN)/python -m pip install --quiet --group check
	touch $@

# Tests run against the installed package, not the source folder.
$(VENV)/.installed: $(VENV)/.test-tools $(SOURCES)
	rm -rf build/lib* build/temp* build/bdist*
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --force-reinstall .
	touch $@

# --- tests ----------------------------------------------------------------

test: $(VENV)/.installed ## the tests, on what was built; PYTEST_ARGS="tests/http -x" for a part
	$(PYTEST) $(PYTEST_ARGS)

# The compiled modules must be there, and each test runs on both implementations.
test-both: ## the tests on both implementations; an error where one was not built
	rm -f $(VENV)/.installed
	SSEWIRE_BUILD_EXTENSION=require $(MAKE) $(VENV)/.installed
	$(PYTEST) --impl both $(PYTEST_ARGS)

# Once more without them: the event class is then the Python one too.
test-pure: $(VENV)/.installed ## the tests in processes without the compiled modules
	SSEWIRE_PARSER=python $(PYTEST) --impl python -m '$(AGAIN)' $(PYTEST_ARGS)

# The suite on the oldest and the newest interpreter, and on PyPy.
matrix: ## the tests on the oldest and the newest interpreter and on PyPy, where they are there
	@for python in $(MATRIX); do \
	  if command -v $$python >/dev/null && $$python --version >/dev/null 2>&1; then \
	    echo "== $$python"; \
	    $(MAKE) test PYTHON=$$python VENV=.venv-$$python PYTEST_ARGS="-m '$(AGAIN)' $(PYTEST_ARGS)" \
	      || exit 1; \
	  else echo "== $$python: not on this machine, not run"; fi; \
	done

# Newer ones, of Debian's unstable, in a system of their own: as root, with mmdebstrap.
NEWEST ?= 3.14 3.15
newest: ## the tests on Pythons that are newer than the machine's
	ARGS="$(PYTEST_ARGS)" tests/newest.sh build/newest $(NEWEST)

# Those that need neither sockets nor processes in WebAssembly, under Node.
pyodide: $(BIN)/python ## tests in WebAssembly, by Pyodide under Node
	mkdir -p $(PYODIDE)
	cp tests/kit/node/package.json $(PYODIDE)
	cd $(PYODIDE) && npm install --silent --no-audit --no-fund
	$(BIN)/python -m pip install --quiet --no-deps --upgrade \
	  --target $(PYODIDE)/site --group pyodide
	tests/kit/node/pyodide.sh $(CURDIR) $(CURDIR)/$(PYODIDE) -q -m '$(AGAIN) and not sockets and not traced' \
	  -k 'not async and not thread and not costs' $(PYODIDE_TESTS)

# --- the gate -------------------------------------------------------------

check: lint types docs test-both test-pure dist ## the whole gate

lint: $(VENV)/.check-tools ## ruff, cython-lint, codespell, actionlint, zizmor
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(CURDIR)/$(BIN):$$PATH" cython-lint src benchmarks
	$(BIN)/codespell
	@for tool in "validate-pyproject pyproject.toml" "zizmor --offline --quiet --persona=pedantic .github" \
	  "actionlint -shellcheck= -pyflakes="; do \
	  if [ -x $(BIN)/$${tool%% *} ]; then echo "$(BIN)/$$tool"; $(BIN)/$$tool || exit 1; \
	  else echo "== $${tool%% *}: not for this Python or machine, not run"; fi; \
	done

# Our sources, and what users write (tests/typing), as four checkers see them.
types: $(VENV)/.check-tools $(VENV)/.installed ## mypy, pyright, ty and pyrefly
	$(BIN)/mypy
	$(BIN)/mypy --python-version 3.10 tests/typing/*.py
	$(BIN)/pyright --pythonpath $(BIN)/python
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

docs: build/site/.built ## the site of the documentation, in build/site

$(DOCS_VENV)/.tools: pyproject.toml
	$(DOCS_PYTHON) -m venv --clear $(DOCS_VENV)
	$(DOCS_VENV)/bin/python -m pip install --quiet --upgrade pip
	$(DOCS_VENV)/bin/python -m pip install --quiet --group docs
	touch $@

# What the theme's makers say of their next program is no warning about these pages.
build/site/.built: $(DOCS_VENV)/.tools $(DOCS_SOURCES)
	NO_MKDOCS_2_WARNING=1 $(DOCS_VENV)/bin/python -m mkdocs --quiet build --strict
	touch $@

# What the build makes of each SSEWIRE_BUILD_EXTENSION, and what is in the distributions.
dist: $(VENV)/.check-tools $(VENV)/.installed ## build the distributions, and look at what is in them
	$(PYTEST) -m slow --impl auto $(PYTEST_ARGS)

# The compiled modules under the address and undefined-behaviour sanitizers.
sanitize: $(VENV)/.test-tools ## the compiled modules under the address and undefined-behaviour sanitizers
	fuzz/sanitize.sh $(BIN)/python

# What each path takes in instructions, which no other program's work disturbs, against the numbers
# in benchmarks/regress.json; REGRESS_ARGS=--update writes those of here.
REGRESS_ARGS ?=

regress: $(VENV)/.test-tools ## does a path take more instructions than it did? needs valgrind
	SSEWIRE_BUILD_EXTENSION=require $(MAKE) $(VENV)/.installed
	$(BIN)/python -m benchmarks.regress $(REGRESS_ARGS)

# --- by hand --------------------------------------------------------------

FUZZ_SECONDS ?= 600

fuzz: ## fuzz the parser; FUZZ_SECONDS=600
	$(MAKE) VENV=.venv-fuzz .venv-fuzz/.installed SSEWIRE_BUILD_EXTENSION=require
	.venv-fuzz/bin/python -m pip install --quiet --group fuzz
	mkdir -p fuzz/artifacts fuzz/found
	.venv-fuzz/bin/python -m fuzz.fuzz_parser -dict=fuzz/sse.dict \
	  -max_total_time=$(FUZZ_SECONDS) -artifact_prefix=fuzz/artifacts/ fuzz/found tests/corpus

# Ours and the peers, in an environment of their own.
BENCH_VENV ?= .venv-bench
bench-tools:
	$(MAKE) PYTHON=$(BENCH_PYTHON) VENV=$(BENCH_VENV) $(BENCH_VENV)/.installed SSEWIRE_BUILD_EXTENSION=require
	$(BENCH_VENV)/bin/python -m pip install --quiet --group bench
	$(BENCH_VENV)/bin/python -m pip install --quiet --no-deps --upgrade \
	  --target $(BENCH_VENV)/only/sseclient --group bench-alone
	mkdir -p build
	$(BENCH_VENV)/bin/python benchmarks/harness/floor/setup.py >build/floor.log 2>&1 || { cat build/floor.log; exit 1; }

# What was asked of our speed, and what is reached; `make targets TARGETS_ARGS="--only parsers"`.
TARGETS_PYTHON ?= python3.11 python3.13
TARGETS_ARGS ?=
targets: ## what was asked of our speed, and what is reached
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

bench: bench-tools ## ours and all peers, on the same work in one run: half an hour
	$(BENCH_VENV)/bin/python -m benchmarks $(BENCH_ARGS)
	$(BENCH_VENV)/bin/python -m benchmarks.conformance
	$(BENCH_VENV)/bin/python -m benchmarks.report

# Is HEAD slower or larger than BASE? `make compare BASE=main`, or with PYTHON=python3.13, HEAD=REV,
# COMPARE_ARGS="--quick --rows parser,imports". Needs nothing but what builds the package.
COMPARE = .venv-compare-$(notdir $(PYTHON))
BASE ?=
HEAD ?= HEAD
COMPARE_ARGS ?=

$(COMPARE)/.tools: pyproject.toml
	$(PYTHON) -m venv $(COMPARE)
	$(COMPARE)/bin/python -m pip install --quiet --upgrade pip
	$(COMPARE)/bin/python -m pip install --quiet --group build
	touch $@

compare: $(COMPARE)/.tools ## is HEAD slower or larger? BASE=REV
	@test -n "$(BASE)" || { echo 'which commit was before? make compare BASE=REV'; exit 2; }
	$(COMPARE)/bin/python -m benchmarks.commits $(COMPARE_ARGS) $(BASE) $(HEAD)

clean: ## remove all that was built and all environments
	rm -rf build dist .venv .venv-* src/*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +
	find src -name '*.so' -delete
