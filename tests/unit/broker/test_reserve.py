"""Whether there is memory for a spare engine process."""

from __future__ import annotations

from pathlib import Path

from f5d.broker import reserve


def test_the_narrowest_limit_counts(tmp_path: Path) -> None:
    """Of the machine, the container and the unit; `max` is none, and on and off ask for nothing."""
    own, root = tmp_path / "own", tmp_path / "cgroup"
    own.write_text("0::/system.slice/f5d.service\n")
    unit = root / "system.slice" / "f5d.service"
    unit.mkdir(parents=True)
    assert list(reserve._limits(root, own)) == []
    (unit / "memory.max").write_text("max\n")
    (root / "memory.max").write_text("4000000000\n")
    assert list(reserve._limits(root, own)) == [4 * 10**9]
    (unit / "memory.max").write_text("2000000000\n")
    assert list(reserve._limits(root, own)) == [2 * 10**9, 4 * 10**9]
    assert list(reserve._limits(root, tmp_path / "none")) == []
    assert reserve.is_wanted("on")
    assert not reserve.is_wanted("off")
