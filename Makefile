# One word each; every target sets up what it needs in .venv, and quickly the second time.
#   make quickstart   rank four small reward models on the built-in benchmark, with intervals
#   make test         lint, then all tests
#   make lint         ruff and mypy
#   make docs         the documentation, into site/
#   make pictures     run the quickstart and put its pictures and its table into the documentation
#   make wheel-test   build the wheel and run the quickstart from it in a fresh environment
#   make leaderboard  set up what the leaderboard needs
#   make clean        remove what the other targets made, except .venv and runs/
# To use another Python: make quickstart PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check

# Small models run faster on one thread than on two that wait for each other.
export OMP_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help quickstart test lint docs pictures wheel-test leaderboard clean

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("tia2 needs Python 3.10 or newer, and this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than setup.cfg exactly when its extra is installed as setup.cfg says.
$(VENV)/.installed: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing tia2 and what it needs. PyTorch is large: this takes a few minutes the first time."
	$(PIP_INSTALL) -e .
	@touch $@

$(VENV)/.installed-%: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing tia2 with its extra '$*'. PyTorch is large: this takes a few minutes the first time."
	$(PIP_INSTALL) -e '.[$*]'
	@touch $@ $(VENV)/.installed

quickstart: $(VENV)/.installed
	@$(BIN)/tia2 quickstart

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tia2 leaderboard finetune

test: lint
	$(BIN)/pytest -n auto --dist loadfile

docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html in a browser."

pictures: $(VENV)/.installed
	$(BIN)/python docs/hooks/refresh.py

wheel-test: $(VENV)/.installed-dev
	$(BIN)/python tests/project/wheel_quickstart.py

leaderboard: $(VENV)/.installed-leaderboard
	@echo "The leaderboard app is not part of this version yet; what it needs is installed. 'make quickstart' ranks reward models now."

clean:
	rm -rf build dist site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find tia2 leaderboard finetune tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
