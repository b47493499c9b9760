# What a person does with this project. `make run` and `make test` need Python >= 3.11 with venv, and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8

.DEFAULT_GOAL := help
.PHONY: help run up test lint bench screenshots clean constraints

help:  ## what can be done
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## /  make \1\t/' | expand -t 20

run: $(VENV)/platform.stamp  ## set everything up and do the main job, with progress
	@$(BIN)/glac run

up: $(VENV)/platform.stamp  ## Dagster's UI, its daemon and the database; Ctrl-C takes them down
	@$(BIN)/glac up

test: $(VENV)/test.stamp lint  ## lint, types and every test that can run here
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(VENV)/test.stamp  ## ruff and mypy --strict
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

bench: $(VENV)/test.stamp  ## measure beside named peers; writes benchmarks/results.json
	@$(BIN)/python -m benchmarks.run

screenshots: $(VENV)/test.stamp  ## the pictures that the README shows
	@$(BIN)/python -m tests.screenshots

constraints: $(VENV)/bin/uv  ## bring constraints.txt up to pyproject.toml
	@$(BIN)/uv pip compile -q --universal --upgrade --python-version 3.11 --extra platform --extra spark --extra test \
	    --no-header --no-annotate --no-emit-index-url --no-emit-find-links pyproject.toml -o constraints.txt

clean:  ## remove the environment and what was made (the embedded database of root included)
	@if [ -x $(BIN)/glac ]; then $(BIN)/glac clean; fi
	rm -rf $(VENV) .greenlang build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

$(VENV)/bin/uv:
	@echo "Making the Python environment in $(VENV)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or later is needed; found $$($(PYTHON) --version). Name one: make run PYTHON=python3.12"; exit 2; }
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install -q --disable-pip-version-check uv==$(UV_VERSION)

$(VENV)/platform.stamp: pyproject.toml constraints.txt | $(VENV)/bin/uv
	@echo "Installing GreenLang and what it runs on (about 140 packages, 1 GB; once)"
	@$(BIN)/uv pip install --python $(BIN)/python -c constraints.txt -e '.[platform]'
	@touch $@

$(VENV)/test.stamp: $(VENV)/platform.stamp
	@$(BIN)/uv pip install -q --python $(BIN)/python -c constraints.txt -e '.[platform,spark,test]'
	@$(BIN)/uv pip install -q --python $(BIN)/python --no-deps --group peers
	@touch $@
