from __future__ import annotations

import pytest
from num2words import num2words

from f5d.engine.languages import LANGUAGES
from f5d.engine.reading import read_out
from f5d.engine.text import clean_text

MONEY = {
    "$49.95, $12.75 and $21.50": (
        "forty-nine dollars and ninety-five cents, twelve dollars and seventy-five cents"
        " and twenty-one dollars and fifty cents"
    ),
    "He paid $12.50, then $1 and $0.99.": (
        "He paid twelve dollars and fifty cents, then one dollar and ninety-nine cents."
    ),
    "£1,000.01": "one thousand pounds and one penny",
    "It cost $5.3 billion.": "It cost five point three billion dollars.",
    "$6.5B, $8K, £6.5 million, £3m, $6bn": (
        "six point five billion dollars, eight thousand dollars, six point five million pounds,"
        " three million pounds, six billion dollars"
    ),
    "$2 million dollars": "two million dollars",
    "2,75 € or €2,75 or 5 €.": (
        "two euros and seventy-five cents or two euros and seventy-five cents or five euros."
    ),
    "¥500, ₹1,50,000, 50¢, 5 USD, USD 5, 100 NOK": (
        "five hundred yen, one hundred and fifty thousand rupees, fifty cents, five US dollars,"
        " five US dollars, one hundred Norwegian kroner"
    ),
    "$5-$10, $5-10 million, $5M-$10M, £3–5bn, 5-10 €": (
        "five to ten dollars, five to ten million dollars, five million to ten million dollars,"
        " three to five billion pounds, five to ten euros"
    ),
    "-$5 or $-5": "minus five dollars or minus five dollars",
    "$5/kg and €99/month": "five dollars per kilogram and ninety-nine euros per month",
    "$1.555": "one point five five five dollars",
    "5bn, 5 bn, £3 bn, 2mn, 4K, 3D, 10 K, $.00, $.50, $007": (
        "five billion, five billion, three billion pounds, two million, four K, three D,"
        " ten K, zero dollars, fifty cents, seven dollars"
    ),
    "$0.00 $100": "zero dollars one hundred dollars",
}
RANGES = {
    "5-7 p.m., 9-11 AM. Then": "five to seven PM, nine to eleven AM. Then",
    "€5.00–€7.50, $2.50-$3, $1.5-2 million": (
        "five euros to seven euros and fifty cents, two dollars and fifty cents to three dollars,"
        " one point five to two million dollars"
    ),
    "Wash at 40–60°C.": "Wash at forty to sixty degrees Celsius.",
    "20%-30% and 10–20%": "twenty percent to thirty percent and ten to twenty percent",
    "5-6 km, 10 – 20 mph, 3-4 days": "five to six kilometres, ten to twenty miles per hour, three to four days",
    "3:45-4:15, 9am-5pm": "three forty-five to four fifteen, nine AM to five PM",
    "20°C-30°C": "twenty degrees Celsius to thirty degrees Celsius",
    "pages 3-5, 1939-1945": "pages three to five, nineteen thirty-nine to nineteen forty-five",
    "COVID-19, an F-16, Text-to-speech": "COVID-nineteen, an F-sixteen, Text-to-speech",
    "10 - 3 = 7": "ten minus three equals seven",
    "-5 °C at 60 km/h": "minus five degrees Celsius at sixty kilometres per hour",
}
TIMES = {
    "We met at 9:30AM, left at 7:00am and ate at 12:00 PM.": (
        "We met at nine thirty AM, left at seven AM and ate at twelve PM."
    ),
    "at 10:05, 3:00, 23:15 and 0:30": "at ten oh five, three o'clock, twenty-three fifteen and zero thirty",
    "9 a.m. to 5 p.m. Then home. 9:30 a.m. is early": "nine AM to five PM. Then home. nine thirty AM is early",
    "It took 1:30:05.": "It took one hour thirty minutes and five seconds.",
    "at 1:30:05 PM": "at one thirty and five seconds PM",
    "2h 5min": "two hours and five minutes",
    "Maps of 1:1000 or 1:50,000, odds of 1000:1, 1:2.5, at 1:50, 7 of us.": (
        "Maps of one to one thousand or one to fifty thousand, odds of one thousand to one, one to two"
        " point five, at one fifty, seven of us."
    ),
    "The ratio is 3:2, the screen 16:9.": "The ratio is three to two, the screen sixteen to nine.",
}
DATES = {
    "2023/12/25, 2023/1/5": "December twenty-fifth twenty twenty-three, January fifth twenty twenty-three",
    "2023/13/25": "two thousand and twenty-three slash thirteen slash twenty-five",
    "on 2026-11-23": "on November twenty-third twenty twenty-six",
    "03/14/2022, 3/4/22 and 2022-03-14": (
        "March fourteenth twenty twenty-two, March fourth twenty twenty-two and March fourteenth twenty"
        " twenty-two"
    ),
    "25/12/2025": "December twenty-fifth twenty twenty-five",
    "31/02/2024 is none": "thirty-one slash zero two slash twenty twenty-four is none",
    "02/30/2024": "zero two slash thirty slash twenty twenty-four",
    "2026-01-31T14:30:00Z": "January thirty-first twenty twenty-six, fourteen thirty",
    "August 15, 1947 and Feb. 29, 2024": (
        "August fifteenth, nineteen forty-seven and February twenty-ninth, twenty twenty-four"
    ),
    "4 July 1990, July 4th, May 5-7": "fourth of July nineteen ninety, July fourth, May fifth to seventh",
    "Nov. 5-3, Feb. 28-30, Feb. 28-29, 5-3 May": (
        "Nov. five to three, Feb. twenty-eight to thirty, February twenty-eighth to twenty-ninth, five to three"
        " May"
    ),
    "In 1999, the 90s, the 2000s, the '80s, the 1990s": (
        "In nineteen ninety-nine, the nineties, the two thousands, the eighties, the nineteen nineties"
    ),
    "1066, 1905, 2005, 2099, 1900": (
        "one thousand and sixty-six, nineteen oh-five, two thousand and five, twenty ninety-nine,"
        " nineteen hundred"
    ),
}
CODES = {
    "Call 555-0134 or 212-555-0147.": (
        "Call five five five, zero one three four or two one two, five five five, zero one four seven."
    ),
    "100-1000 people, 350-1200, call 350-1200, 555-1200, 800-0100": (
        "one hundred to one thousand people, three hundred and fifty to twelve hundred,"
        " call three five zero, one two zero zero, five five five, one two zero zero,"
        " eight zero zero, zero one zero zero"
    ),
    "(555) 010-4477, 1-800-555-0199, 555.123.4567": (
        "five five five, zero one zero, four four seven seven,"
        " one, eight zero zero, five five five, zero one nine nine, five five five, one two three, four"
        " five six seven"
    ),
    "+49 821 555123, 86150 Augsburg": (
        "plus four nine, eight two one, five five five one two three, eight six one five zero Augsburg"
    ),
    "Your code is 481516. PIN: 4821": "Your code is four eight one five one six. PIN: four eight two one",
    "Beverly Hills, CA 90210, zip code 90210": (
        "Beverly Hills, CA nine zero two one zero, zip code nine zero two one zero"
    ),
    "account 4321-8765-2109-6543": (
        "account four three two one, eight seven six five, two one zero nine, six five four three"
    ),
    "agent 007": "agent zero zero seven",
    "1234567890123": "one two three four five six seven eight nine zero one two three",
    "v1.2.3, 192.168.1.1": (
        "version one point two point three, one hundred and ninety-two point one hundred and"
        " sixty-eight point one point one"
    ),
    "#5, No. 5, no. 42, Nos. 3-4": "number five, Number five, number forty-two, Numbers three to four",
    "B2B and 4K, MP3, G20": "B two B and four K, MP three, G twenty",
}
NUMBERS = {
    "I have 3. You have 4.": "I have three. You have four.",
    "1,234,567 people": "one million two hundred and thirty-four thousand five hundred and sixty-seven people",
    "1\u202f000\u202f000 users": "one million users",
    "12 000 people, 5 000 km, $1 000, 0 000, 12 345, 3 000 to 10 000.": (
        "twelve thousand people, five thousand kilometres, one thousand dollars, zero zero zero zero, twelve"
        " three hundred and forty-five, three thousand to ten thousand."
    ),
    "50% of 3.14, .5, 3,14 and 1,2,3": (
        "fifty percent of three point one four, point five, three point one four and one, two, three"
    ),
    "1st, 22nd, 1,000th and 2/3": "first, twenty-second, one thousandth and two thirds",
    "2 1/2 cups, 2½ cups, ½ cup, 5/8": "two and a half cups, two and a half cups, one half cup, five eighths",
    "1 kg, 1999 g": "one kilogram, one thousand nine hundred and ninety-nine grams",
    "5 km², 20 m³ and 20 m²": "five square kilometres, twenty cubic metres and twenty square metres",
    "x², E = mc², 10⁶, H₂O": "x squared, E equals mc squared, ten to the power of six, H two O",
    "10K users, 1.5M followers": "ten thousand users, one point five million followers",
    "1920x1080, 3 x 4": "one thousand nine hundred and twenty by one thousand and eighty, three by four",
    "1e999": "one times ten to the power of nine hundred and ninety-nine",
    "①②③": "one two three",
    "① one ②two ⒊three ⓐ four ⒝five ❷ six ⓭ seven, ⑵,": (
        "one one two two three. three a four b five two six thirteen seven, two,"
    ),
    "05 km, 007 g and agent 007": "five kilometres, seven grams and agent zero zero seven",
    "the 5-year plan": "the five-year plan",
}
WORDS = {
    "10^6, 2^10, x^2 and y^3, 10^-6, $$x^2$$": (
        "ten to the power of six, two to the power of ten, x squared and y cubed,"
        " ten to the power of minus six, $$x squared$$"
    ),
    "1.000.000 or 1.000.000.000, 192.168.100.200": (
        "one million or one billion, one hundred and ninety-two point one hundred and sixty-eight point"
        " one hundred point two hundred"
    ),
    "12 Mb/s, 5 MB/s": "twelve megabits per second, five megabytes per second",
    "3x as fast, 2x + 1, 4x4": "three times as fast, two x plus one, four by four",
    "½½, 1½ ½, 1⁄2, 50٪": "one half one half, one and a half one half, one half, fifty percent",
    "Mr. Smith vs. Dr. No, Mr Jones and Mrs Lee": "Mister Smith versus Doctor No, Mister Jones and Missis Lee",
    "No. 5, she said. No. Never.": "Number five, she said. No. Never.",
    "He lives on Main St. near St. Mary.": "He lives on Main Street near Saint Mary.",
    "Sunset Dr. near Oak Ave. and 3rd St. Then home.": (
        "Sunset Drive near Oak Avenue and third Street. Then home."
    ),
    "At 5 p.m. őszike came, at 6 p.m. Éva. (At 7 p.m.) Then etc. æon": (
        "At five PM őszike came, at six PM. Éva. (At seven PM.) Then et cetera æon"
    ),
    "Pears, plums, etc. Then we left, etc. and so on": (
        "Pears, plums, et cetera. Then we left, et cetera and so on"
    ),
    "5 ft. of 100 ms. each. He is 6 ft. He left. 5-6 km. He ran 5 km.": (
        "five feet of one hundred milliseconds each. He is six feet. He left. five to six kilometres."
        " He ran five kilometres."
    ),
    "A size of 100kB. (#647) He is 6 ft. (183 cm) tall.": (
        "A size of one hundred kilobytes. (number six hundred and forty-seven) He is six feet (one hundred and"
        " eighty-three centimetres) tall."
    ),
    "10 sec. 20 min. later, 5-6 lbs. of it (6 ft.), 5 km... and $5/lb. of 3 s. sec. 5, 5 Rs. Then": (
        "ten seconds twenty minutes later, five to six pounds of it (six feet), five kilometres... and"
        " five dollars per pound of three seconds section five, five rupees. Then"
    ),
    "I love AT&T and R&D.": "I love A T and T and R and D.",
    "World War II, Chapter IV, Act Ⅳ, vol. II": "World War two, Chapter four, Act four, volume two",
    "Henry VIII, Louis XIV's court, Elizabeth II, Henry Ⅷ": (
        "Henry the Eighth, Louis the Fourteenth's court, Elizabeth the Second, Henry the Eighth"
    ),
    "Louis ⅩⅣ, Act Ⅳ, Scene ⅸ, ⅩⅤ ⅻ": "Louis the Fourteenth, Act four, Scene nine, fifteen twelve",
    "Rocky IV is on. The IV line, Two XX chromosomes, my IV": (
        "Rocky four is on. The IV line, Two XX chromosomes, my IV"
    ),
    "DNA XX AND ROCKY II. CHAPTER IV OF WORLD WAR II. HENRY VIII WAS": (
        "DNA XX AND ROCKY two. CHAPTER four OF WORLD WAR two. HENRY the Eighth WAS"
    ),
    "USB Type C, Class D, Appendix C, Part V, psalm CL, PHASE II": (
        "USB Type C, Class D, Appendix C, Part five, psalm one hundred and fifty, PHASE two"
    ),
    "the XIX century": "the nineteenth century",
    "I, V and MI are words. MIX it. A CD. I am John I think.": (
        "I, V and MI are words. MIX it. A CD. I am John I think."
    ),
    "See https://www.example.org/a/b?x=1#y today.": "See www dot example dot org slash a slash b today.",
    "Mail jo_an.silva@mail.example.com!": "Mail jo underscore an dot silva at mail dot example dot com!",
    "Look at mail.example.org. And requirements.txt": (
        "Look at mail dot example dot org. And requirements dot txt"
    ),
    "C++, a+b=c, 5 × 6": "C plus plus, a plus b equals c, five times six",
}
CURRENCIES = {
    "$5 USD, US$5 USD, USD $5, $5 CAD, CAD $5 and €5 EUR": (
        "five US dollars, five US dollars, five US dollars, five Canadian dollars, five Canadian dollars and"
        " five euros"
    ),
    "$5.50 USD, $5M USD, $5 million USD, $5-$10 USD, 5 € EUR, -$5 USD": (
        "five US dollars and fifty cents, five million US dollars, five million US dollars, five to ten US"
        " dollars, five euros, minus five US dollars"
    ),
    "$5 USD/month, ¥500 CNY, $5, EUR 5, 500 NZD": (
        "five US dollars per month, five hundred yuan, five dollars, five euros,"
        " five hundred New Zealand dollars"
    ),
}
SLASHES = {
    "Open 24/7, 24/7/365. On 9/11, a 50/50 or 70/30 split, 20/20 vision.": (
        "Open twenty-four seven, twenty-four seven, three sixty-five. On nine eleven, a fifty fifty or seventy"
        " thirty split, twenty twenty vision."
    ),
    "On 25/12, due 12/25, on 3/4 we met. Monday, 5/6 and 7/24. Due 31/12, 16/9": (
        "On December twenty-fifth, due December twenty-fifth, on March fourth we met. Monday, May sixth and"
        " July twenty-fourth. Due December thirty-first, sixteen slash nine"
    ),
    "on 3/4 of it, 2/3 of us, 5/8, 3 1/2 cups, on 45/60": (
        "on three quarters of it, two thirds of us, five eighths, three and a half cups, on forty-five"
        " slash sixty"
    ),
    "He scored 3/4 of it, on 1/2 page, on 5/8 inch bolts, 9/10": (
        "He scored three quarters of it, on one half page, on five eighths inch bolts, nine tenths"
    ),
    "4/5 stars, 5/5, rated 4/5, a score of 7/10, part 3/11, page 12/12": (
        "four out of five stars, five out of five, rated four out of five, a score of seven out of ten,"
        " part three of eleven, page twelve of twelve"
    ),
    "the odds are 10/1, at odds of 5/1, a 7/11 shop, until 2/3 majority": (
        "the odds are ten to one, at odds of five to one, a seven eleven shop, until two thirds majority"
    ),
    "a pressure of 120/80, in 6/8 time, 130/85 mmHg": (
        "a pressure of one hundred and twenty over eighty, in six eight time, one hundred and thirty over"
        " eighty-five mmHg"
    ),
}
LENGTHS = {
    "3'4\", 5'11\" tall, 6' tall, a 5'10 man, 5’ 8” and 27″": (
        "three feet four inches, five feet eleven inches tall, six feet tall, a five feet ten inches man,"
        " five feet eight inches and twenty-seven inches"
    ),
    'a 24" or 27" screen, 12"-15", 8" x 10", 8"x10", 3/4" and 1 1/2" pipes': (
        "a twenty-four inches or twenty-seven inches screen, twelve inches to fifteen inches, eight inches by"
        " ten inches, eight inches by ten inches, three quarters inch and one and a half inch pipes"
    ),
    "10' x 12' and 1' 1\", 3'45\" and 3'05\"": (
        "ten feet by twelve feet and one foot one inch, three minutes and forty-five seconds and three minutes"
        " and five seconds"
    ),
    "40° 26' 46\" and 40°26'N": (
        "forty degrees, twenty-six minutes, forty-six seconds and forty degrees, twenty-six minutes N"
    ),
    'He said "take 5" and "room 5". “In 5” the \'90s, 5\'ers': (
        'He said "take five" and "room five". “In five” the nineties, five\'ers'
    ),
    'It was "5", he said, and a 27" disk.': 'It was "five", he said, and a twenty-seven inches disk.',
}
VERSES = {
    "Rev. 3:16, Rev. 21:4-5, Gen. 1:1 and Gen 1:1": (
        "Revelation three sixteen, Revelation twenty-one four to five, Genesis one one and Genesis one one"
    ),
    "1 Cor. 13:4, II Kings 2:3, Matt. 5:3–10, John 3:16, 17": (
        "First Corinthians thirteen four, Second Kings two three, Matthew five three to ten, John three"
        " sixteen, seventeen"
    ),
    "Rev. Smith, Gen. Lee, Rev. 3 of it, col. 5, Sam 3:30": (
        "Reverend Smith, General Lee, Revision three of it, column five, Sam three thirty"
    ),
    "John 3:16 pm, odds of 3:16": "John three sixteen PM, odds of three sixteen",
}
CODE = {
    "C#, F#, C# minor, A# is B♭, F♯, in C#. C++17": (
        "C sharp, F sharp, C sharp minor, A sharp is B flat, F sharp, in C sharp. C plus plus seventeen"
    ),
    "issue #5, #5, ab# and #tag": "issue number five, number five, ab# and #tag",
    "array[0], x[1][2], arr[-1], my_list[3], data['key'], items[i], a[1:3], b[i+1], v[2] = 5": (
        "array zero, x one two, arr minus one, my_list three, data 'key', items i, a one to three,"
        " b i plus one, v two equals five"
    ),
    "The tower[12] leans[3][4]. Two brother[s] walk[ed].": "The tower leans. Two brothers walked.",
    r"The array\[0\] and f(x)\[1\]": "The array zero and f(x) one",
    "a .txt file, .NET and .gitignore. And": "a dot txt file, dot NET and dot gitignore. And",
}
TABLE = MONEY | RANGES | TIMES | DATES | CODES | NUMBERS | WORDS
LONGER_CODES = {
    "Call 911. Ext. 405, dial 100 times, call 250 people, 911 is": (
        "Call nine one one. Extension four zero five, dial one hundred times, call two hundred and fifty"
        " people, nine hundred and eleven is"
    ),
    "1-800-FLOWERS, 1-800-555-0199, 1-2-3": (
        "one, eight zero zero, FLOWERS, one, eight zero zero, five five five, zero one nine nine, one, two,"
        " three"
    ),
    "IBAN DE89 3704 0044 0532 0130 00, 1Z999AA10123456784 and BA2490": (
        "IBAN D E eight nine, three seven zero four, zero zero four four, zero five three two, zero one three"
        " zero, zero zero, one Z nine nine, nine A A one, zero one two three, four five six seven, eight four"
        " and BA two thousand four hundred and ninety"
    ),
    "12:34:56:78:9a:bc, AB-1B-44-11-3A-B7, 192.168.0.1:8080": (
        "one two, three four, five six, seven eight, nine a, b c, A B, one B, four four, one one, three A, B"
        " seven, one hundred and ninety-two point one hundred and sixty-eight point zero point one colon eight"
        " thousand and eighty"
    ),
}
MORE = {
    "5,- € or $5.-, ~$5, ≈ €5, Rs 500, AU$5, 1.000,50 €": (
        "five euros or five dollars, about five dollars, about five euros, five hundred rupees, five Australian"
        " dollars, one thousand euros and fifty cents"
    ),
    "10.30am, 5:30ish, a lap of 3:25.4 or 0:59.08, UTC-5, GMT−3, COVID-19": (
        "ten thirty AM, five thirty ish, a lap of three minutes twenty-five point four seconds or fifty-nine"
        " point zero eight seconds, UTC minus five, GMT minus three, COVID-nineteen"
    ),
    "At 5 p.m. Monday, at 5:00 p.m. EST. At 5 p.m. He left.": (
        "At five PM Monday, at five PM EST. At five PM. He left."
    ),
    "6 in. long, 5mg/dL, 2 tbsp, 5 Ω, 10 kΩ, 5°N, 5 mmHg, π, 1_000_000": (
        "six inches long, five milligrams per decilitre, two tablespoons, five ohms, ten kilohms, five degrees"
        " north, five millimetres of mercury, pi, one million"
    ),
    "Hon. Lee, Rep. Lee, Fr. Lee and Lee & Co. Then": (
        "Honourable Lee, Representative Lee, Father Lee and Lee and Company. Then"
    ),
    "w/ cheese, w/out it, b/c so, c/o me": "with cheese, without it, because so, care of me",
}
TABLE |= CURRENCIES | SLASHES | LENGTHS | VERSES | CODE | LONGER_CODES | MORE


@pytest.mark.parametrize(("written", "read"), TABLE.items())
def test_english_is_read_out(written: str, read: str) -> None:
    """What is written without words becomes what an English reader says."""
    assert read_out(clean_text(written), "en") == read


def test_what_was_read_reads_as_itself() -> None:
    """Words are not read again: reading twice changes nothing."""
    assert {read: read_out(read, "en") for read in TABLE.values()} == {read: read for read in TABLE.values()}


def test_numbers_are_those_of_num2words() -> None:
    """Cardinal, ordinal and year say what num2words says, without its commas."""
    english = LANGUAGES["en"]
    for number in (*range(1, 2_200), *(7**power for power in range(4, 18)), 10**6, 10**15):
        assert english.cardinal(number) == num2words(number, lang="en").replace(",", "")
        assert english.ordinal(number, "th") == num2words(number, lang="en", to="ordinal").replace(",", "")
    assert english.year is not None
    for year in range(1100, 2100):
        assert english.year(year) == num2words(year, lang="en", to="year").replace(",", "")
