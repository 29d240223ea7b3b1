"""Choosing the default model in a configuration that a person wrote."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from f5ctl.errors import ConfigError, OutputError
from f5d.catalog.default_model import set_default, user_file, with_model

TABLES = '\n[models.mine]\ncheckpoint = "model = x"\nmodel = "inner"\n'
UNUSUAL = 'asr_model = """\nmodel = "x"\n"""\n'


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", 'model = "new"\n'),
        ('model = "old"  # why\n', 'model = "new"  # why\n'),
        ('# model = "x"\nthreads = 2', '# model = "x"\nthreads = 2\nmodel = "new"\n'),
        (f"threads = 2\n{TABLES}", f'threads = 2\nmodel = "new"\n{TABLES}'),
        (f'  model   ="old"\n{TABLES}', f'  model   ="new"\n{TABLES}'),
        ("threads = 2\r\nmodel = 'old'\r\n", 'threads = 2\r\nmodel = "new"\r\n'),
        (f"{UNUSUAL}model = '''\nold'''\n", f'{UNUSUAL}model = "new"\n'),
    ],
    ids=["empty", "replaced", "added", "before tables", "not in tables", "DOS lines", "texts of several lines"],
)
def test_one_line_changes_and_nothing_else(before: str, after: str) -> None:
    """Comments, spaces, line ends, other keys and tables stay as they are."""
    assert with_model(before, "new", Path("f5d.toml")) == after


@pytest.mark.parametrize("text", ["model = ", "threads = 1\nthreads = 2\n", "[a]\n[a]\n"])
def test_what_is_no_configuration_is_left_alone(tmp_path: Path, text: str) -> None:
    """What is no TOML is refused and keeps every byte."""
    path = tmp_path / "f5d.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="is not TOML: "):
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
