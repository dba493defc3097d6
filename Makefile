# The front door. `make run` and `make test` are all that a new machine with Python 3.11 needs.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# The tests that show protocol/, session/ and actors/ whole: their own, and those of what is built on them.
COVERING := $(addprefix tests/,protocol session actors backends/redis/test_backend.py \
	backends/redis/test_known_devices.py backends/sqlite/test_backend.py test_metrics.py test_settings.py test_traces.py)
RUNS := $(VENV)/.runs
TESTS := $(VENV)/.tests
STAMP := $(VENV)/.synced
RELEASE := $(VENV)/.release
# In the order of the folders: by itself the plug-in starts the files with the fewest tests last,
# and those of the browsers, which take longest, are among them.
PYTEST := $(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder -q
# The tests of `make check`: those of what decides and what is said, which start no process.
QUICK := $(addprefix tests/,protocol session actors net embed client test_house.py test_metrics.py test_settings.py)
# The tests of what people start and of what programs import.
PEOPLE := $(addprefix tests/,cli client rtc embed threads doctor test_node.py test_settings.py)
FUZZ_TIME ?= 600
# The tests start thousands of processes, and each would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help run test test-all test-pythons test-systems check style types e2e browser-tools sdk-types vendor vectors screenshots icons attacks fuzz faults compose
.PHONY: cover cover-check bench bench-quick docs diagrams site links lock changelog release-check clean

help:  ## what there is
	@sed -n 's/^\([a-z0-9][a-z0-9 -]*\):.*## /\1: /p' Makefile

run: $(RUNS)  ## install and start the node
	@echo "Starting the node: $(strip $(BIN)/proxim serve $(ARGS))"
	@$(BIN)/proxim serve $(ARGS)

test: $(TESTS)  ## install, and run the tests that need only Python, in parallel
	$(PYTEST) $(ARGS)

test-all: $(STAMP)  ## also those that need browsers, Redis, coturn, proxies or much real time
	$(PYTEST) --full $(ARGS)

test-pythons: $(TESTS)  ## the same as `test`, by every Python from 3.11 on that is found here
	$(BIN)/python -m tests.pythons $(ARGS)

check: style types  ## what to run before a commit: style, types, and the tests that need no process
	$(PYTEST) $(QUICK)

test-systems: $(TESTS)  ## the tests of what people start, without what Windows, then macOS lacks
	for system in win32 darwin; do $(PYTEST) --system $$system $(PEOPLE) $(ARGS) || exit; done

style: $(STAMP)  ## formatting and lint
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(STAMP)  ## mypy and pyright, for Linux, macOS and Windows
	@$(MAKE) --no-print-directory -j2 $(addprefix mypy-,linux darwin win32) $(addprefix pyright-,Linux Darwin Windows)

mypy-%:
	$(BIN)/mypy --platform $* --cache-dir .mypy_cache/$*

pyright-%:
	$(BIN)/pyright --pythonpath $(BIN)/python --pythonplatform $*

$(BIN)/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Proxim needs Python 3.11 or later")'
	@echo "Making a Python environment in $(VENV)."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check uv

# The environments for a node, for the tests of `make test`, for everything else and for a release,
# in one folder, each larger than the one before. None removes what another has installed.
SYNC = UV_PROJECT_ENVIRONMENT=$(VENV) $(BIN)/uv sync --quiet --locked --inexact

$(RUNS): pyproject.toml uv.lock | $(BIN)/uv
	@echo "Installing Proxim and its libraries into $(VENV)."
	@echo "The first time, this takes a minute or two."
	@# Not every system has wheels for all that WebRTC needs. Without them the commands say what is missing.
	@$(SYNC) --no-dev --extra rtc --compile-bytecode || $(SYNC) --no-dev --compile-bytecode
	@touch $@

$(TESTS): pyproject.toml uv.lock | $(BIN)/uv
	$(SYNC) --no-dev --group test
	touch $(RUNS) $@

$(STAMP): pyproject.toml uv.lock | $(BIN)/uv
	$(SYNC) --group dev
	touch $(RUNS) $(TESTS) $@

$(RELEASE): pyproject.toml uv.lock | $(BIN)/uv
	$(SYNC) --group dev --group release
	touch $(RUNS) $(TESTS) $(STAMP) $@

e2e: $(STAMP)  ## only the tests against a real node: by an independent client, and in Chromium
	$(BIN)/pytest tests/e2e tests/browser $(ARGS)

browser-tools: tests/browser/node_modules/.synced  ## what the tests in Chromium need, from npm

tests/browser/node_modules/.synced: tests/browser/package.json tests/browser/package-lock.json
	cd tests/browser && npm ci --silent
	touch $@

vendor: browser-tools  ## bundle what the browser SDK uses from npm into proxim/web/vendor/, with its licences
	node tests/browser/vendor.js

vectors: $(TESTS)  ## write the vectors of sealed sessions and known devices, tests/vectors/*-1.json
	$(BIN)/python -m tests.sealing.vectors
	$(BIN)/python -m tests.sealing.known_vectors

sdk-types: browser-tools  ## write what is made from proxim.js: its .d.ts and its reference
	node docs/proxim_js.mjs

screenshots: $(STAMP) browser-tools  ## take a picture of every state of the pages
	node tests/browser/screenshots.js

icons: browser-tools  ## draw icon.svg as PNG, for the home screen of a phone
	node tests/browser/icons.js

attacks: $(STAMP)  ## attack a real node, and see that it takes no harm; some minutes
	$(BIN)/pytest tests/attacks --full --slow $(ARGS)

faults: $(STAMP)  ## random clients at one node, and at three whose faults are random, by many seeds; half an hour
	$(BIN)/pytest tests/backends/redis/test_property.py tests/backends/redis/test_gate.py tests/e2e/test_gate.py --full --slow $(ARGS)

compose: $(TESTS)  ## have Docker Compose check docs/deploy/compose.yml; needs Docker with its plugin for Compose
	$(BIN)/pytest tests/deploy/test_compose.py --full --docker -m docker $(ARGS)

fuzz: $(STAMP)  ## fuzz the decoder, the frame codec, the HTTP head and what nodes read, FUZZ_TIME seconds each (600), two at a time
	mkdir -p .fuzz
	@$(MAKE) --no-print-directory -j2 fuzz-decoder fuzz-frames fuzz-head fuzz-nodes

fuzz-decoder fuzz-nodes: LENGTH = 4096
fuzz-head: LENGTH = 2048
fuzz-frames: LENGTH = 1024
fuzz-%:
	$(BIN)/python -m tests.fuzz.$* -artifact_prefix=.fuzz/ -max_total_time=$(FUZZ_TIME) -max_len=$(LENGTH)

cover: $(STAMP)  ## branch coverage of everything, by all tests
	$(BIN)/pytest --cov --cov-report=term-missing:skip-covered

cover-check: $(STAMP)  ## every branch of protocol/, session/ and actors/ is tested, without a socket
	$(BIN)/pytest $(COVERING) -n 2 --cov --cov-report= -q
	$(BIN)/coverage report --include='proxim/protocol/*,proxim/session/*,proxim/actors/*' --fail-under=100

bench: $(STAMP)  ## measure Proxim beside its peers; about ten minutes, needs cc, node and npm
	$(BIN)/python bench/run.py --json bench/results.json $(ARGS)

bench-quick: $(STAMP)  ## the same in about a minute, less of everything
	$(BIN)/python bench/run.py --quick $(ARGS)

docs diagrams: $(STAMP)  ## write the parts of the documentation that are made from the code
	$(BIN)/python docs/generate.py

site: $(STAMP) build/npm/.synced  ## build the documentation's site into build/site; a warning is an error
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --config-file docs/site/mkdocs.yml

# What draws the diagrams is then part of the site. Without npm it is fetched when a page is read.
build/npm/.synced: docs/site/package.json docs/site/package-lock.json docs/site/.npmrc
	mkdir -p build/npm && cp $^ build/npm
	! command -v npm >/dev/null || (cd build/npm && npm ci --silent && touch .synced)

links: site  ## try every link of the site, those to other places too; needs the net
	$(BIN)/linkchecker --no-status --check-extern build/site/index.html

lock: | $(BIN)/uv  ## renew uv.lock after a change of pyproject.toml
	$(BIN)/uv lock

changelog: $(RELEASE)  ## gather docs/changes/ into CHANGELOG.md as VERSION; without VERSION only show it
	$(BIN)/towncrier build --version $(or $(VERSION),next --draft) $(and $(VERSION),--yes)

release-check: $(RELEASE)  ## make what is published, in dist/, and try it where there is no source; also as one file and as an image
	$(BIN)/python -m tests.release $(ARGS)
	$(PYTEST) --release -m release

clean:  ## remove what was made
	rm -rf $(VENV) .venv-* bench/build build dist tests/browser/node_modules .mypy_cache .pytest_cache .ruff_cache .hypothesis .coverage
