# Patchbay's commands. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help setup run test check lint format messages train bench clean
MAKEFLAGS += --no-print-directory
PY := .venv/bin/python
FAST := tests/test_architecture.py tests/test_repository.py $(wildcard tests/registry/test_*.py) \
	$(addprefix tests/base/test_,messages.py message_properties.py yaml_reader.py redaction.py egress_rules.py) \
	$(addprefix tests/registry/,specfile protocols transports upstreams) \
	tests/routing/dataplane/test_gateway.py tests/versions/test_rules.py tests/versions/diff

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' Makefile

setup: .venv/.runtime ## make the environment: .venv with the pinned requirements
	@echo "setup: .venv is ready"

run: .venv/.runtime ## start everything; honours PORT, DATA_DIR, PRACTICE, PRACTICE_GPUS, DATABASE_URL, REDIS_URL
	@exec $(PY) -m controlplane.services run --under-make

test: .venv/.test lint ## set up what the tests need, run everything, name the slowest ten
	$(PY) -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder --durations=10

check: .venv/.test lint ## the inner loop: lint, types, laws and the fast tests
	$(PY) -m pytest -q -n 2 --dist loadfile -m "not slow and not browser" $(FAST)

lint: .venv/.test ## ruff, djlint, mypy, import-linter
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m djlint --lint --quiet templates
	$(PY) -m mypy .
	$(PY) -c 'from importlinter.cli import lint_imports_command; lint_imports_command()'

format: .venv/.test ## rewrite the code as ruff wants it
	$(PY) -m ruff check --fix --exit-zero .
	$(PY) -m ruff format .

messages: .venv/.test ## bring the message catalogue up to date
	@command -v xgettext >/dev/null || { echo "messages: ask root for: apt-get install gettext" >&2; exit 1; }
	$(PY) -m tests.catalogue

train: .venv/.train ## train the learned router on this machine, up to 90 minutes; what was begun goes on
	$(PY) -m routing.lab.learn.training.train

bench: .venv/.test ## our gateway beside other gateways, and memory; about 25 minutes the first time
	$(PY) -m benchmarks.gateway
	$(PY) -m benchmarks.footprint

clean: ## delete .data, with its database, and caches; .venv stays
	@! [ -x $(PY) ] || $(PY) -m controlplane.services clean
	@find . -name __pycache__ -not -path './.venv/*' -prune -exec rm -rf {} +
	@rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

.venv/.runtime: requirements.txt deploy/constraints.txt $(PY)
	@deploy/environment.sh runtime

# A missing Python, or one whose system Python has gone, makes the environment anew.
$(PY): ;

.venv/.test: .venv/.runtime tests/requirements.txt tests/constraints.txt routing/lab/learn/requirements.txt
	@deploy/environment.sh test

.venv/.train: .venv/.runtime routing/lab/learn/requirements.txt tests/constraints.txt
	@deploy/environment.sh train
