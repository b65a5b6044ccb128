# One word each; every target sets up what it needs in .venv, and quickly the second time.
#   make quickstart   rank four small reward models on the built-in benchmark, with intervals
#   make finetune     fine-tune the miniature generator against a reward, and report when it over-optimises
#   make people-demo  make a benchmark of simulated people's votes, and hold it against the embedded one
#   make test         lint, then all tests
#   make lint         ruff, mypy and the order of the packages
#   make docs         the documentation, into site/
#   make pictures     run the quickstart and the fine-tuning, and put their pictures and tables into the documentation
#   make wheel-test   build the wheel and run the quickstart from it in a fresh environment
#   make floors       run quick tests with the lowest versions that setup.cfg allows, in a fresh environment
#   make leaderboard  set up what the leaderboard needs, and serve it on this machine
#   make clean        remove what the other targets made, except .venv and runs/
# To use another Python: make quickstart PYTHON=python3.12

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
# Of the 26,000 modules that are installed a sixth is ever imported: those are compiled when they are.
PIP_INSTALL := $(BIN)/python -m pip install --disable-pip-version-check --no-compile

# Small models run faster on one thread than on two that wait for each other.
export OMP_NUM_THREADS ?= 1

# Where Python is told to keep no compiled files, each of the many processes of the tests would compile all modules again.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help quickstart finetune people-demo test lint docs pictures wheel-test floors leaderboard chromium clean

help:
	@sed -n 's/^#   //p' Makefile

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 10) or sys.exit("tia2 needs Python 3.10 or newer, and this is " + sys.version.split()[0] + ". Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv $(VENV)

# A stamp is newer than setup.cfg exactly when its extra is installed as setup.cfg says.
$(VENV)/.installed-%: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing tia2 with its extra '$*': a few minutes the first time."
	$(PIP_INSTALL) -e '.[$*]'
	@touch $@

# It has everything that the other extras of the targets here have.
$(VENV)/.installed-dev: setup.cfg pyproject.toml | $(BIN)/pip
	@echo "Installing tia2 with what its tests need: a few minutes the first time, mostly PyTorch."
	$(PIP_INSTALL) -e '.[dev]'
	@touch $@ $(VENV)/.installed-rewards $(VENV)/.installed-finetune $(VENV)/.installed-leaderboard

quickstart: $(VENV)/.installed-rewards
	@$(BIN)/tia2 quickstart

finetune: $(VENV)/.installed-finetune
	@$(BIN)/tia2 finetune run mini-ddpo

people-demo: $(VENV)/.installed-finetune
	@$(BIN)/tia2 people demo

lint: $(VENV)/.installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy tia2 leaderboard finetune
	$(BIN)/lint-imports

# Browser tests drive Debian's Chromium. Where there is none and it can't be installed, they are skipped with the reason.
chromium:
	@command -v chromium-headless-shell > /dev/null || \
	{ [ "$$(id -u)" = 0 ] && command -v apt-get > /dev/null && echo "Installing Chromium for the browser tests." && \
	apt-get update -qq && apt-get install -y -qq chromium-headless-shell > /dev/null; } || \
	command -v chromium > /dev/null || \
	echo "Chromium isn't installed: browser tests are skipped."

test: lint chromium
	$(BIN)/pytest -n auto --dist loadfile

docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html in a browser."

pictures: $(VENV)/.installed-dev chromium
	$(BIN)/python docs/hooks/refresh.py
	$(BIN)/python docs/hooks/study.py
	$(BIN)/python docs/hooks/scale.py
	$(BIN)/python docs/hooks/screenshots.py

wheel-test: $(VENV)/.installed-dev
	$(BIN)/python tests/project/wheel_quickstart.py

floors: $(BIN)/pip
	$(BIN)/python tests/project/lowest_versions.py

leaderboard: $(VENV)/.installed-leaderboard
	@$(BIN)/tia2 leaderboard

clean:
	rm -rf build dist site *.egg-info .mypy_cache .ruff_cache .grimp_cache .import_linter_cache .pytest_cache .hypothesis
	find tia2 leaderboard finetune tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
