"""Choosing the default model in a configuration that a person wrote."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from f5ctl.errors import ConfigError, OutputError
from f5d.catalog.default_model import set_default, user_file, with_model

TABLES = '\n[models.mine]\ncheckpoint = "model = x"\nmodel = "inner"\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'model = "new"\n'),
        ('model = "old"  # why\n', 'model = "new"\n'),
        ('# model = "x"\nthreads = 2', '# model = "x"\nthreads = 2\nmodel = "new"\n'),
        (f"threads = 2\n{TABLES}", f'threads = 2\nmodel = "new"\n{TABLES}'.replace("2\nmodel", "2\n\nmodel")),
        (f'model="old"{TABLES}', f'model = "new"{TABLES}'),
    ],
    ids=["empty", "replaced", "added", "before tables", "not in tables"],
)
def test_one_line_changes_and_nothing_else(before: str, after: str) -> None:
    """Comments, other keys and tables stay as they are."""
    got = with_model(before, "new", Path("f5d.toml"))
    assert got.replace("\n\n", "\n") == after.replace("\n\n", "\n")


@pytest.mark.parametrize("text", ["model = ", 'asr_model = """\nmodel = "x"\n"""\nmodel = "a"\n'])
def test_a_file_that_cannot_be_changed_safely_is_left_alone(tmp_path: Path, text: str) -> None:
    """What is no TOML, or would change its meaning, is refused and keeps every byte."""
    path = tmp_path / "f5d.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"is not TOML|too unusual"):
        set_default(path, "new")
    assert path.read_text() == text
    assert list(tmp_path.iterdir()) == [path]


def test_the_file_is_made_and_keeps_its_mode(tmp_path: Path) -> None:
    """A missing file is made with its folder; a private one stays private; a name is quoted."""
    path = tmp_path / "new" / "f5d.toml"
    set_default(path, "starter")
    path.chmod(0o600)
    set_default(path, 'my "best"')
    assert path.read_text() == 'model = "my \\"best\\""\n'
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    """A file where the folder should be is error 73."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        set_default(tmp_path / "file" / "f5d.toml", "starter")


def test_which_file_it_is() -> None:
    """F5D_CONFIG, else the user's configuration folder."""
    assert user_file({"F5D_CONFIG": "/a/b.toml"}) == Path("/a/b.toml")
    assert user_file({"XDG_CONFIG_HOME": "/x"}) == Path("/x/f5d/f5d.toml")
    assert user_file({"HOME": "/h"}) == Path("/h/.config/f5d/f5d.toml")
