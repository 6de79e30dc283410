# Two commands do everything: `make demo` and `make test`. No logic here; see CONTRIBUTING.md.
.PHONY: help setup demo test check lint bench compile lock clean
.DEFAULT_GOAL := help
PYTHON ?= python3
IN := . toolchain/activate &&
PINNED := --quiet --universal --python-version 3.10 --generate-hashes --no-header

help:     ## this list
	@sed -n 's/^\([a-z]*\):.*##/\1\t/p' Makefile

demo: setup     ## real flights, a book of 100,000 policies, claims that settle themselves
	$(IN) troth demo

test: setup     ## all tests
	$(IN) python -m pytest -n auto --maxprocesses 4

check: lint test     ## linters, types and all tests

lint: setup     ## linters and types
	$(IN) ruff check . && ruff format --check . && mypy
	$(IN) solhint --quiet --disc --max-warnings 0 'contracts/**/*.sol'

bench: setup    ## Troth beside its rivals, both measured in one run
	$(IN) python -m benchmarks

setup: build/ready     ## the set-up alone: Python and Node packages, contracts compiled by Brownie

compile: build/ready   ## contracts, after a change, into build/ and troth/artifacts/

build/ready: brownie-config.yaml $(shell find contracts -name '*.sol') .venv/ready node_modules/ready
	$(IN) brownie compile
	$(IN) python scripts/ship_artifacts.py
	touch $@

.venv/ready: toolchain/bootstrap.txt requirements.txt pyproject.toml
	$(PYTHON) -m venv .venv
	$(IN) python -m pip install --quiet --require-hashes -r toolchain/bootstrap.txt
	$(IN) uv pip install --quiet --require-hashes --no-build-isolation -r requirements.txt
	$(IN) uv pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

node_modules/ready: package.json package-lock.json .venv/ready
	$(IN) npm ci --no-audit --no-fund --ignore-scripts
	touch $@

lock: setup     ## requirements.txt and package-lock.json anew, from what is declared
	$(IN) uv pip compile $(PINNED) -o toolchain/bootstrap.txt toolchain/bootstrap.in
	$(IN) uv pip compile $(PINNED) -o requirements.txt pyproject.toml requirements.in
	$(IN) npm install --package-lock-only

clean:          ## remove what set-up and compiling made
	rm -rf .venv node_modules build
