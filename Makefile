# Copyright (c) 2026, the gpufleet.openstack authors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# Everything that is downloaded or built outside the clone lies under CACHE; what
# is built inside lies under .build. `make help` lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
MAKEFLAGS += --no-print-directory
.DEFAULT_GOAL := help

CACHE := $(or $(GPUFLEET_CACHE),$(HOME)/.cache/gpufleet)

PYTHON ?= $(shell tests/tools/find-python 11 14)
ifneq ($(shell $(or $(PYTHON),false) -c 'import sys; print(sys.version_info >= (3, 11))' 2>/dev/null),True)
$(error Python 3.11 or newer is needed, on PATH or in pyenv)
endif

# A virtual environment's name holds a hash of what it was made from.
venv-of = $(CACHE)/venv-$(1)-$(shell { echo $(PYTHON); $(PYTHON) -V; cat requirements/$(1).txt; } \
	| sha256sum | cut -c1-12)
DEV := $(call venv-of,dev)
PEER := $(call venv-of,peer)
PY := $(DEV)/bin/python
BED := PYTHONPATH=tests $(PY) -m beds.openstack

# The clone, where Python and Ansible look for a collection.
LINK := .build/ansible_collections/gpufleet/openstack
INSTALLED := .build/installed

export PATH := $(DEV)/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build
export ANSIBLE_HOME := $(CURDIR)/.build/ansible
export ANSIBLE_FORCE_COLOR ?= 0

# The ansible-cores, besides the one that development uses, for unit and sanity tests.
export CORES ?= oldest newest
ON_CORES := CACHE=$(CACHE) tests/tools/on-cores

# How many processes run tests side by side, and further arguments for pytest.
UNIT_WORKERS ?= 2
INTEGRATION_WORKERS ?= 5
PYTEST_ARGS ?=

# How often `make bench-against` runs the bench of each tree.
BENCH_ROUNDS ?= 5

# How long `make fuzz` takes.
FUZZ_SECONDS ?= 600

##@ Stages, each usable alone

.PHONY: help
help: ## this list
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {print "\n" substr($$0, 5)} \
		/^[a-z-]+:.*## / {printf "  %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: lint
lint: $(DEV)/.complete $(LINK) ## style, types, documentation, licences, changelog
	ruff format --check .
	ruff check .
	mypy
	yamllint --strict .
	ansible-lint --strict --nocolor
	antsibull-changelog lint
	antsibull-changelog lint-changelog-yaml --strict changelogs/changelog.yaml
	antsibull-docs lint-collection-docs --plugin-docs --validate-collection-refs=self \
		--check-extra-docs-refs $(LINK)
	$(MAKE) docs
	reuse lint --quiet || reuse lint
	tests/tools/check-tracked
	tests/tools/import-archive

.PHONY: unit
unit: $(DEV)/.complete $(LINK) ## unit tests, with the oldest and the newest ansible-core too (CORES=newest for one, CORES= for none)
	tests/tools/need-compiler
	$(PY) -m pytest -n $(UNIT_WORKERS) tests/unit $(PYTEST_ARGS)
	$(ON_CORES) "unit tests" tests/tools/unit-of-core -n $(UNIT_WORKERS) $(PYTEST_ARGS)

.PHONY: sanity
sanity: $(DEV)/.complete ## ansible-test sanity, of the oldest and the newest ansible-core too (SANITY_ARGS="--test pylint" for some of it)
	CACHE=$(CACHE) tests/tools/sanity $(SANITY_ARGS)
	$(ON_CORES) "sanity tests" tests/tools/sanity-of-core $(SANITY_ARGS)

.PHONY: integration
integration: $(DEV)/.complete $(PEER)/.complete $(LINK) ## tests against the OpenStack of tests/beds/openstack
	tests/tools/need-compiler
	PY=$(PY) PEER_PYTHON=$(PEER)/bin/python WORKERS=$(INTEGRATION_WORKERS) tests/tools/integration $(PYTEST_ARGS)

.PHONY: faults
faults: $(DEV)/.complete $(LINK) ## the fault suite at length: 30 rounds, 10 kills
	FAULT_ROUNDS=30 FAULT_KILLS=10 TESTS=tests/integration/faults PY=$(PY) \
		WORKERS=$(INTEGRATION_WORKERS) tests/tools/integration $(PYTEST_ARGS)

.PHONY: fuzz
fuzz: $(DEV)/.complete $(LINK) ## odd inputs for all parsers for FUZZ_SECONDS (600), guided by coverage where atheris is installed
	PYTHONPATH=tests:.build $(PY) -m unit.fuzz.run --seconds $(FUZZ_SECONDS)

.PHONY: attacks
attacks: $(DEV)/.complete $(PEER)/.complete $(LINK) ## all attacks, and the fuzz at length; the last line is their count as JSON
	tests/tools/need-compiler
	PY=$(PY) PEER_PYTHON=$(PEER)/bin/python WORKERS=$(INTEGRATION_WORKERS) \
		UNIT_WORKERS=$(UNIT_WORKERS) tests/tools/attacks $(PYTEST_ARGS)

.PHONY: test
test: ## lint, unit, sanity, integration; stops at the first that fails
	@tests/tools/stages lint unit sanity integration

##@ The bed: a real OpenStack on this machine (tests/beds/openstack/README.md)

.PHONY: bed-up
bed-up: $(DEV)/.complete ## start it and leave it running
	$(BED) up

.PHONY: bed-down
bed-down: $(DEV)/.complete ## stop it
	$(BED) down

.PHONY: bed-env
bed-env: $(DEV)/.complete ## what the shell needs to use it: eval "$$(make bed-env)"
	@$(BED) env
	@echo 'export PATH=$(DEV)/bin:$$PATH ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED)'
	@echo 'export ANSIBLE_PYTHON_INTERPRETER=$(PY)'

.PHONY: demo
demo: collection bed-up ## the demo playbook against the bed, as a user would run it
	tests/tools/need-compiler
	eval "$$($(BED) env)" && ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) \
		ansible-playbook -i localhost, gpufleet.openstack.demo \
		-e '{"demo_stand_in": "env PYTHONPATH=$(CURDIR)/tests $(PY) -m fakes.demo"}' \
		-e demo_report_folder=$(CURDIR)/.build/report

.PHONY: bed-check
bed-check: $(DEV)/.complete ## nodes and devices of the demo's clusters, as kubectl, inventory and overview count them (after DEMO_KEEP=1 make demo)
	eval "$$($(BED) env)" && PYTHONPATH=tests ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) \
		$(PY) -m beds.check $(CURDIR)/.build/report

##@ Benches

.PHONY: bench-facts
bench-facts: $(DEV)/.complete $(LINK) ## what gpu_facts costs on a node of eight devices
	tests/tools/need-compiler
	PYTHONPATH=tests:.build ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build \
		$(PY) -m bench.facts

.PHONY: bench-requests
bench-requests: $(DEV)/.complete $(PEER)/.complete $(LINK) bed-up ## requests and times of runs that change nothing, beside openstack.cloud
	PYTHONPATH=tests $(PY) -m bench.request_counts $(PEER)/bin/python

.PHONY: bench-inventory
bench-inventory: $(DEV)/.complete $(PEER)/.complete $(LINK) ## what the inventory costs, beside openstack.cloud's and a static file
	PYTHONPATH=tests:.build ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build \
		$(PY) -m bench.inventory $(PEER)/bin/python

.PHONY: bench-reports
bench-reports: $(DEV)/.complete $(PEER)/.complete $(LINK) ## what the reports and their sources cost, beside json_query in a play
	PYTHONPATH=tests $(PY) -m beds.prometheus
	PYTHONPATH=tests:.build ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build \
		$(PY) -m bench.reports $(PEER)/bin/python

.PHONY: bench-page
bench-page: $(DEV)/.complete $(LINK) ## what the report page costs in Chromium, beside one that only loads ECharts
	PYTHONPATH=tests $(PY) -m beds.browser
	PYTHONPATH=tests:.build $(PY) -m bench.page

.PHONY: bench-against
bench-against: $(DEV)/.complete ## a bench of this tree beside that of a revision, by turns: REVISION=HEAD~1 BENCH=facts (inventory, page, reports, requests)
	PYTHONPATH=tests $(PY) -m bench.against --rounds $(BENCH_ROUNDS) "$(REVISION)" "$(BENCH)"

##@ Helpers

.PHONY: record-cloud
record-cloud: $(DEV)/.complete $(PEER)/.complete $(LINK) bed-up ## write tests/fakes/recorded/cloud.json anew
	PYTHONPATH=tests:.build ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/.build \
		$(PY) -m fakes.recorded.record $(PEER)/bin/python

.PHONY: venv
venv: $(DEV)/.complete ## make the development environment and print the path of its bin
	@echo $(DEV)/bin

.PHONY: docs
docs: $(DEV)/.complete $(LINK) ## build the documentation site: .build/docs/html
	rm -rf .build/docs
	install -d -m 700 .build/docs/rst
	antsibull-docs collection --use-current --squash-hierarchy --fail-on-error \
		--no-add-antsibull-docs-version --dest-dir .build/docs/rst gpufleet.openstack
	sphinx-build -q -n -W --keep-going -j 2 -c docs/docsite .build/docs/rst .build/docs/html

.PHONY: collection
collection: $(DEV)/.complete ## build the archive and install it into .build/installed
	rm -rf $(INSTALLED) .build/archive
	ansible-galaxy collection build --output-path .build/archive
	ANSIBLE_COLLECTIONS_PATH=$(CURDIR)/$(INSTALLED) ansible-galaxy collection install \
		--no-deps --offline --collections-path $(INSTALLED) .build/archive/*.tar.gz

.PHONY: lock
lock: $(DEV)/.complete ## write requirements/*.txt anew from the *.in files, with hashes
	for name in dev:3.11 oldest:3.11 peer:3.11 newest:3.12; do \
		uv pip compile --quiet --upgrade --generate-hashes --universal --python-version $${name#*:} \
		--custom-compile-command "make lock" requirements/$${name%:*}.in \
		--output-file requirements/$${name%:*}.txt; done

.PHONY: clean
clean: ## remove what was built in the clone (the cache stays: rm -rf ~/.cache/gpufleet)
	rm -rf .build .ansible tests/output .ruff_cache .pytest_cache .mypy_cache .hypothesis
	find plugins tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(DEV)/.complete: requirements/dev.txt
	@tests/tools/make-venv $(PYTHON) $< $(@D)

$(PEER)/.complete: requirements/peer.txt
	@tests/tools/make-venv $(PYTHON) $< $(@D)

$(LINK):
	@mkdir -p $(@D)
	@ln -sfn ../../.. $@
