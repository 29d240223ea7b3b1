# Two commands do everything on a fresh machine; they need only python3 (3.10 or newer) with venv.
#   make demo    speech in hello.wav
#   make check   for every edit: lint, types, and the tests that are quick
#   make test    every check but five:
#   make test-doors    the servers, with the clients of other programs
#   make test-cuda    what runs on a GPU, without one: emulated devices, kernels interpreted and compiled
#   make test-starter    how the bundled model was made, and whether a recogniser understands it
#   make test-install    the core, the engine and the Dockerfile's steps, each in an environment of its own
#   make test-systemd    the units, on a machine with a real systemd (as root; Debian or Ubuntu)
#   make man     the manual pages in man/
#   make pages     docs/commands.md, the tables of the other pages, systemd/f5d.toml

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
EVERYTHING := full,test,lint
SENTENCE ?= This is the first day of the rest of your life.

# $(call install,EXTRAS): where uv is on PATH it picks the torch for this machine's GPU, or the CPU's; otherwise, and
# where it cannot reach that, pip takes the release that constraints.txt pins.
install = { command -v uv >/dev/null && { uv pip install --python $(BIN)/python --torch-backend=auto \
	-c constraints.txt --editable '.[$(1)]' || { echo "uv could not; pip does it" >&2; false; }; }; } || \
	$(BIN)/pip install --disable-pip-version-check -c constraints.txt --editable '.[$(1)]'

.PHONY: demo check test test-doors test-cuda test-starter test-install test-systemd lint man pages clean

demo: $(VENV)/installed
	@folder=$$(mktemp -d) && export F5D_SOCKET="$$folder/f5d.sock" XDG_STATE_HOME="$$folder" && \
	trap '$(BIN)/f5ctl -q stop; rm -rf "$$folder"' EXIT && \
	$(BIN)/f5ctl say --seed 1 -o hello.wav "$(SENTENCE)" && \
	echo "hello.wav says: $(SENTENCE)" && \
	for player in paplay pw-play aplay "ffplay -nodisp -autoexit" play ""; do \
		! command -v $${player%% *} >/dev/null || break; \
	done && \
	echo "Hear it:        $${player:+$$player }hello.wav" && \
	echo "Speak yourself: export PATH=\"$(abspath $(BIN)):\$$PATH\"" && \
	echo "                f5ctl say \"Hello there.\" -o mine.wav    # README.md has more"

# What speaks, trains, dies or runs a page's commands takes long; what else does is marked slow. Many of these tests
# wait, so four workers share two cores.
check: $(VENV)/installed-test lint
	$(BIN)/python -m pytest tests/unit tests/test_directions.py tests/docs tests/model/test_catalog.py \
	tests/integration/test_requests.py tests/integration/test_lifecycle.py tests/integration/test_service.py \
	-m "not slow" --ignore=tests/docs/test_python_page.py -n 4 --dist loadfile --no-loadscope-reorder

test: $(VENV)/installed-test lint
	$(BIN)/python -m pytest --ignore=tests/systemd --ignore=tests/install --ignore=tests/starter --ignore=tests/doors \
	--ignore-glob='tests/model/test_cuda_*' --ignore-glob='tests/model/test_fused_*' -n 4 --dist loadfile \
	--no-loadscope-reorder

test-doors: $(VENV)/installed-test
	$(BIN)/python -m pytest tests/doors -n 2 --dist loadfile

test-cuda: $(VENV)/installed-test
	$(BIN)/python -m pytest tests/model/test_cuda_*.py tests/model/test_fused_*.py -n 2 --dist loadfile

test-starter: $(VENV)/installed-test
	$(BIN)/python -m pytest tests/starter -n 2 --dist load

test-install: $(VENV)/installed-test
	$(BIN)/python -m pytest tests/install

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
	@echo "Installing f5d with its engine into $(VENV), 41 packages. With torch's CPU build: 0.2 GB to fetch, 1.0 GB on"
	@echo "the disk, about two minutes on two cores. With its CUDA build: about 7 GB on the disk, and some minutes more."
	@$(call install,engine)
	@touch $@

$(VENV)/installed-test: pyproject.toml constraints.txt | $(BIN)/pip
	@echo "Installing f5d with all its extras and test tools into $(VENV), about 166 packages. With torch's CPU build:"
	@echo "0.8 GB to fetch, 3.2 GB on the disk, about five minutes on two cores. With its CUDA build: about 8 GB on the disk."
	@$(call install,$(EVERYTHING))
	@touch $(VENV)/installed $@
