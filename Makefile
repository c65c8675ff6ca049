# Everything lives in .venv, which the first command makes; later ones reuse it
# until setup.py changes. Wanted: Python 3.10 or newer and a package index.

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/installed
INSTALLED_DEV := $(VENV)/installed-dev
INSTALLED_PHONE := $(VENV)/installed-phone

# TensorFlow greets every process with lines about the processor.
export TF_CPP_MIN_LOG_LEVEL ?= 3
# Material's theme advertises its successor with every build.
export NO_MKDOCS_2_WARNING := 1

.DEFAULT_GOAL := help
# Also under make -j: linting first, since it fails cheapest, and one suite at a time,
# in two processes: a test keeps one core busy.
.NOTPARALLEL:
.PHONY: help demo phone docs test lint format test-tensorflow test-jax install install-dev \
	clean

help:  ## Shows this list.
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(INSTALLED)  ## Runs a shipped network from its menu to demo/report.html.
	$(BIN)/keras-dynres demo --out_dir demo

phone: $(INSTALLED_PHONE)  ## Lets a phone's browser measure the shipped network.
	$(BIN)/keras-dynres phone sdpoint_wrn16_2_cifar10

docs: $(INSTALLED_DEV)  ## The pages and the docstrings as a site, in site/.
	$(BIN)/mkdocs build --strict --quiet

test: lint test-tensorflow test-jax  ## Lint, then the tests on both backends.

lint: $(INSTALLED_DEV)  ## Checks style and format.
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

format: $(INSTALLED_DEV)  ## Mends style and format.
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test-tensorflow: $(INSTALLED_DEV)  ## All tests, on TensorFlow.
	KERAS_BACKEND=tensorflow $(BIN)/python -m pytest -q -n 2 --dist worksteal

test-jax: $(INSTALLED_DEV)  ## The tests marked `backends`, on JAX.
	KERAS_BACKEND=jax $(BIN)/python -m pytest -q -n 2 --dist worksteal

install: $(INSTALLED)  ## Installs the package into .venv.

install-dev: $(INSTALLED_DEV)  ## The same, with what tests and linting need.

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and \
	"Python 3.10 or newer is needed: make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv $(VENV)
# The pip that comes with Python 3.10 does not find in minutes what goes with what.
	$(BIN)/python -m pip install --disable-pip-version-check -q --upgrade pip

# A stamp and no target that pip writes itself: an installation that was broken off
# is begun again.
$(INSTALLED): setup.py | $(BIN)/python
	@echo 'Installing into $(VENV): some minutes, TensorFlow is large.'
	$(BIN)/python -m pip install --disable-pip-version-check -q -e .
	@touch $@

$(INSTALLED_DEV): setup.py | $(BIN)/python
	@echo 'Installing into $(VENV): some minutes, TensorFlow is large.'
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[dev]'
	@touch $(INSTALLED) $(INSTALLED_PHONE) $@

$(INSTALLED_PHONE): setup.py | $(BIN)/python
	@echo 'Installing into $(VENV): some minutes, TensorFlow is large.'
	$(BIN)/python -m pip install --disable-pip-version-check -q -e '.[phone]'
	@touch $(INSTALLED) $@

clean:  ## Removes .venv and all that was made.
	rm -rf $(VENV) build dist demo phone site *.egg-info .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
