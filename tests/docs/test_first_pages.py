"""What the pages that are read first say is what happens: every block of shell and Python runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from .pages import FIRST, try_page

if TYPE_CHECKING:
    from .conftest import Machine


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("page", FIRST, ids=lambda page: page.name)
def test_a_page_does_what_it_says(machine: Machine, page: Path) -> None:
    """The page's commands, one after the other in one shell, and its Python all end well."""
    try_page(machine, page)
