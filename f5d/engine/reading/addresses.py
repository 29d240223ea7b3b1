"""Addresses of the web and of mail, and names of files: their marks are said, a query is left out."""

from __future__ import annotations

import re
from re import Match
from typing import Final

from f5d.engine.languages.language import Language
from f5d.engine.reading.rules import Rule

_LABEL: Final = r"[A-Za-z0-9](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?"
_DOMAINS: Final = (
    "com|org|net|edu|gov|mil|int|info|biz|io|dev|app|ai|co|me|tv|br|pt|uk|us|ca|au|de|fr|es|it|nl|eu|ch|se|no|jp|cn"
    "|in|ru|mx|ar|xyz|site|online|blog|test|local|example"
)
_FILES: Final = (
    "txt|md|pdf|docx?|xlsx?|pptx?|csv|tsv|json|jsonl|xml|ya?ml|toml|html?|css|js|ts|py|rs|go|cpp|java|sh|jpe?g|png"
    "|gif|svg|webp|mp3|mp4|wav|flac|opus|ogg|srt|vtt|zip|gz|tar|exe|sav|conf|cfg|ini|log|sql|db|bin|iso|pt|safetensors"
)
_START: Final = r"(?<![\w@./:+-])"
_NOT_MORE: Final = r"(?![\w@-]|\.\w)"
_PATH: Final = r"(?:/[^\s<>\"'()\[\]{}|\\^`]{0,2000})?"


def rules(language: Language) -> list[Rule]:
    """Return the rules for what holds an address."""

    def say(match: Match[str]) -> str | None:
        return _spoken(match, language)

    return [
        Rule(rf"{_START}(?:https?|ftp)://(?P<address>[^\s<>\"'()\[\]{{}}|\\^`]{{1,2000}})", say),
        Rule(rf"{_START}(?P<address>[\w.+-]{{1,64}}@{_LABEL}(?:\.{_LABEL}){{1,8}}){_NOT_MORE}", say),
        Rule(rf"{_START}(?P<address>www\.{_LABEL}(?:\.{_LABEL}){{1,8}}{_PATH})", say),
        Rule(
            rf"{_START}(?P<address>(?:{_LABEL}\.){{1,8}}(?:{_DOMAINS})(?![\w@-]|\.[\w])(?::\d{{1,5}})?{_PATH})",
            say,
        ),
        Rule(
            rf"{_START}(?P<address>[A-Za-z0-9_-]{{1,64}}(?:\.[A-Za-z0-9_-]{{1,64}}){{0,3}}\.(?:{_FILES})){_NOT_MORE}",
            say,
        ),
        Rule(rf"{_START}(?P<address>\.(?:{_FILES}|{_DOMAINS}|NET|env|git\w{{0,20}})){_NOT_MORE}", say),
    ]


def _spoken(match: Match[str], language: Language) -> str | None:
    written = match["address"]
    ended = written.rstrip(".,;:!?'*")
    tail = written[len(ended) :]
    address = re.split(r"[?#]", ended, maxsplit=1)[0].rstrip("/")
    if not re.search(r"[^\W_]", address):
        return None
    said = re.sub(r"[.@/_:~+]", lambda mark: f" {language.address[mark[0]]} ", address)
    said = re.sub(r"[%&=*$,;!]{1,2000}", " ", said)
    return " ".join(said.split()) + tail
