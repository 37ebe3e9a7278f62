# Thin, for people: everything here is one command that can be read and run by hand.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: demo test check sim soak bench reference lint types imports unit clients clean

# .ci/python says what is missing on this machine or, for root on Debian, installs it.
$(VENV)/.installed: pyproject.toml constraints.txt
	PYTHON=$(PYTHON) .ci/python $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

demo: $(VENV)/.installed
	$(BIN)/python -m examples.wordcount.demo

check: lint types imports unit

lint: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed
	$(BIN)/mypy

imports: $(VENV)/.installed
	$(BIN)/lint-imports --config importlinter.ini

unit: $(VENV)/.installed
	$(BIN)/pytest -q -n 2 tests/unit tests/property tests/contracts tests/repo

# Third-party clients for the conformance tests, in an environment of their own.
$(VENV)-pymesos/.installed: tests/conformance/clients/install_pymesos.sh | $(VENV)/.installed
	PYTHON=$(PYTHON) tests/conformance/clients/install_pymesos.sh $(VENV)-pymesos

clients: $(VENV)-pymesos/.installed

# The simulator's seeds hang on the code alone: whoever tests the same code tests the same worlds.
test: lint types imports clients
	$(BIN)/pytest -q -n 2 --dist loadgroup tests
	$(BIN)/tepui sim fresh --minutes 3 --jobs 2 --by-code
	$(BIN)/python -m tests.soak --minutes 1 --if_possible

# Simulated clusters from seeds that nobody has tried: docs/how-to/simulate-a-cluster.md.
sim: $(VENV)/.installed
	$(BIN)/tepui sim fresh --minutes 3 --jobs 2

# A real cluster under kill -9 for ten minutes: docs/contributing/soak.md.
soak: $(VENV)/.installed
	$(BIN)/python -m tests.soak --minutes 10

bench: $(VENV)/.installed
	$(BIN)/python -m bench

# Writes the pages of docs/reference that are drawn from the code.
reference: $(VENV)/.installed
	$(BIN)/python docs/generate.py

clean:
	rm -rf $(VENV) $(VENV)-pymesos .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
