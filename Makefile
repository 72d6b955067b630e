# Every target makes its own virtual environment first; Python 3.11+ is all it needs.
#   make check PYTHON=python3.12     another interpreter (after `make clean`)
#   make sim SEEDS=1000 JOBS=8       a longer sweep
#   make sim SCHEDULER=host:8786     the same on the workers of a Dask cluster

PYTHON ?= python3
SEEDS ?= 100
JOBS ?= $(shell nproc)
SCHEDULER ?=
# Tests of agents wait for each other a third of their time.
WORKERS ?= $(shell echo $$(($$(nproc) * 3 / 2)))
# Empty where `make test` follows, which runs the fast tests among all.
CHECK_TESTS ?= fast-tests

VENV := .venv
RUN := $(VENV)/bin/python
STAMP := $(VENV)/installed
USABLE := $(VENV)/usable
# Where the tools for development are, they stay.
READY := $(if $(wildcard $(STAMP)),$(STAMP),$(USABLE))
SIM := $(RUN) -m sim

# Without bytecode every process of the tests would compile all that it loads.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help check lint types guard fast-tests test demo demo-sim sim bench bench-host man package clean

help:
	@echo "make check   format, lint, types, floors, limits, guard, fast tests"
	@echo "make test    every test"
	@echo "make demo    three hosts, one network, and an agent that dies"
	@echo "make demo-sim  an update and a crash, each beside memberlist's rules"
	@echo "make sim     chaos, SEEDS=$(SEEDS) seeds on JOBS=$(JOBS) cores, or on"
	@echo "             a Dask cluster: SCHEDULER=host:port"
	@echo "make bench   every benchmark beside its peer that needs no root: build/bench"
	@echo "make bench-host  those on real kernels, in namespaces (root): build/bench-host"
	@echo "make man     build/swarmnet.1, from the texts of --help"
	@echo "make package build/swarmnet_*.deb, which needs no compiler to install"
	@echo "make clean   remove the virtual environment and all caches"

$(STAMP): pyproject.toml .ci/venv .ci/tools
	@.ci/venv $(PYTHON) $(VENV) '.[dev]'
	@.ci/tools
	@touch $@

# All that the command itself needs, which is there much sooner.
$(USABLE): pyproject.toml .ci/venv .ci/tools
	@.ci/venv $(PYTHON) $(VENV) .
	@.ci/tools
	@touch $@

# Two at a time: types and guard keep one core each, and tests all that are left over.
check: $(STAMP)
	@$(MAKE) --no-print-directory -j2 -O types lint $(CHECK_TESTS) guard

lint types guard fast-tests: $(STAMP)

lint:
	@$(RUN) -m ruff format --check --quiet . || \
		{ echo "not formatted: run $(VENV)/bin/ruff format ."; exit 1; }
	@$(RUN) -m ruff check --quiet .

types:
	@$(RUN) -m mypy --no-error-summary

guard:
	@$(RUN) -m benchmarks guard

fast-tests:
	@HYPOTHESIS_PROFILE=brief $(RUN) -m pytest -q -n auto -m "not slow"

test: $(STAMP)
	@$(RUN) -m pytest -n $(WORKERS)

demo: $(READY)
	@$(RUN) -m demo

demo-sim: $(STAMP)
	@$(SIM) run update --nodes 1000
	@$(SIM) run update --nodes 1000 --profile memberlist
	@$(SIM) run crash --nodes 64
	@$(SIM) run crash --nodes 64 --profile memberlist

sim: $(STAMP)
	@$(SIM) sweep chaos --seeds $(SEEDS) \
		$(if $(SCHEDULER),--scheduler $(SCHEDULER),--jobs $(JOBS))

bench: $(STAMP)
	@$(RUN) -m benchmarks run --out build/bench

bench-host: $(STAMP)
	@$(RUN) -m benchmarks run --host --out build/bench-host

man: $(READY)
	@mkdir -p build
	@$(RUN) -m swarmnet.runtime.cli.manual > build/swarmnet.1
	@echo build/swarmnet.1

package: $(READY)
	@packaging/build-deb $(RUN) build

clean:
	@rm -rf $(VENV) build dist *.egg-info
	@rm -rf .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
