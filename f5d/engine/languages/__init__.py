"""The languages that are read out: one module of tables each. f5d/engine/reading uses them."""

from __future__ import annotations

import re
from typing import Final

from f5d.engine.languages.english import ENGLISH
from f5d.engine.languages.language import Language
from f5d.engine.languages.portuguese import PORTUGUESE

LANGUAGES: Final = {"en": ENGLISH, "pt": PORTUGUESE}


def language_of(code: str) -> Language | None:
    """Return the language of `en`, `EN`, `pt-BR` and so on; None for one that is not read out."""
    return LANGUAGES.get(re.split("[-_]", code.lower(), maxsplit=1)[0])
