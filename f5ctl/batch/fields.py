"""The fields of a line: which there are, what they admit, how a spreadsheet spells their values. Pure.

Fields that a `say` has too come from the table of parameters; the others are those of `BATCH_ONLY`. Any further
name is a column of the user's own, carried into the results.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

import click

from f5ctl.bounds import Rule
from f5ctl.parameters import PARAMETERS, PRIORITIES, QUALITIES, Parameter, named
from f5ctl.speech.output import FORMATS

BATCH_ONLY: Final[Mapping[str, Parameter]] = {
    "output": Parameter(str, "a file in DIR", "manifest", "the record's number"),
    "format": Parameter(str, "of a file without a suffix", "manifest", "`--format`", choices=tuple(FORMATS)),
    "quality": Parameter(
        str, "ODE steps by name, in place of `nfe_step`", "manifest", "`--quality`", choices=tuple(QUALITIES)
    ),
    "priority": Parameter(
        str, "whose turn it is while others speak too", "manifest", "`--priority`", choices=tuple(PRIORITIES)
    ),
}
FIELDS: Final[Mapping[str, Rule]] = {
    **{name: PARAMETERS[name] for name in named("manifest")},
    "text": Rule(),  # of any length here
    "ref_audio": Rule(),  # a path here
    **BATCH_ONLY,
}
RESULTS: Final = frozenset({"line", "status", "duration_s", "sha256", "code", "error"})  # what results tell
NOTES: Final = frozenset({"line", "code", "error"})  # what the list of failed lines adds

_ALIASES: Final = {"audio_file": "output"}  # of f5-tts's metadata.csv
_KIN: Final = {  # what people call the fields, in English, Portuguese, Spanish, French and German
    "text": "sentence transcript transcription txt texto frase texte phrase satz",
    "output": "file filename file_name wav audio audio_path out saída saida arquivo ficheiro salida archivo "
    "sortie fichier ausgabe datei dateiname",
    "voice": "speaker speaker_name spk voz locutor falante voix locuteur stimme sprecher",
    "language": "lang locale idioma língua lingua langue sprache",
    "quality": "qualidade calidad qualité qualität",
    "speed": "tempo rate velocidade velocidad vitesse geschwindigkeit",
    "format": "formato",
    "priority": "prioridade prioridad priorité priorität",
    "model": "modelo modèle modell",
    "seed": "semente semilla graine",
    "nfe_step": "steps nfe passos",
}
_MEANT: Final = {word: name for name, words in _KIN.items() for word in words.split()}
_NEAR: Final = 0.8  # of 1: `voise` is voice, `voice_id` is not
_DECIMAL_COMMA: Final = re.compile(r"([+-]?\d*),(\d+)")
_WHOLE: Final = re.compile(r"([+-]?\d+)[.,]0+")
# TRUE and FALSE as Excel and LibreOffice write them where they speak German, French, Italian, Portuguese, ...
_TRUE: Final = frozenset({"wahr", "vrai", "vero", "verdadeiro", "verdadero", "waar", "sant", "prawda"})
_FALSE: Final = frozenset({"falsch", "faux", "falso", "onwaar", "falskt", "fałsz"})
_BROKEN_CELL: Final = re.compile(  # likewise #NAME? and its kin
    r"#(N/[AD]|NV|DIV/0!|(NAME|NOME|NOM|NOMBRE|NAAM|NAVN|NAMN)\?|(REF|BEZUG|RIF|VERW)!"
    r"|(VALUE|VALOR|WERT|VALEUR|VALORE|WAARDE)!|(NUM|NÚM|ZAHL|NOMBRE|GETAL)!|(NULL|NULO|NUL|NULLO)!|SPILL!|CALC!)"
)


def spelt(names: Iterable[str]) -> dict[str, str]:
    """Return the field that each of `names` is, or the name itself where it is no field.

    Raises:
        click.UsageError: two of them are one field.
    """
    plain = {name: re.sub(r"[\s-]+", "_", name.strip()).casefold() for name in names}
    fields = {name: word if word in FIELDS else name.strip() for name, word in plain.items()}
    for name, word in plain.items():
        if word in _ALIASES and _ALIASES[word] not in fields.values():
            fields[name] = _ALIASES[word]
    seen: dict[str, str] = {}
    for name, field in fields.items():
        if field in seen:
            raise click.UsageError(f"fields {seen[field]!r} and {name!r} are the same")
        seen[field] = name
    return fields


def meant(name: str, there: Iterable[str]) -> str | None:
    """Return the field that an own column's name may be a slip for, none of those that are `there`."""
    missing = [field for field in FIELDS if field not in set(there)]
    word = re.sub(r"[\s-]+", "_", name.strip()).casefold()
    if _MEANT.get(word) in missing:
        return _MEANT[word]
    near = difflib.get_close_matches(word, missing, 1, _NEAR)
    return near[0] if near else None


def value_of(name: str, value: Any) -> Any:
    """Return the value of a field in its own type; the words of a table are read.

    Raises:
        click.UsageError: the field cannot have that value; the message says what it can have.
    """
    rule = FIELDS[name]
    read = _read(name, rule, value) if isinstance(value, str) else value
    if rule.kind is bool and type(value) is int and value in (0, 1):
        read = bool(value)
    if fault := rule.fault(read):
        raise click.UsageError(f"{name} is {fault}")
    return rule.kind(read)  # a number without a fraction as well: it is part of the line's key


def check_whole(name: str, text: str) -> None:
    """Raise click.UsageError for a text that cannot be sent: it holds half a character, or a NUL byte."""
    half = next((char for char in text if "\ud800" <= char <= "\udfff"), None)
    if half:
        raise click.UsageError(f"{name} holds half a character (U+{ord(half):04X} without its other half)")
    if "\0" in text:
        raise click.UsageError(f"{name} holds a NUL byte")


def _read(name: str, rule: Rule, value: str) -> Any:
    check_whole(name, value)
    word = value.strip()
    if _BROKEN_CELL.fullmatch(word):
        raise click.UsageError(f"{name} is {word}, an error of the spreadsheet")
    if rule.choices:
        return word.lower()
    if rule.kind is bool:
        lower = word.lower()
        return True if lower in _TRUE else False if lower in _FALSE else rule.read(word)
    if rule.kind in (int, float):
        if match := _WHOLE.fullmatch(word) or _DECIMAL_COMMA.fullmatch(word):
            word = ".".join(match.groups())
        return rule.read(word)
    return word
