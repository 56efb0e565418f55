# `make demo` shows a whole consultation; `make test` proves everything. Each sets up what it needs.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
BROWSER_TESTS = $(wildcard tests/browser/*.test.mjs)

.DEFAULT_GOAL := help
.PHONY: help demo test proof docs clean

help:
	@echo 'make demo   one teleconsultation from the SMS to live media, by itself'
	@echo 'make test   everything that must hold'
	@echo 'make proof  the full figures, into benchmarks/'
	@echo 'make docs   the documentation, into site/'
	@echo 'make clean  forget what the above have built'

demo: $(VENV)/.demo
	$(BIN)/hugathome demo

# pytest comes last: its summary is the last thing to be read.
test: $(VENV)/.dev
	scripts/system-packages
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(if $(BROWSER_TESTS),node --test $(BROWSER_TESTS))
	scripts/loopback $(BIN)/python -m pytest --numprocesses 2 --dist loadgroup

proof: $(VENV)/.proof build/peerjs/.installed
	scripts/system-packages
	scripts/loopback $(BIN)/python benchmarks/proof.py $(WITHOUT)

docs: $(VENV)/.dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

clean:
	rm -rf $(VENV) build site dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/bin/python:
	scripts/virtualenv $(PYTHON) $(VENV)

# The development set-up holds the demo's: whichever was made last is enough for both.
$(VENV)/.demo: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[server,sql]'
	@touch $@

$(VENV)/.dev: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[dev]'
	@touch $@ $(VENV)/.demo

# What only the figures need.
$(VENV)/.proof: pyproject.toml | $(VENV)/bin/python
	$(PIP) --editable '.[proof]'
	@touch $@ $(VENV)/.dev $(VENV)/.demo

# What a figure is compared with, and nothing else needs: fetched outside of the namespace without a network.
build/peerjs/.installed:
	npm install --silent --no-package-lock --prefix build/peerjs peerjs@1.5.5 peer@1.0.2
	@touch $@
