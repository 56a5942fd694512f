# Two commands set everything up on a machine with Python 3.11 or newer:
#   make demo    shows check, apply and verify on the broken agents of examples/
#   make test    runs the tests

PYTHON ?= $(shell command -v python3.11 || command -v python3)
BIN := .venv/bin
# constraints.txt holds the torch that the tests were run with; the package itself pins none.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt

.PHONY: demo test rule clean

demo: .venv/demo.installed
	@PATH="$(CURDIR)/$(BIN):$$PATH" examples/demo.sh

test: .venv/dev.installed
	$(BIN)/pytest --numprocesses auto

# make rule CODE=PF599 NAME=frozen-normaliser FAMILY=network [FIX=safe|unsafe|none] [PROBE=1]
rule:
	@$(PYTHON) tools/scaffold.py $(CODE) $(NAME) $(FAMILY) --fix $(or $(FIX),safe) $(if $(PROBE),--probe)

clean:
	rm -rf .venv build dist *.egg-info

$(BIN)/python:
	$(PYTHON) -m venv .venv

.venv/demo.installed: EXTRAS := runtime,report
.venv/dev.installed: EXTRAS := dev
.venv/%.installed: pyproject.toml constraints.txt | $(BIN)/python
	$(INSTALL) --editable '.[$(EXTRAS)]'
	@touch $@
