# Two commands do everything on a fresh machine; both need only python3 (3.10 or newer) with venv.
#   make demo    speech in hello.wav
#   make test    every check

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SENTENCE ?= This is the first day of the rest of your life.

.PHONY: demo test lint clean

demo: $(VENV)/installed
	@folder=$$(mktemp -d) && export F5D_SOCKET="$$folder/f5d.sock" XDG_STATE_HOME="$$folder" && \
	trap '$(BIN)/f5ctl -q stop; rm -rf "$$folder"' EXIT && \
	$(BIN)/f5ctl say --seed 1 -o hello.wav "$(SENTENCE)" && \
	echo "hello.wav says: $(SENTENCE)"

test: $(VENV)/installed-test lint
	$(BIN)/python -m pytest

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

clean:
	rm -rf $(VENV) hello.wav

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[test,lint]'
	@touch $(VENV)/installed $@
