# Two commands are enough: `make run` and `make test`; both set up what they need.

PYTHON ?= python3
BIN := .venv/bin
SOURCES := $(wildcard matching_core/*.pyx matching_core/*.pxd exchange/log/*.pyx) pyproject.toml
DEMAND ?=
PRICES ?=

.PHONY: run test test-faults test-simulation test-market test-reference test-mutants test-sanitized setup build lint bench clean

run: setup
	$(BIN)/exchange demo --data data $(if $(DEMAND),--demand $(DEMAND)) $(if $(PRICES),--prices $(PRICES))

test: setup
	$(BIN)/python -m pytest -n 2 --dist loadfile

# Every failure of the log's table, hundreds of times, on real servers and files. 12 to 40 minutes; the
# last lines are the table for load_tests/README.md. SEED=N repeats a run's chances.
test-faults: setup
	$(BIN)/python -m pytest tests/faults --long $(if $(SEED),--seed $(SEED))

# The seeded simulation of the whole exchange, for longer than `make test` runs it: SEEDS="FIRST END".
SEEDS ?= 2000 52000

test-simulation: setup
	$(BIN)/python -m tests.simulation $(SEEDS)

# Years of a whole market under the oracle's eyes, more than `make test` runs: YEARS="FIRST END".
YEARS ?= 10 50

test-market: setup
	$(BIN)/python -m tests.whole_market $(YEARS)

# The core against its plain-Python reference, for longer than `make test` compares them.
EXAMPLES ?= 5000

test-reference: setup
	EXAMPLES=$(EXAMPLES) $(BIN)/python -m pytest tests/core/test_reference.py tests/core/test_custody_reference.py

# Sixty-four mistakes, one by one, in a copy of the core: the tests must catch each. Some minutes.
test-mutants: setup
	$(BIN)/python tests/core/mutants.py

# The core's tests, property tests and all, in a copy that is compiled with the address and undefined
# behaviour sanitizers; the first finding ends the run. Leaks are not looked for: Python itself has them.
SANITIZE := -fsanitize=address,undefined -fno-sanitize-recover=undefined
SANITIZED := build/sanitized

test-sanitized: setup
	rm -rf $(SANITIZED) && mkdir -p $(SANITIZED)
	cp -r matching_core exchange clients load_tests tests pyproject.toml README.md $(SANITIZED)
	rm -f $(SANITIZED)/matching_core/*.so $(SANITIZED)/matching_core/*.c
	cd $(SANITIZED) && CFLAGS="-g -fno-omit-frame-pointer $(SANITIZE)" LDFLAGS="$(SANITIZE)" \
		$(abspath $(BIN))/python -c "from setuptools import setup; setup()" -q build_ext --inplace --force
	cd $(SANITIZED) && ASAN_OPTIONS=detect_leaks=0 UBSAN_OPTIONS=print_stacktrace=1 \
		LD_PRELOAD="$$(gcc -print-file-name=libasan.so) $$(gcc -print-file-name=libubsan.so)" \
		$(abspath $(BIN))/python -m pytest -p no:cacheprovider -x -s tests/core --ignore tests/core/test_instructions.py

setup: .venv/.ready

# One editable install compiles the core; it is repeated when the core or the build changes.
.venv/.ready: $(SOURCES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[dev,checks,plot]'
	touch $@

# For work on the core: compiles in place, without the installer.
build:
	$(BIN)/python -c "from setuptools import setup; setup()" -q build_ext --inplace

lint: setup
	$(BIN)/ruff format . && $(BIN)/ruff check --fix . && $(BIN)/mypy

bench: setup
	for question in core log engine replay gateway collateral; do $(BIN)/python load_tests/$$question.py; done

clean:
	rm -rf .venv build *.egg-info matching_core/*.so matching_core/*.c exchange/log/*.so exchange/log/*.c
