# make demo    a real cine to strain, overlay, report and Slicer scene, in demo/
# make test    every test
# make lint    ruff and mypy
# make screenshots    the pictures of the README and the tutorial: demo, synthetic hearts, every section and layout of the module
# Each sets itself up in a virtual environment in .venv the first time, and again when pyproject.toml or constraints.txt change.
#
# Variables: PYTHON (3.11 or later), VENV, OUT (folder of the demo), PIP_ARGS (for instance
# PIP_ARGS="--extra-index-url https://download.pytorch.org/whl/cpu" for a torch without CUDA), TESTS (arguments for pytest),
# JOBS (processes that test, of one thread each unless OMP_NUM_THREADS says otherwise).

PYTHON ?= python3
VENV ?= .venv
OUT ?= demo
PIP_ARGS ?=
TESTS ?=
JOBS ?= 2

BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install -qq --constraint constraints.txt $(PIP_ARGS)
SETUP := pyproject.toml setup.py constraints.txt

.PHONY: demo test lint screenshots clean

demo: $(VENV)/.demo
	@$(BIN)/cardiac-motion demo -o $(OUT)

test: $(VENV)/.test
	@export OMP_NUM_THREADS=$${OMP_NUM_THREADS:-1} MKL_NUM_THREADS=$${MKL_NUM_THREADS:-1} ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS=$${ITK_GLOBAL_DEFAULT_NUMBER_OF_THREADS:-1}; \
	QT_QPA_PLATFORM=offscreen MPLBACKEND=Agg $(BIN)/python -m pytest --numprocesses $(JOBS) --dist loadfile $(TESTS)

lint: $(VENV)/.test
	@$(BIN)/python -m ruff check . && lint=0 || lint=1; $(BIN)/python -m mypy && exit $$lint

screenshots: demo $(VENV)/.test
	@QT_QPA_PLATFORM=offscreen $(BIN)/python Testing/module/screenshots.py
	@$(BIN)/python Testing/report/make_screenshots.py $(OUT)
	@$(BIN)/cardiac-motion phantom gallery -o Resources/Screenshots/phantom_gallery.webp --quiet

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, $(PYTHON) is " + sys.version.split()[0] + "; try make PYTHON=python3.12")'
	@$(PYTHON) -m venv $(VENV) || { echo "Could not make a virtual environment; on Debian or Ubuntu: apt install python3-venv" >&2; exit 1; }
	@touch $@

$(VENV)/.demo: $(VENV)/.python $(SETUP)
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --editable '.[slicer,report]'
	@touch $@

$(VENV)/.test: $(VENV)/.python $(SETUP)
	@echo "Installing into $(VENV) (a few minutes the first time)"
	@$(PIP) --editable '.[slicer,report,test]'
	@touch $@

clean:
	rm -rf $(VENV) build dist *.egg-info .pytest_cache .mypy_cache .ruff_cache
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
