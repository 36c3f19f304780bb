# Two commands do everything on a fresh machine: `make run` and `make test`.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
COMPONENTS := 'components/**/*.js' 'components/**/*.css'
export RADU_HOME ?= workspace
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUTF8 := 1
export TOKENIZERS_PARALLELISM := false

.DEFAULT_GOAL := help
.PHONY: help setup setup-dev models sample run demo lint check format hooks test test-fast bench clean browser docs pictures look

help:  ## This list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

$(VENV)/.ready: requirements.txt constraints.txt pyproject.toml
	@test -x $(PY) || $(PYTHON) -m venv $(VENV)
	@echo "Installing packages (about two minutes the first time) …"
	@$(PY) -m pip install --quiet -r requirements.txt -c constraints.txt
	@$(PY) -m pip install --quiet --no-deps -e .
	@touch $@

$(VENV)/.ready-dev: $(VENV)/.ready requirements-dev.txt requirements-ray.txt
	@$(PY) -m pip install --quiet -r requirements-dev.txt -r requirements-ray.txt -c constraints.txt
	@touch $@

setup: $(VENV)/.ready  ## Create .venv and install the packages
setup-dev: $(VENV)/.ready-dev

models: setup  ## Fetch the two default models (once)
	@test -d "$(RADU_HOME)/models/all-MiniLM-L6-v2" -a -d "$(RADU_HOME)/models/SmolLM2-135M-Instruct" \
	  || $(PY) -m radu_core models fetch

sample: models  ## Load the sample project into a workspace that is new
	@test -f "$(RADU_HOME)/radu.db" || $(PY) -m radu_core sample

run: sample  ## Set everything up and open the studio
	@$(PY) -m streamlit run app.py

demo: models  ## radu fit on the sample project: import to evaluation, in under ten minutes
	@$(PY) -m radu_core demo

format: setup-dev  ## Format the code
	@$(PY) -m ruff format .
	@$(PY) -m ruff check --fix .
	@$(VENV)/bin/oxfmt $(COMPONENTS)

lint: docs  ## Format, lint, spelling, types, docs, Dockerfile
	$(PY) -m ruff format --check .
	$(PY) -m ruff check .
	$(VENV)/bin/oxfmt --check $(COMPONENTS)
	$(VENV)/bin/oxlint --deny-warnings components
	$(VENV)/bin/typos
	$(PY) -m mypy
	$(VENV)/bin/hadolint Dockerfile

docs: setup-dev  ## Build the docs' site into build/docs; a warning or a broken link is an error
	@$(PY) -m sphinx -q -W --keep-going -n -b html -c docs/site -d build/doctrees . build/docs

pictures: setup-dev models browser  ## Take the pictures of the README and the docs again
	$(PY) docs/site/pictures.py

look: setup-dev models browser  ## Take pictures of every page, tab and dialog, to look at
	$(PY) tests/look.py --only "$(ONLY)"

hooks: setup-dev  ## Run these before every commit
	@$(VENV)/bin/prek install

check: lint  ## Format, lint, spelling, types, layering, fast tests
	$(PY) -m pytest -n 2 --dist worksteal -m "not slow and not e2e and not ray and not gpu"

browser:
	@command -v chromium >/dev/null || { \
	  echo "Chromium is missing: installing it with apt-get."; \
	  apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium \
	    fonts-noto-core fonts-noto-cjk fonts-noto-color-emoji >/dev/null; }

test: setup-dev models browser  ## Every test
	$(PY) -m pytest -m "not gpu"

test-fast: setup-dev
	$(PY) -m pytest -n 2 --dist worksteal -m "not slow and not e2e and not ray and not gpu"

bench: models  ## Every benchmark (see benchmarks/README.md)
	@for script in benchmarks/[a-z]*.py; do echo "== $$script"; $(PY) $$script || exit 1; done

clean:  ## Remove the venv (the workspace stays)
	rm -rf $(VENV)
