# Each target sets up what it needs in .venv, from the lock, and touches nothing outside of the checkout but the caches
# of pip and of the control plane's build.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
PYTEST := $(BIN)/python -m pytest -p no:cacheprovider
UV_COMPILE := --quiet pip compile --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
  --no-emit-find-links --custom-compile-command 'make lock'

# The tests run in three parts beside each other: those that hold what decides to the last branch, since to measure
# takes time; those that wait for clocks and peers rather than work; and the others.
MEASURED := tests/policies tests/admission tests/server tests/test_folder.py tests/watching/test_controlling.py
WAITING := tests/certs tests/watching

.DEFAULT_GOAL := help
.PHONY: help demo run test cluster e2e e2e-browser e2e-node image generate manifests lint lint-python lint-types lint-imports lint-shell lint-image lint-yaml bench lock clean

help: ## Say what can be made
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-13s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements-dev.txt
	@command -v $(PYTHON) >/dev/null || { echo "There is no $(PYTHON) here: install Python 3.11 or later, or name one: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "$(PYTHON) is Python " + sys.version.split()[0] + ", and Batchwarden needs 3.11 or later: install one, or name it: make PYTHON=/path/to/python3")'
	@echo "Setting up $(VENV), once" >&2
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(READY) ## Show what it says of the example manifests: no cluster needed, ends by itself
	@$(BIN)/python deploy/demo.py

run: $(READY) ## The same, then leave the server running and say how to talk to it
	@$(BIN)/python deploy/demo.py --keep

test: $(READY) ## Run the tests that need nothing but Python; policies and admission covered to the last branch
	@$(BIN)/coverage erase
	@$(PYTEST) $(WAITING) $(MEASURED:%=--ignore=%) >.waiting.log 2>&1 & waiting=$$!; \
	  $(PYTEST) $(WAITING:%=--ignore=%) $(MEASURED:%=--ignore=%) >.others.log 2>&1 & others=$$!; status=0; \
	  $(BIN)/coverage run -m pytest -p no:cacheprovider $(MEASURED) || status=$$?; \
	  wait $$others || status=$$?; wait $$waiting || status=$$?; \
	  cat .others.log .waiting.log; rm .others.log .waiting.log; exit $$status
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report --include='policies/*,webhook/admission/*' --fail-under=100

cluster: $(READY) ## Run a Kubernetes of its own with Batchwarden in it, and say how to play with it, until Ctrl-C
	@$(BIN)/python -m tests.cluster

e2e: $(READY) ## Test against a real API server, the oldest by KUBERNETES=1.33; builds it the first time, by Go >= 1.26
	@tests/cluster/build >/dev/null
	@tests/cluster/tools/build >/dev/null
	@tests/cluster/build certmanager >/dev/null
	@tests/cluster/build promtool >/dev/null
	@$(BIN)/python -m pytest tests/cluster

e2e-browser: $(READY) ## Test the report for auditors in a real browser: takes Chromium, or Debian and root to install it
	@PYTHON=$(BIN)/python tests/browser/run

e2e-node: $(READY) ## Test on a real node, with the image: needs Linux and root, and builds what it runs the first time
	@PYTHON=$(BIN)/python tests/node/run

image: ## Build the image and run it; needs root, buildah and debootstrap
	@tests/cluster/image

generate: $(READY) ## Write what is generated from the rules: their reference, and the schema for editors
	@$(BIN)/python deploy/generate.py

manifests: ## Write the manifests for those without Helm, from the chart; builds helm the first time, which takes Go >= 1.26
	@deploy/render >deploy/manifests/batchwarden.yaml.unfinished
	@mv deploy/manifests/batchwarden.yaml.unfinished deploy/manifests/batchwarden.yaml

lint: lint-python lint-types lint-imports lint-shell lint-image lint-yaml ## Check style, types, who imports whom, scripts, image and YAML

lint-python: $(READY)
	@$(BIN)/ruff check --quiet
	@$(BIN)/ruff format --quiet --diff

lint-types: $(READY)
	@$(BIN)/mypy --no-error-summary

lint-imports: $(READY)
	@$(BIN)/lint-imports --no-logo --no-cache

lint-shell: $(READY)
	@git ls-files -z | xargs -0 awk 'FNR == 1 && /^#!.*sh$$/ {print FILENAME} {nextfile}' | xargs $(BIN)/shellcheck

lint-image: $(READY)
	@$(BIN)/hadolint Dockerfile

# Templates of a chart are no YAML before they are rendered.
lint-yaml: $(READY)
	@git ls-files -z '*.yaml' '*.yml' ':!deploy/helm/*/templates/*' | xargs -0 $(BIN)/yamllint --strict

bench: $(READY) ## Measure, and print the figures of the README
	@$(BIN)/python -m tests.bench

lock: $(READY) ## Write the lock files; ARGS=--upgrade takes the newest versions
	@$(BIN)/uv $(UV_COMPILE) pyproject.toml --output-file requirements.txt $(ARGS)
	@$(BIN)/uv $(UV_COMPILE) pyproject.toml --group dev --constraints requirements.txt --output-file requirements-dev.txt $(ARGS)
	@echo hatchling | $(BIN)/uv $(UV_COMPILE) - --constraints requirements-dev.txt --output-file requirements-build.txt $(ARGS)

clean: ## Remove what the other targets made here
	@rm -rf $(VENV) dist .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
