# `make` alone lists what there is to do.
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin
INSTALL := $(RUN)/pip install --quiet --disable-pip-version-check
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup up down status quick units test slow check format browser load exhaustive e2e images docker kubernetes bench binaries lock clean

help: ## this list
	@grep -E '^[a-z0-9-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.complete ## a virtual environment in .venv with everything in it, from hashed requirements

$(VENV)/.runtime: requirements/build.txt requirements/runtime.txt pyproject.toml # what `make up` needs: a tenth of it all
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed: make PYTHON=/path/to/python3.11"; exit 3; }
	@echo "setting up $(VENV), once: a minute or less"
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) --require-hashes --requirement requirements/build.txt --requirement requirements/runtime.txt
	$(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.complete: $(VENV)/.runtime requirements/dev.txt
	@echo "setting up what tests and checks need, once: 0.9 GB, a minute or two"
	$(INSTALL) --require-hashes --requirement requirements/dev.txt
	@touch $@

$(VENV)/.images: $(VENV)/.runtime requirements/images.txt # what makes the bill of materials
	$(INSTALL) --require-hashes --requirement requirements/images.txt
	@touch $@

up: $(VENV)/.runtime ## a network on this machine, until Ctrl-C (ARGS="--validators 7", see docs/network.md)
	@scripts/default-cometbft $(ARGS)
	@PATH="$$PATH:$(CURDIR)/.cache/bin" $(RUN)/exposer up $(ARGS)

down: $(VENV)/.runtime ## stop it (ARGS=--volumes deletes what it left)
	@$(RUN)/exposer down $(ARGS)

status: $(VENV)/.runtime ## what it does, from another terminal (ARGS=--json)
	@$(RUN)/exposer status $(ARGS)

quick: setup ## lint, types, and the tests that start nothing: a minute
	@$(MAKE) --no-print-directory --jobs=2 --output-sync=target check units

units: setup
	$(RUN)/pytest tests/unit tests/http --ignore=tests/http/long --numprocesses=3 $(ARGS)

test: setup ## the tests that need no chain binary and no container: six minutes at most
	$(RUN)/pytest $(ARGS)

slow: setup # what .ci/run does with the times of its tests, which are in ARGS
	$(RUN)/python tests/support/slow_tests.py $(ARGS)

check: setup ## lint, format, types, import rules, docstrings
	$(RUN)/ruff check
	$(RUN)/ruff format --check
	$(RUN)/mypy
	$(RUN)/lint-imports
	$(RUN)/interrogate --quiet exposer init_scripts tests bench

format: setup ## put the code into form
	$(RUN)/ruff check --fix
	$(RUN)/ruff format

browser: setup ## the status page in a real Chromium
	$(RUN)/pytest tests/browser --numprocesses=2 $(ARGS)

load: setup ## crowds of clients: one crowd at a time, for they say what a sidecar can bear
	$(RUN)/pytest tests/load --numprocesses=0 $(ARGS)

e2e: setup ## steps and whole networks with real chain binaries
	@scripts/build-binaries $(filter-out docker-compose,$(notdir $(wildcard scripts/binaries/*)))
	$(RUN)/pytest tests/chains tests/e2e --numprocesses=3 $(ARGS)

exhaustive: setup ## all that `make test` and `make e2e` take a sample of; the docs tell of the run
	@scripts/build-binaries
	EXHAUSTIVE=1 UPDATE_DOCS=1 $(RUN)/pytest -m 'sampled or hypothesis' tests $(ARGS)

images: $(VENV)/.images ## container images, with their bills of materials, in .cache/images (ARGS="simd build": which, see docs/image.md)
	@scripts/images $(ARGS)

docker: setup ## the images, and networks of them, in a Docker engine
	@scripts/build-binaries cometbft cosmovisor docker-compose simd wasmd
	@scripts/images cometbft simd
	$(RUN)/pytest tests/docker --numprocesses=2 $(ARGS)

kubernetes: setup ## networks in the cluster of KUBECONFIG, or in a laboratory's (docs/laboratory.md)
	@scripts/images cometbft simd
	scripts/kubernetes-lab $(RUN)/pytest tests/kubernetes --numprocesses=0 $(ARGS)

bench: setup ## figures, as ratios measured side by side in one run
	@scripts/build-binaries simd
	$(RUN)/python -m bench $(ARGS)

binaries: ## real chain binaries for the tests, from their Go modules into .cache/bin (ARGS="simd wasmd": which; needs Go)
	@scripts/build-binaries $(ARGS)

lock: setup ## requirements/*.txt anew from requirements/*.in
	cd requirements && for set in build runtime images dev; do ../$(RUN)/pip-compile --quiet --generate-hashes --strip-extras \
		--allow-unsafe --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --output-file $$set.txt $$set.in; done

clean: ## everything that can be made again
	rm -rf $(VENV) .cache .exposer-network dist .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
