"""What the other pages say is what happens too; and a page that is wrong is found."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .pages import OTHERS, prepared, try_page

if TYPE_CHECKING:
    from .conftest import Machine


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.name)
def test_a_page_does_what_it_says(machine: Machine, page: Path) -> None:
    """The page's commands, one after the other in one shell, and its Python all end well."""
    try_page(machine, page)


@pytest.mark.parametrize(
    "text",
    [
        "```sh\nf5ctl say Hello. -o a.wav --no-such-option\n```",
        "```sh\nf5ctl say -v nobody Hello. -o a.wav\n```",
        "```sh\nf5ctl status | false\n```",
        "```sh\nf5ctl say -v nobody Hello. -o a.wav &\n```",
        "```python\nimport f5ctl\nf5ctl.speak()\n```",
        "1. step\n\n   ```sh\n   false\n   ```",
        '```sh\ntest ! -e a.py\n```\n```python\n# a.py\nprint("a")\n```\n```sh\ntest ! -e a.py\n```',
    ],
)
def test_a_page_that_is_wrong_is_found(machine: Machine, tmp_path: Path, text: str) -> None:
    """An unknown option, an error, a failing pipe or background job, broken Python: each is noticed."""
    page = tmp_path / "page.md"
    page.write_text(text)
    done = machine.run(prepared(page))
    assert done.returncode != 0
