"""English: its currencies, units, abbreviations and names."""

from __future__ import annotations

from typing import Final

from f5ctl.sentences import words
from f5d.engine.languages.language import Money, plural

_DOLLAR: Final = Money("dollar", "dollars", "cent", "cents")
_EURO: Final = Money("euro", "euros", "cent", "cents")
_POUND: Final = Money("pound", "pounds", "penny", "pence")
_YEN: Final = Money("yen", "yen", "sen", "sen")
_RUPEE: Final = Money("rupee", "rupees", "paisa", "paise")
_REAL: Final = Money("real", "reais", "centavo", "centavos")
_MEXICAN_PESO: Final = Money("Mexican peso", "Mexican pesos", "centavo", "centavos")


def _of(country: str, *, of: Money = _DOLLAR) -> Money:
    return Money(f"{country} {of.one}", f"{country} {of.several}", of.part, of.parts)


MONEY: Final = {
    "$": _DOLLAR,
    "€": _EURO,
    "£": _POUND,
    "¥": _YEN,
    "₹": _RUPEE,
    "Rs.": _RUPEE,
    "Rs": _RUPEE,
    "¢": Money("cent", "cents", "", ""),
    "R$": _REAL,
    "US$": _of("US"),
    "A$": _of("Australian"),
    "AU$": _of("Australian"),
    "S$": _of("Singapore"),
    "MX$": _MEXICAN_PESO,
    "C$": _of("Canadian"),
    "CA$": _of("Canadian"),
    "NZ$": _of("New Zealand"),
    "HK$": _of("Hong Kong"),
    "₩": Money("won", "won", "jeon", "jeon"),
    "₽": Money("rouble", "roubles", "kopeck", "kopecks"),
    "₺": Money("lira", "lira", "kurus", "kurus"),
    "₪": Money("shekel", "shekels", "agora", "agorot"),
    "₫": Money("dong", "dong", "hao", "hao"),
    "฿": Money("baht", "baht", "satang", "satang"),
    "₿": Money("bitcoin", "bitcoins", "", ""),
    "USD": _of("US"),
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "INR": _RUPEE,
    "BRL": _REAL,
    "CAD": _of("Canadian"),
    "AUD": _of("Australian"),
    "CHF": Money("Swiss franc", "Swiss francs", "centime", "centimes"),
    "CNY": Money("yuan", "yuan", "fen", "fen"),
    "NOK": Money("Norwegian krone", "Norwegian kroner", "øre", "øre"),
    "SEK": Money("Swedish krona", "Swedish kronor", "öre", "öre"),
    "DKK": Money("Danish krone", "Danish kroner", "øre", "øre"),
    "kr": Money("krone", "kroner", "øre", "øre"),
    "MXN": _MEXICAN_PESO,
    "NZD": _of("New Zealand"),
    "HKD": _of("Hong Kong"),
    "SGD": _of("Singapore"),
    "KRW": Money("won", "won", "jeon", "jeon"),
    "ZAR": Money("rand", "rand", "cent", "cents"),
    "PLN": Money("zloty", "zloty", "grosz", "groszy"),
    "ARS": Money("Argentine peso", "Argentine pesos", "centavo", "centavos"),
    "CLP": Money("Chilean peso", "Chilean pesos", "centavo", "centavos"),
}


UNITS: Final = plural(
    km="kilometre",
    cm="centimetre",
    mm="millimetre",
    nm="nanometre",
    m="metre",
    kg="kilogram",
    g="gram",
    mg="milligram",
    t="tonne",
    ml="millilitre",
    mL="millilitre",
    cl="centilitre",
    dl="decilitre",
    dL="decilitre",
    mmol="millimole",
    tsp="teaspoon",
    tbsp="tablespoon",
    l="litre",
    L="litre",
    ha="hectare",
    mi="mile",
    yd="yard",
    oz="ounce",
    lb="pound",
    ms="millisecond",
    ns="nanosecond",
    s="second",
    sec="second",
    secs="second",
    min="minute",
    mins="minute",
    h="hour",
    hr="hour",
    hrs="hour",
    kB="kilobyte",
    KB="kilobyte",
    MB="megabyte",
    GB="gigabyte",
    Mb="megabit",
    Gb="gigabit",
    TB="terabyte",
    PB="petabyte",
    V="volt",
    kV="kilovolt",
    W="watt",
    kW="kilowatt",
    MW="megawatt",
    GW="gigawatt",
    kWh="kilowatt hour",
    MWh="megawatt hour",
    mAh="milliampere hour",
    dB="decibel",
    kcal="kilocalorie",
    cal="calorie",
    kJ="kilojoule",
    hPa="hectopascal",
    kPa="kilopascal",
    MP="megapixel",
    px="pixel",
) | {
    "lbs": ("pound", "pounds"),
    "in.": ("inch", "inches"),
    "mg/dL": ("milligram per decilitre", "milligrams per decilitre"),
    "mg/kg": ("milligram per kilogram", "milligrams per kilogram"),
    "mmol/L": ("millimole per litre", "millimoles per litre"),
    "g/L": ("gram per litre", "grams per litre"),
    "L/min": ("litre per minute", "litres per minute"),
    "mmHg": ("millimetre of mercury", "millimetres of mercury"),
    "Ω": ("ohm", "ohms"),
    "kΩ": ("kilohm", "kilohms"),
    "MΩ": ("megohm", "megohms"),
    "°N": ("degree north", "degrees north"),
    "°S": ("degree south", "degrees south"),
    "°E": ("degree east", "degrees east"),
    "°W": ("degree west", "degrees west"),
    "ft": ("foot", "feet"),
    "sq ft": ("square foot", "square feet"),
    "µm": ("micrometre", "micrometres"),
    "μm": ("micrometre", "micrometres"),
    "µg": ("microgram", "micrograms"),
    "μg": ("microgram", "micrograms"),
    "µs": ("microsecond", "microseconds"),
    "μs": ("microsecond", "microseconds"),
    "km/h": ("kilometre per hour", "kilometres per hour"),
    "kph": ("kilometre per hour", "kilometres per hour"),
    "m/s": ("metre per second", "metres per second"),
    "m/s²": ("metre per second squared", "metres per second squared"),
    "mph": ("mile per hour", "miles per hour"),
    "mpg": ("mile per gallon", "miles per gallon"),
    "rpm": ("revolution per minute", "revolutions per minute"),
    "bpm": ("beat per minute", "beats per minute"),
    "fps": ("frame per second", "frames per second"),
    "kB/s": ("kilobyte per second", "kilobytes per second"),
    "KB/s": ("kilobyte per second", "kilobytes per second"),
    "MB/s": ("megabyte per second", "megabytes per second"),
    "GB/s": ("gigabyte per second", "gigabytes per second"),
    "Mb/s": ("megabit per second", "megabits per second"),
    "Gb/s": ("gigabit per second", "gigabits per second"),
    "kbps": ("kilobit per second", "kilobits per second"),
    "Mbps": ("megabit per second", "megabits per second"),
    "Gbps": ("gigabit per second", "gigabits per second"),
    "mm²": ("square millimetre", "square millimetres"),
    "cm²": ("square centimetre", "square centimetres"),
    "m²": ("square metre", "square metres"),
    "km²": ("square kilometre", "square kilometres"),
    "ft²": ("square foot", "square feet"),
    "mi²": ("square mile", "square miles"),
    "mm³": ("cubic millimetre", "cubic millimetres"),
    "cm³": ("cubic centimetre", "cubic centimetres"),
    "m³": ("cubic metre", "cubic metres"),
    "km³": ("cubic kilometre", "cubic kilometres"),
    "ft³": ("cubic foot", "cubic feet"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("kilohertz", "kilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "°C": ("degree Celsius", "degrees Celsius"),
    "ºC": ("degree Celsius", "degrees Celsius"),
    "℃": ("degree Celsius", "degrees Celsius"),
    "°F": ("degree Fahrenheit", "degrees Fahrenheit"),
    "℉": ("degree Fahrenheit", "degrees Fahrenheit"),
    "°": ("degree", "degrees"),
    "′": ("foot", "feet"),
    "″": ("inch", "inches"),
}
PERS: Final = {
    "mo": "month",
    "yr": "year",
    "wk": "week",
    "gal": "gallon",
    "hour": "hour",
    "day": "day",
    "week": "week",
    "month": "month",
    "year": "year",
    "person": "person",
    "night": "night",
    "piece": "piece",
    "user": "user",
}
SLASHED: Final = {
    "24/7": "twenty-four seven",
    "24/7/365": "twenty-four seven, three sixty-five",
    "9/11": "nine eleven",
    "7/11": "seven eleven",
    "20/20": "twenty twenty",
}
SLASH_AFTER: Final = (
    dict.fromkeys(words("score scored scores rated rating rate grade graded marks got"), "out of")
    | dict.fromkeys(words("part page step chapter episode slide level stage lesson round batch"), "of")
    | dict.fromkeys(words("pressure bp"), "over")
    | {"odds": "to"}
)
SLASH_BEFORE: Final = (
    dict.fromkeys(words("star stars points"), "out of")
    | dict.fromkeys(words("time metre meter signature beat vision"), "")
    | {"mmhg": "over"}
)
BEFORE_DATES: Final = words(
    "on due since until till dated date born expires monday tuesday wednesday thursday friday saturday sunday"
)
AFTER_FRACTIONS: Final = words(
    "of a an the page pages cup cups inch inches mile miles hour hours acre acres pound pounds price size "
    "speed sheet sheets majority"
)
BOOKS: Final = {
    name: book
    for book, names in {
        "Genesis": "genesis gen",
        "Exodus": "exodus exod",
        "Leviticus": "leviticus lev",
        "Numbers": "numbers num",
        "Deuteronomy": "deuteronomy deut dt",
        "Joshua": "joshua",
        "Judges": "judges judg",
        "Ruth": "ruth",
        "Samuel": "samuel sam",
        "Kings": "kings kgs",
        "Chronicles": "chronicles chron chr",
        "Ezra": "ezra",
        "Nehemiah": "nehemiah neh",
        "Esther": "esther esth",
        "Job": "job",
        "Psalm": "psalm psalms ps pss",
        "Proverbs": "proverbs prov",
        "Ecclesiastes": "ecclesiastes eccl",
        "Isaiah": "isaiah isa",
        "Jeremiah": "jeremiah jer",
        "Lamentations": "lamentations lam",
        "Ezekiel": "ezekiel ezek",
        "Daniel": "daniel",
        "Hosea": "hosea hos",
        "Joel": "joel",
        "Amos": "amos",
        "Obadiah": "obadiah obad",
        "Jonah": "jonah",
        "Micah": "micah mic",
        "Nahum": "nahum",
        "Habakkuk": "habakkuk hab",
        "Zephaniah": "zephaniah zeph",
        "Haggai": "haggai hag",
        "Zechariah": "zechariah zech",
        "Malachi": "malachi mal",
        "Matthew": "matthew matt mt",
        "Mark": "mark mk",
        "Luke": "luke lk",
        "John": "john jn",
        "Acts": "acts",
        "Romans": "romans rom",
        "Corinthians": "corinthians cor",
        "Galatians": "galatians gal",
        "Ephesians": "ephesians eph",
        "Philippians": "philippians phil",
        "Colossians": "colossians col",
        "Thessalonians": "thessalonians thess",
        "Timothy": "timothy tim",
        "Titus": "titus",
        "Philemon": "philemon phlm",
        "Hebrews": "hebrews heb",
        "James": "james jas",
        "Peter": "peter pet",
        "Jude": "jude",
        "Revelation": "revelation revelations rev",
    }.items()
    for name in names.split()
}
ABBREVIATIONS: Final = {
    "mr.": "Mister",
    "mrs.": "Missis",
    "Ms.": "Miss",
    "prof.": "Professor",
    "Rev.": "Reverend",
    "Gen.": "General",
    "Col.": "Colonel",
    "Lt.": "Lieutenant",
    "Sgt.": "Sergeant",
    "Capt.": "Captain",
    "Gov.": "Governor",
    "Sen.": "Senator",
    "messrs.": "Messieurs",
    "Hon.": "Honourable",
    "Rep.": "Representative",
    "Pres.": "President",
    "Maj.": "Major",
    "Adm.": "Admiral",
    "Cmdr.": "Commander",
    "Cpl.": "Corporal",
    "Pvt.": "Private",
    "Supt.": "Superintendent",
    "Fr.": "Father",
    "esq.": "Esquire",
    "Univ.": "University",
    "Assn.": "Association",
    "bldg.": "Building",
    "Co.": "Company",
    "Mt.": "Mount",
    "Ft.": "Fort",
    "jr.": "Junior",
    "sr.": "Senior",
    "vs.": "versus",
    "etc.": "et cetera",
    "e.g.": "for example",
    "i.e.": "that is",
    "cf.": "compare",
    "approx.": "approximately",
    "Dept.": "department",
    "govt.": "government",
    "Ave.": "Avenue",
    "blvd.": "Boulevard",
    "Rd.": "Road",
    "Hwy.": "Highway",
    "Inc.": "Incorporated",
    "ltd.": "Limited",
    "Corp.": "Corporation",
    "Bros.": "Brothers",
    "ph.d.": "P H D",
    "a.k.a.": "also known as",
    "w/o": "without",
    "w/out": "without",
    "w/": "with",
    "b/c": "because",
    "c/o": "care of",
    "at&t": "A T and T",
}
UNPOINTED: Final = {"Mr": "Mister", "Mrs": "Missis", "Ms": "Miss", "Dr": "Doctor", "Prof": "Professor"} | {
    "St": "Saint",
    "Mt": "Mount",
    "Sgt": "Sergeant",
    "Capt": "Captain",
    "Lt": "Lieutenant",
}
BEFORE_NUMBERS: Final = {
    "no.": "number",
    "nos.": "numbers",
    "№": "number",
    "nº": "number",
    "n°": "number",
    "vol.": "volume",
    "vols.": "volumes",
    "ch.": "chapter",
    "fig.": "figure",
    "figs.": "figures",
    "p.": "page",
    "pp.": "pages",
    "pg.": "page",
    "sec.": "section",
    "rev.": "revision",
    "est.": "established",
    "col.": "column",
    "art.": "article",
    "apt.": "apartment",
    "ext.": "extension",
    "ca.": "circa",
    "c.": "circa",
    "tel.": "telephone",
    "~": "about",
    "≈": "about",
}
LAST_WORDS: Final = words(
    "etc. jr. sr. inc. ltd. corp. co. bros. esq. bldg. ave. blvd. rd. hwy. ph.d. st. dr. dept. govt. approx."
)
NUMBERED: Final = words(
    "chapter chapters part parts act acts scene scenes book books volume volumes section sections article "
    "articles appendix phase type class level grade stage title table figure canto psalm war bowl year "
    "tier annex exhibit schedule lesson unit episode season division group category mark verse vol ch sec "
    "fig art pt bk"
)
DETERMINERS: Final = words(
    "a an the this that these those my your his her its our their each every no some any both one two three "
    "four five six seven eight nine ten"
)
REGNAL: Final = words(
    "Henry Louis Elizabeth Charles George Edward Richard William James Mary John Paul Pius Benedict "
    "Gregory Ramses Ramesses Napoleon Philip Frederick Alexander Nicholas Peter Catherine Leo Innocent "
    "Clement Urban Francis Otto Ivan Wilhelm Ferdinand Darius Xerxes Ptolemy Haakon Olav Harald Gustav "
    "Christian Margaret Carlos Felipe Alfonso Pedro Boniface Sixtus Julius Leopold Albert Constantine "
    "Justinian Henri Juan Cleopatra Thutmose Amenhotep Malcolm Robert David Stephen Edmund Rama Umberto "
    "Manuel Baldwin"
)
FILLERS: Final = words("is was are number numbers no nr at on me us the your my our to of it")
ANNOUNCED: Final = words(
    "code codes pin passcode password account acct zip postcode phone tel telephone mobile cell fax call "
    "dial text extension ext id serial card passport licence license invoice tracking reference ref "
    "booking confirmation routing"
)
