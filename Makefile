# Two commands do everything on a fresh machine; they need only python3 (3.10 or newer) with venv.
#   make demo    speech in hello.wav
#   make test    every check but one:
#   make test-systemd    the units, on a machine with a real systemd (as root; Debian or Ubuntu)
#   make man     the manual pages in man/
#   make pages     docs/commands.md, the tables of the other pages, systemd/f5d.toml

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
SENTENCE ?= This is the first day of the rest of your life.

.PHONY: demo test test-systemd lint man pages clean

demo: $(VENV)/installed
	@folder=$$(mktemp -d) && export F5D_SOCKET="$$folder/f5d.sock" XDG_STATE_HOME="$$folder" && \
	trap '$(BIN)/f5ctl -q stop; rm -rf "$$folder"' EXIT && \
	$(BIN)/f5ctl say --seed 1 -o hello.wav "$(SENTENCE)" && \
	echo "hello.wav says: $(SENTENCE)"

test: $(VENV)/installed-test lint
	$(BIN)/python -m pytest --ignore=tests/systemd -n 2 --dist loadfile

test-systemd: $(VENV)/installed-test
	@{ command -v debootstrap && command -v systemd-nspawn; } >/dev/null || \
	{ apt-get update -qq && apt-get install -qq -y --no-install-recommends debootstrap systemd-container; } >/dev/null \
	|| echo "debootstrap and systemd-container cannot be installed here" >&2
	$(BIN)/python -m pytest tests/systemd -rs

lint: $(VENV)/installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

man: $(VENV)/installed
	$(BIN)/python docs/manual.py man

pages: $(VENV)/installed
	$(BIN)/python docs/manual.py docs/commands.md
	$(BIN)/python docs/tables.py

clean:
	rm -rf $(VENV) hello.wav man

$(BIN)/pip:
	$(PYTHON) -m venv $(VENV)

$(VENV)/installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable .
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt --editable '.[test,lint]'
	@touch $(VENV)/installed $@
