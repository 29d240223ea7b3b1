"""What f5ctl prints beside its answers."""

from __future__ import annotations

import pytest

from f5ctl.printing import warn


def test_a_warning_cannot_command_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """What a text of unknown origin would make a terminal do is shown as replaced."""
    warn("the voice \x1b[2J\nis odd")
    assert capfd.readouterr() == ("", "f5ctl: warning: the voice �[2J�is odd\n")


def test_quiet_leaves_warnings_out(capfd: pytest.CaptureFixture[str]) -> None:
    """With --quiet nobody hears of them; a bar prints them above itself."""
    told: list[str] = []
    warn("odd", quiet=True, tell=told.append)
    warn("even", tell=told.append)
    assert told == ["f5ctl: warning: even"]
    assert capfd.readouterr() == ("", "")
