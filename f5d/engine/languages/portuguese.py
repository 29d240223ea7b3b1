"""Portuguese: its tables, and the words of its numbers, genders, dates and times."""

from __future__ import annotations

import re
from typing import Final

from f5d.engine.languages.language import Language, Time, in_order
from f5d.engine.languages.portuguese_words import (
    ABBREVIATIONS,
    AFTER_FRACTIONS,
    ANNOUNCED,
    BEFORE_DATES,
    BEFORE_NUMBERS,
    BOOKS,
    CALLED,
    DETERMINERS,
    FEMININE,
    FILLERS,
    LAST_WORDS,
    MASCULINE,
    MONEY,
    NUMBERED,
    PERS,
    REGNAL,
    SLASH_AFTER,
    SLASH_BEFORE,
    SLASHED,
    UNITS,
    UNPOINTED,
)

_ONES: Final = in_order(
    "zero um dois três quatro cinco seis sete oito nove dez onze doze treze catorze quinze dezesseis "
    "dezessete dezoito dezenove"
)
_TENS: Final = in_order("_ _ vinte trinta quarenta cinquenta sessenta setenta oitenta noventa")
_HUNDREDS: Final = in_order(
    "_ cento duzentos trezentos quatrocentos quinhentos seiscentos setecentos oitocentos novecentos"
)
_SCALES: Final = ("", "mil", *(f"{scale}lhão" for scale in in_order("mi bi tri quatri quinti sexti")))
_FIRST: Final = in_order("_ primeiro segundo terceiro quarto quinto sexto sétimo oitavo nono")
_TENTH: Final = in_order(
    "_ décimo vigésimo trigésimo quadragésimo quinquagésimo sexagésimo septuagésimo octogésimo nonagésimo"
)
_HUNDREDTH: Final = in_order(
    "_ centésimo ducentésimo tricentésimo quadringentésimo quingentésimo sexcentésimo septingentésimo "
    "octingentésimo noningentésimo"
)
_MONTHS: Final = in_order(
    "janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro"
)
_DAY: Final = r"0?[1-9]|[12]\d|3[01]"
_WRITTEN_DATE: Final = (  # 05, 06 e 07 de maio, 1 a 5 de maio, 5-7 de maio
    rf"(?P<day>{_DAY})(?:(?<=1)\s?[º°])?(?:\s?[-\u2013]\s?(?P<last>{_DAY}))?"
    rf"(?=(?:(?:,|\s[ae])\s\d\d?){{0,9}}\s?[Dd]e\s(?P<month>(?i:{'|'.join(_MONTHS)}))(?!\w))"
)
_NOUN: Final = re.compile(r"\s(?:(?:mil|\w{1,3}lh(?:ão|ões))\s)?(?:e\s(?:um|meia?)\s)?([^\W\d_]{1,30})")
_MASCULINE_NUMBER: Final = re.compile(r"\b(?:um|dois|[a-z]+entos)\b")


def _cardinal(number: int) -> str:
    if number < 1000:
        return _below_thousand(number)
    groups: list[tuple[str, int]] = []
    for scale in _SCALES:
        number, group = divmod(number, 1000)
        if group:
            groups.append((scale, group))
    _, last = groups[0]
    said = [_group(scale, group) for scale, group in reversed(groups)]
    if len(said) > 1 and (last < 100 or last % 100 == 0):
        said[-1] = f"e {said[-1]}"
    return " ".join(said)


def _group(scale: str, group: int) -> str:
    if group == 1 and scale == "mil":
        return scale
    several = group > 1 and scale.endswith("ão")
    return f"{_below_thousand(group)} {f'{scale[:-2]}ões' if several else scale}".rstrip()


def _below_thousand(number: int) -> str:
    if number < 20:
        return _ONES[number]
    if number == 100:
        return "cem"
    hundreds, rest = divmod(number, 100)
    tens, ones = divmod(rest, 10)
    parts = [_HUNDREDS[hundreds]] if hundreds else []
    if rest >= 20:
        parts.append(_TENS[tens])
        rest = ones
    if rest:
        parts.append(_ONES[rest])
    return " e ".join(parts)


def _ordinal(number: int, ending: str = "") -> str:
    thousands, rest = divmod(number, 1000)
    if number == 0 or thousands > 1:  # nobody says these as ordinals
        return _cardinal(number)
    hundreds, rest = divmod(rest, 100)
    tens, ones = divmod(rest, 10)
    parts = ["milésimo"] if thousands else []
    parts += [
        names[digit] for names, digit in ((_HUNDREDTH, hundreds), (_TENTH, tens), (_FIRST, ones)) if digit
    ]
    if "a" in ending or "ª" in ending:
        parts = [f"{part[:-1]}a" for part in parts]
    plural = "s" if ending.endswith("s") else ""
    return " ".join(f"{part}{plural}" for part in parts)


def _agree(words: str, after: str) -> str:
    noun = _NOUN.match(after)
    return _feminine(words) if noun and _is_feminine(noun[1]) else words


def _feminine(words: str) -> str:
    """Return a number as it stands before a feminine noun: millions are masculine and count themselves."""
    scales = max(words.rfind("lhão"), words.rfind("lhões")) + 1
    return words[:scales] + _MASCULINE_NUMBER.sub(_as_feminine, words[scales:])


def _as_feminine(match: re.Match[str]) -> str:
    return {"um": "uma", "dois": "duas"}.get(match[0]) or f"{match[0][:-2]}as"


def _is_feminine(noun: str) -> bool:
    noun = noun.lower()
    if noun in MASCULINE:
        return False
    ends = ("a", "as", "ção", "ções", "são", "sões", "dade", "dades", "tude", "agem", "agens", "gião", "giões")
    return noun in FEMININE or (len(noun) > 3 and noun.endswith(ends))


def _of_noun(words: str, noun: str) -> str:
    return f"{words} {'de ' if words.endswith(('lhão', 'lhões', 'lião', 'liões')) else ''}{noun}"


def _fraction(above: int, below: int, after: str) -> str | None:
    if above >= below:
        return None
    if (above, below) == (1, 2):
        noun = _NOUN.match(after)
        return "meia" if noun and _is_feminine(noun[1]) else "meio"
    if below > 10 and below not in (100, 1000):
        part = f"{_cardinal(below)} avo"
    else:
        part = {2: "meio", 3: "terço"}.get(below) or _ordinal(below)
    return f"{_cardinal(above)} {part}{'s' if above > 1 or (below > 10 and below not in (100, 1000)) else ''}"


def _mixed(whole: str, fraction: str, after: str) -> str:
    return f"{_agree(whole, after)} e {fraction}"


def _date(day: int, month: str, year: int | None) -> str:
    return f"{_day(day)} de {month}" + (f" de {_cardinal(year)}" if year else "")


def _day(day: int, _month: str = "", last: int | None = None) -> str:
    said = "primeiro" if day == 1 else _cardinal(day)
    return f"{said} a {_cardinal(last)}" if last else said


def _clock(time: Time) -> str:
    afternoon = {"": time.hour, "AM": time.hour % 12, "PM": time.hour % 12 + 12}
    hour, minute = _some(afternoon[time.half], "hora"), time.minute or 0
    if time.second:
        return f"{hour}, {_some(minute, 'minuto')} e {_some(time.second, 'segundo')}"
    return f"{hour} e {_cardinal(minute)}" if minute else hour


def _duration(time: Time) -> str:
    given = ((time.hour, "hora"), (time.minute, "minuto"), (time.second, "segundo"))
    parts = [_some(count, name) for count, name in given if count]
    if not parts:
        return _some(0, "hora")
    return " e ".join(filter(None, (", ".join(parts[:-1]), parts[-1])))


def _some(count: int, name: str) -> str:
    words = f"{_cardinal(count)} {name}{'' if count == 1 else 's'}"
    return _feminine(words) if name.endswith("a") else words


def _regnal_number(number: int, name: str) -> str:
    if number > 10:
        return _cardinal(number)
    return _ordinal(number, "ª" if name[-1] in "aA" else "")


def _roman(number: int, beside: str) -> str:
    return _ordinal(number) if number <= 10 and beside.lower().startswith("s") else _cardinal(number)


PORTUGUESE: Final = Language(
    group=".",
    mark=",",
    cardinal=_cardinal,
    ordinal=_ordinal,
    before_hours=frozenset({"às ", "à "}),
    hours="hora",
    endings=r"(?:\s?\.?[ºª]s?|°(?=\s(?!de\s|ao?\s|e\s|em\s|Celsius|Fahr)[^\W\d_]{2})|[oa]s?)",
    agree=_agree,
    year=None,
    fraction=_fraction,
    mixed=_mixed,
    halves=(2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 15, 16, 20, 24, 25, 32, 50, 64, 100, 1000),
    scales={
        "k": ("mil", "mil"),
        "K": ("mil", "mil"),
        "mi": ("milhão", "milhões"),
        "M": ("milhão", "milhões"),
        "MM": ("milhão", "milhões"),
        "bi": ("bilhão", "bilhões"),
        "B": ("bilhão", "bilhões"),
        "tri": ("trilhão", "trilhões"),
    },
    scale_words="(?:mil|milhão|milhões|bilhão|bilhões|bilião|biliões|trilhão|trilhões|trilião|triliões)",
    scale_initials="mbt",
    of_noun=_of_noun,
    point="vírgula",
    dot="ponto",
    minus="menos",
    until="a",
    ratio="para",
    slash="barra",
    slashed=SLASHED,
    slash_after=SLASH_AFTER,
    slash_before=SLASH_BEFORE,
    out_of="de",
    before_dates=BEFORE_DATES,
    after_fractions=AFTER_FRACTIONS,
    by="por",
    multiplied=frozenset(in_order("a ao de maior mais menor menos na no o por sem")),
    percent="por cento",
    permille="por mil",
    per="por",
    power="elevado a",
    squared="ao quadrado",
    cubed="ao cubo",
    version="versão",
    number="número",
    money=MONEY,
    joint="e",
    units=UNITS,
    dimensions=("de altura", "de largura", "de comprimento", "de profundidade"),
    inches_too=" e ",
    pers=PERS,
    months=_MONTHS,
    day_first=True,
    date=_date,
    written_dates=((_WRITTEN_DATE, _day),),
    clock=_clock,
    duration=_duration,
    decade=lambda words: words,
    decades=r"['\u2019](?P<decade>[1-9]0)(?!\w)",
    phones=(
        r"\(0?\d{2}\)\s?(?:9[ .-]?)?\d{4}[ .-]\d{4}",
        r"0?\d{2}[ -]9[ .-]?\d{4}[ .-]\d{4}",
        r"0[89]00[ -]\d{3}[ -]\d{4}",
        r"9?\d{4}-\d{4}",
        r"9\d{2} \d{3} \d{3}",
        r"\d{3}\.\d{3}\.\d{3}-\d{2}",
        r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}",
        r"\d{1,2}\.\d{3}\.\d{3}-[\dXx]",
        r"\d{2}\.?\d{3}-\d{3}",
        r"\d{4}-\d{3}",
    ),
    announced=ANNOUNCED,
    fillers=FILLERS,
    abbreviations=ABBREVIATIONS,
    sided={},
    called=CALLED,
    unpointed=UNPOINTED,
    before_numbers=BEFORE_NUMBERS,
    last_words=LAST_WORDS,
    numbered=NUMBERED,
    regnal=REGNAL,
    regnal_number=_regnal_number,
    roman=_roman,
    determiners=DETERMINERS,
    i_is_a_word=False,
    counted=frozenset(),
    symbols={
        "&": "e",
        "@": "arroba",
        "+": "mais",
        "=": "igual a",
        "\u00d7": "vezes",
        "\u00f7": "dividido por",
        "\u00b1": "mais ou menos",
        "\u2264": "menor ou igual a",
        "\u2265": "maior ou igual a",
        "\u2260": "diferente de",
        "\u2248": "cerca de",
        "\u221a": "raiz quadrada de",
        "\u2032": "pé",
        "\u2033": "polegada",
        "\u03c0": "pi",
        "\u00a7": "parágrafo",
    },
    address={
        ".": "ponto",
        "@": "arroba",
        "/": "barra",
        "_": "sublinhado",
        ":": "dois pontos",
        "~": "til",
        "+": "mais",
    },
    sharps={"#": "sharp", "\u266f": "sustenido", "\u266d": "bemol", "\u266e": "natural"},
    books=BOOKS,
    books_in_parts=frozenset(in_order("Samuel Reis Crônicas Coríntios Tessalonicenses Timóteo Pedro")),
    verses=",",
    nth_books=("Primeira", "Segunda", "Terceira"),
)
