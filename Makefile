# Every target sets up what it needs from a bare clone: Python 3.11 or newer and make are enough.
# Another Python: make demo PYTHON=python3.11

PYTHON ?= python3
PORT ?= 8000
ARGS ?=
RUNS ?= 200
RUN = .venv/bin/python

.DEFAULT_GOAL := help
.PHONY: help demo test test-quick faults lint format pictures clean

help: ## show this list
	@echo "make TARGET, where TARGET is one of:"
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1 # \2/p' Makefile | awk -F ' # ' '{printf "%-13s %s\n", $$1, $$2}'

demo: ## set up and run the site with demo data (PORT=8000)
	@$(PYTHON) dentamind/bootstrap.py
	@$(RUN) -m dentamind.supervisor --port $(PORT) --check
	@$(RUN) manage.py migrate --verbosity 0
	@PORT=$(PORT) $(RUN) manage.py seed_demo
	@$(RUN) -m dentamind.supervisor --port $(PORT) --stop-with-parent

test: ## everything, on SQLite and on PostgreSQL with Redis (ARGS="-k word")
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m tests.rig.run $(ARGS)

test-quick: ## the part on SQLite (ARGS="-k word")
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m tests.rig.run --quick $(ARGS)

faults: ## kill processes at every window and prove nothing is lost or sent twice (RUNS=200)
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m tests.faults --runs $(RUNS) $(ARGS)

lint: ## style, formatting, migrations, settings for production
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m tests.rig.lint

format: ## put the code into the house's format
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m ruff check --fix .
	@$(RUN) -m ruff format .

pictures: ## take the README's pictures anew (needs Chromium)
	@$(PYTHON) dentamind/bootstrap.py --dev
	@$(RUN) -m tests.rig.pictures

clean: ## remove what the targets made; .env and the database stay
	@rm -rf .venv .pytest_cache .ruff_cache .hypothesis var tests/npm/node_modules staticfiles
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
