# make run    explore the bundled network on a ZCU104; the result is in out/digits
# make test   all tests            make lint   ruff and mypy            make clean
# make notebooks  opens notebooks/ in Jupyter Lab
# make bench  benchmarks, on one core; the figures also go to out/bench.json
# make fuzz   hass import of FUZZ=10000 malformed files, from FUZZ_SEED on
# make docs   the pages of docs/ as HTML, in out/docs
#
# Needs Python 3.11 or newer and nothing else: everything is installed into .venv, once, and again
# when setup.cfg changes. PYTHON=... picks the interpreter.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DELETE_ON_ERROR:
.PHONY: run test fuzz bench docs notebooks lint clean

MODEL := models/digits/digits.onnx
DATA := models/digits
DEVICE := zcu104
TRIALS := 60
SEED := 0
OUT := out/digits
FUZZ := 10000
FUZZ_SEED := 1

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check install --quiet
PACKAGES := hass search sim hw_templates models
TORCH := $(shell sed -n 's/^ *torch *== *//p' setup.cfg)
TORCH_INDEX := https://download.pytorch.org/whl/cpu

run: $(VENV)/.run
	$(BIN)/hass search $(MODEL) --data $(DATA) --device $(DEVICE) --trials $(TRIALS) \
		--seed $(SEED) -o $(OUT)
	$(BIN)/hass emit $(OUT)/best.json -o $(OUT)/hls --force
	@echo "report: $(OUT)/report.html   HLS: $(OUT)/hls (make -C $(OUT)/hls csim runs it with g++)"

test: $(VENV)/.test
	$(BIN)/python -m pytest -n 2 $(PYTEST_ARGS)

fuzz: $(VENV)/.test
	PYTHONPATH=tests:tests/fuzz $(BIN)/python -m fuzz_run --inputs $(FUZZ) --seed $(FUZZ_SEED)

bench: $(VENV)/.test
	mkdir -p out
	taskset -c 0 $(BIN)/python -m pytest tests/bench --benchmark-enable --benchmark-only --benchmark-json out/bench.json

notebooks: $(VENV)/.notebook
	$(BIN)/python -m jupyter lab notebooks/01_first_search.ipynb

docs: $(VENV)/.docs
	$(BIN)/python -m sphinx -b html -W --keep-going --quiet docs out/docs
	@echo "out/docs/index.html"

lint: $(VENV)/.test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@if $(BIN)/python -c 'import torch' 2> /dev/null; then \
		$(BIN)/mypy $(PACKAGES); \
	else \
		echo "make lint: torch is not installed, so models/ and hass/recover/ are NOT type-checked"; \
		$(BIN)/mypy --exclude '^hass/recover/' --follow-imports silent \
			$(filter-out models,$(PACKAGES)); \
	fi

clean:
	rm -rf $(VENV) out build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis .benchmarks
	find $(PACKAGES) tests -name __pycache__ -prune -exec rm -rf {} +

# The first interpreter that is new enough and can make a virtual environment with pip in it.
$(VENV)/bin/python:
	@for python in $(PYTHON) python3 python3.13 python3.12 python3.11 python3.14; do \
		if "$$python" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' \
			2> /dev/null; then \
			echo "make: $$("$$python" --version) -> $(VENV)"; \
			"$$python" -m venv --clear $(VENV) && exit 0; \
		fi; \
	done; \
	rm -rf $(VENV); \
	echo "make: no Python >= 3.11 with the modules venv and ensurepip was found; install one" \
		"(Debian, Ubuntu: apt-get install python3 python3-venv) or name it: make PYTHON=..." >&2; \
	exit 1

$(VENV)/.run: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e .
	touch $@

$(VENV)/.notebook: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[notebook]'
	touch $@ $(VENV)/.run

# Torch's build for the CPU only; the one on PyPI brings gigabytes of CUDA libraries with it.
$(VENV)/.test: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[test,lint]'
	@if $(PIP) 'torch == $(TORCH)+cpu' 2> /dev/null \
		|| $(PIP) --extra-index-url $(TORCH_INDEX) 'torch == $(TORCH)+cpu'; then \
		$(PIP) -e '.[torch]'; \
	else \
		echo "make: no CPU build of torch $(TORCH) was found: the tests that need it are SKIPPED" >&2; \
	fi
	@$(PIP) -e '.[hls4ml]' \
		|| echo "make: hls4ml cannot be installed: the tests that need it are SKIPPED" >&2
	@$(PIP) -e '.[docs]' \
		|| echo "make: sphinx cannot be installed: the test that builds docs/ is SKIPPED" >&2
	touch $@ $(VENV)/.run

$(VENV)/.docs: setup.cfg pyproject.toml | $(VENV)/bin/python
	$(PIP) -e '.[docs]'
	touch $@
