# Two commands are enough: `make run` and `make test`; both set up what they need.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(wildcard matching_core/*.pyx matching_core/*.pxd) pyproject.toml
DEMAND ?=
PRICES ?=

.PHONY: run test setup build lint bench clean

run: setup
	$(BIN)/exchange demo --data data $(if $(DEMAND),--demand $(DEMAND)) $(if $(PRICES),--prices $(PRICES))

test: setup
	$(BIN)/python -m pytest

setup: .venv/.ready

# One editable install compiles the core; it is repeated when the core or the build changes.
.venv/.ready: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# For work on the core: compiles in place, without the installer.
build:
	$(BIN)/python -c "from setuptools import setup; setup()" -q build_ext --inplace

lint: setup
	$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/mypy

bench: setup
	for question in log engine replay gateway; do $(BIN)/python load_tests/$$question.py; done

clean:
	rm -rf .venv build *.egg-info matching_core/*.so matching_core/*.c
