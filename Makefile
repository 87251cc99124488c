# The only task list. `make demo` and `make test` do all the set-up on a bare Debian or Ubuntu machine.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := build/venv
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
ENV := build/env
# CLUSTER=kubeconfig asks for a cluster that exists already; REGISTRY is where its nodes pull images from.
ASKED = $(if $(CLUSTER),--cluster '$(CLUSTER)' --context '$(CONTEXT)' --registry '$(REGISTRY)')
RINGS := tests/controller tests/staging tests/world tests/localcluster tests/e2e
LOCKS := operator dev swift keystone crate
export PYTHONPATH := operator

.PHONY: help demo test test-cluster test-plugins check unit e2e bench soak up down deploy gen lock images clean-cluster

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(VENV)/.complete: requirements/dev.txt
	@$(PYTHON) -m localcluster prepare
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	@touch $@

demo: up ## a real scan through a real cluster: watch it, then look into demo-output/
	@. $(ENV) && $(BIN)/python -m demo

test: $(VENV)/.complete ## everything: check, then the cluster, then every test; lists what was skipped
	@$(MAKE) --no-print-directory --jobs 2 check up
	@$(MAKE) --no-print-directory --jobs 2 test-plugins test-cluster
	@. $(ENV) && $(PYTEST) -m disturbs $(RINGS)

# Most of these tests wait for the cluster, so several run at a time; what disturbs others runs afterwards, alone.
test-cluster:
	@. $(ENV) && $(PYTEST) --numprocesses 2 -m "not (bench or disturbs or soak)" $(RINGS)

test-plugins:
	@$(PYTHON) plugins/run_tests.py

check: $(VENV)/.complete ## lint, types, imports, unit, golden, generated files; no cluster, seconds
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports >build/lint-imports.log || { cat build/lint-imports.log; exit 1; }
	@$(BIN)/python -m chris_operator.crds --check crds
	@$(PYTEST) -q tests/unit tests/golden tests/architecture

e2e: up ## only the tests that need the cluster
	@. $(ENV) && $(PYTEST) tests/e2e

bench: up ## measurements against the best alternative, into build/bench.json
	@. $(ENV) && $(PYTEST) -m bench tests/benchmarks || failed=$$?; $(BIN)/python -m tests.benchmarks.bench; exit $${failed:-0}

soak: up ## SOAK_RUNS=500 runs while operator, staging, Swift and API server are killed at random; then the proof
	@. $(ENV) && $(BIN)/python -m tests.soak

up: $(VENV)/.complete ## a cluster of its own with Swift, the operator and the plugins; or CLUSTER=kubeconfig
	@$(PYTHON) -m localcluster up $(ASKED) $(if $(CLUSTER),$(NAMES))
	@$(PYTHON) -m localcluster deploy $(ASKED)

deploy: $(VENV)/.complete ## this checkout's images and manifests onto the cluster that runs; or CLUSTER=kubeconfig
	@$(PYTHON) -m localcluster $(if $(CLUSTER),up $(ASKED) $(NAMES),images)
	@$(PYTHON) -m localcluster deploy $(ASKED)

down: ## remove the cluster without a trace; one of CLUSTER=kubeconfig stays, with word of how to remove ours
	@$(PYTHON) -m localcluster down $(ASKED)

images: $(VENV)/.complete ## build images (NAMES=… only these); REGISTRY=host/prefix pushes them there
	@$(PYTHON) -m localcluster images $(if $(REGISTRY),--registry $(REGISTRY)) $(NAMES)

gen: $(VENV)/.complete ## write generated files anew: CRDs, golden files
	@$(BIN)/python -m chris_operator.crds crds
	@$(PYTEST) -q tests/golden --regenerate

lock: $(VENV)/.complete ## compile the hash-pinned requirements anew
	@for name in $(LOCKS); do $(BIN)/uv pip compile --quiet --generate-hashes --python-version 3.11 --no-header \
	    --no-emit-index-url --no-emit-find-links requirements/$$name.in -o requirements/$$name.txt; done
