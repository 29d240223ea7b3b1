"""What English and Portuguese write without words, and the words for it. Tables only; reading.py uses them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, eq=False)
class Language:
    """How one language writes and says what is not a word."""

    num2words: str
    group: str  # between thousands
    mark: str  # before decimals
    point: str
    minus: str
    percent: str
    until: str  # in ranges
    joint: str  # between the parts of an amount of money
    version: str
    numero: tuple[str, str]  # what announces a number, only before one, and its word
    months: str  # in order, between spaces
    ordinal: str  # pattern of the endings that make a number an ordinal one
    money: Mapping[str, tuple[str, str, str, str]]  # one, several, one hundredth, several hundredths
    units: Mapping[str, tuple[str, str]]
    abbreviations: Mapping[str, str]
    symbols: Mapping[str, str]


ENGLISH: Final = Language(
    num2words="en",
    group=",",
    mark=".",
    point="point",
    minus="minus",
    percent="percent",
    until="to",
    joint="and",
    version="version",
    numero=("No.", "Number"),
    months="January February March April May June July August September October November December",
    ordinal="st|nd|rd|th",
    money={
        "$": ("dollar", "dollars", "cent", "cents"),
        "€": ("euro", "euros", "cent", "cents"),
        "£": ("pound", "pounds", "penny", "pence"),
    },
    units={
        "km/h": ("kilometre per hour", "kilometres per hour"),
        "km": ("kilometre", "kilometres"),
        "cm": ("centimetre", "centimetres"),
        "mm": ("millimetre", "millimetres"),
        "m": ("metre", "metres"),
        "kg": ("kilogram", "kilograms"),
        "g": ("gram", "grams"),
        "mg": ("milligram", "milligrams"),
        "ml": ("millilitre", "millilitres"),
        "l": ("litre", "litres"),
        "ft": ("foot", "feet"),
        "lb": ("pound", "pounds"),
        "mph": ("mile per hour", "miles per hour"),
        "ms": ("millisecond", "milliseconds"),
        "min": ("minute", "minutes"),
        "Hz": ("hertz", "hertz"),
        "kHz": ("kilohertz", "kilohertz"),
        "MB": ("megabyte", "megabytes"),
        "GB": ("gigabyte", "gigabytes"),
        "TB": ("terabyte", "terabytes"),
        "°C": ("degree Celsius", "degrees Celsius"),
        "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
        "°": ("degree", "degrees"),
    },
    abbreviations={
        "Mr.": "Mister",
        "Mrs.": "Missis",
        "Ms.": "Miss",
        "Dr.": "Doctor",
        "Prof.": "Professor",
        "St.": "Saint",
        "Jr.": "Junior",
        "vs.": "versus",
        "etc.": "et cetera",
        "e.g.": "for example",
        "i.e.": "that is",
        "approx.": "approximately",
    },
    symbols={"&": "and", "@": "at", "+": "plus", "=": "equals"},
)

PORTUGUESE: Final = Language(
    num2words="pt_BR",
    group=".",
    mark=",",
    point="vírgula",
    minus="menos",
    percent="por cento",
    until="a",
    joint="e",
    version="versão",
    numero=("nº", "número"),
    months="janeiro fevereiro março abril maio junho julho agosto setembro outubro novembro dezembro",
    ordinal="º|ª|o|a",
    money={
        "R$": ("real", "reais", "centavo", "centavos"),
        "US$": ("dólar", "dólares", "centavo", "centavos"),
        "€": ("euro", "euros", "centavo", "centavos"),
    },
    units={
        "km/h": ("quilômetro por hora", "quilômetros por hora"),
        "km": ("quilômetro", "quilômetros"),
        "cm": ("centímetro", "centímetros"),
        "mm": ("milímetro", "milímetros"),
        "m": ("metro", "metros"),
        "kg": ("quilo", "quilos"),
        "g": ("grama", "gramas"),
        "ml": ("mililitro", "mililitros"),
        "l": ("litro", "litros"),
        "min": ("minuto", "minutos"),
        "MB": ("megabyte", "megabytes"),
        "GB": ("gigabyte", "gigabytes"),
        "°C": ("grau Celsius", "graus Celsius"),
        "°": ("grau", "graus"),
    },
    abbreviations={
        "Sr.": "Senhor",
        "Sra.": "Senhora",
        "Srs.": "Senhores",
        "Dr.": "Doutor",
        "Dra.": "Doutora",
        "Prof.": "Professor",
        "Profa.": "Professora",
        "Av.": "Avenida",
        "etc.": "et cetera",
        "p. ex.": "por exemplo",
    },
    symbols={"&": "e", "@": "arroba", "+": "mais", "=": "igual a"},
)

LANGUAGES: Final = {"en": ENGLISH, "pt": PORTUGUESE}
