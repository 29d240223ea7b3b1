"""One booted machine for all tests of this folder, and the list of what they did."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator

import pytest

from .machine import CannotStartError, Machine

DID: list[str] = []


@pytest.fixture(scope="session")
def machine() -> Iterator[Machine]:
    """Return a machine with users alice and carol who may speak, once the group exists, and bob who may not."""
    started_s = time.monotonic()
    machine = Machine()
    try:
        machine.__enter__()
    except CannotStartError as error:
        pytest.skip(f"no container can start here: {error}")
    try:
        DID.append(f"booted a Debian with its own systemd in {time.monotonic() - started_s:.0f} s")
        for user in ("alice", "bob", "carol"):
            machine.run("useradd", "--create-home", user)
        yield machine
    finally:
        machine.__exit__(None, None, None)


@pytest.fixture
def did() -> Callable[[str], None]:
    """Return a function that adds a line to the list of what was done."""
    return DID.append


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Show the end of the journal beside a test that failed."""
    report = yield
    machine = getattr(item, "funcargs", {}).get("machine")
    if report.failed and isinstance(machine, Machine):
        lines = machine.run("journalctl", "--no-pager", "-n", "60", "-o", "short-precise", check=False).stdout
        report.sections.append(("journal", lines))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the list."""
    if DID:
        terminalreporter.section("what was done to a real systemd")
        for number, line in enumerate(DID, 1):
            terminalreporter.write_line(f"{number:3}. {line}")
