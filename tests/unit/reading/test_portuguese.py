from __future__ import annotations

import pytest
from num2words import num2words

from f5d.engine.languages import LANGUAGES
from f5d.engine.reading import read_out
from f5d.engine.text import clean_text

MONEY = {
    "O valor é R$ 2.468,87, ou R$1.000.000,00.": (
        "O valor é dois mil quatrocentos e sessenta e oito reais e oitenta e sete centavos, ou um"
        " milhão de reais."
    ),
    "R$ 3 mil, R$ 1,5 milhão, US$ 2 bilhões, R$ 5 mi": (
        "três mil reais, um vírgula cinco milhão de reais, dois bilhões de dólares, cinco milhões de reais"
    ),
    "€2,75 ou 2,75 €": "dois euros e setenta e cinco centavos ou dois euros e setenta e cinco centavos",
    "Custou $2000, $ 5 e R$ 1.50.": "Custou dois mil dólares, cinco dólares e um real e cinquenta centavos.",
    "R$ 10-20 mil, R$ 10/mês, R$ 5/kg": "dez a vinte mil reais, dez reais por mês, cinco reais por quilo",
    "5mi, 5 mi, 1 bi, R$ ,00, HTTP/2 bi-di": (
        "cinco milhões, cinco milhões, um bilhão, zero reais, HTTP/dois bi-di"
    ),
    "£ 200, 1 £, £ 2": "duzentas libras, uma libra, duas libras",
}
TIMES = {
    "às 5 p.m., 5:30 PM, 12 PM e 12 AM": (
        "às dezessete horas, dezessete horas e trinta, doze horas e zero horas"
    ),
    "5-7pm": "dezessete horas a dezenove horas",
    "Ele chegou às 10h30, às 13:30 e às 15h.": (
        "Ele chegou às dez horas e trinta, às treze horas e trinta e às quinze horas."
    ),
    "às 8h45min, às 14:00h, à 1h, 1h05, 22h00": (
        "às oito horas e quarenta e cinco minutos, às catorze horas, à uma hora, uma hora e cinco,"
        " vinte e duas horas"
    ),
    "14h-18h, das 8h às 20h": "catorze horas a dezoito horas, das oito horas às vinte horas",
    "1:30:05, 2h30min05s": (
        "uma hora, trinta minutos e cinco segundos, duas horas, trinta minutos e cinco segundos"
    ),
    "Às 2 da tarde, à 1 da manhã": "Às duas da tarde, à uma da manhã",
    "23/11/2026, 01/02/2023, 25/12/25": (
        "vinte e três de novembro de dois mil e vinte e seis, primeiro de fevereiro de dois mil e vinte e três,"
        " vinte e cinco de dezembro de dois mil e vinte e cinco"
    ),
    "31/02/2024": "trinta e um barra zero dois barra dois mil e vinte e quatro",
    "1 de maio, 1º de maio, 1° de maio": "primeiro de maio, primeiro de maio, primeiro de maio",
    "05 de maio, 01 de janeiro, 1 a 5 de Maio, dias 05, 06 e 07 de maio, 05-07 de maio, 1-3 de maio": (
        "cinco de maio, primeiro de janeiro, primeiro a cinco de Maio, dias cinco, seis e sete de maio,"
        " cinco a sete de maio, primeiro a três de maio"
    ),
    "31 de maio, 40 de maio, 2º de maio, 21 de abril": (
        "trinta e um de maio, quarenta de maio, segundo de maio, vinte e um de abril"
    ),
    "às 09h, 01 h, 00h, 08h-09h, 06h30, às 05 horas, sala 05": (
        "às nove horas, uma hora, zero horas, oito horas a nove horas, seis horas e trinta, às cinco horas,"
        " sala zero cinco"
    ),
    "mapa de 1:50.000, à 1:50": "mapa de um para cinquenta mil, à uma hora e cinquenta",
    "anos 90, os anos '80": "anos noventa, os anos oitenta",
}
CODES = {
    "(11) 98765-4321, 3456-7890": (
        "um um, nove oito sete seis cinco, quatro três dois um, três quatro cinco seis, sete oito nove zero"
    ),
    "+55 11 98765-4321, 0800 123 4567": (
        "mais cinco cinco, um um, nove oito sete seis cinco, quatro três dois um,"
        " zero oito zero zero, um dois três, quatro cinco seis sete"
    ),
    "CEP 01310-100, CPF 123.456.789-09": (
        "CEP zero um três um zero, um zero zero, CPF um dois três, quatro cinco seis, sete oito nove, zero nove"
    ),
    "CNPJ 12.345.678/0001-95": (
        "CNPJ um dois, três quatro cinco, seis sete oito, zero zero zero um, nove cinco"
    ),
    "código 481516, conta 12345-6, senha: 0042": (
        "código quatro oito um cinco um seis, conta um dois três quatro cinco, seis, senha: zero zero"
        " quatro dois"
    ),
    "O Python 3.11, a versão 2.0.1, 192.168.0.1": (
        "O Python três ponto onze, a versão dois ponto zero ponto um,"
        " cento e noventa e dois ponto cento e sessenta e oito ponto zero ponto um"
    ),
    "1500-3000 pessoas, 2000-2500, ligue 2000-2500, 3456-7800": (
        "mil e quinhentas a três mil pessoas, dois mil a dois mil e quinhentos, ligue dois zero zero zero,"
        " dois cinco zero zero, três quatro cinco seis, sete oito zero zero"
    ),
    "1939-1945": "mil novecentos e trinta e nove a mil novecentos e quarenta e cinco",
}
NUMBERS = {
    "10x de R$ 99,90, 2x sem juros, 3x mais rápido": (
        "dez vezes de noventa e nove reais e noventa centavos, duas vezes sem juros, três vezes mais rápido"
    ),
    "1,000,000 e 10^6": "um milhão e dez elevado a seis",
    "R$ 5,50-R$ 7": "cinco reais e cinquenta centavos a sete reais",
    "12 Mb/s": "doze megabits por segundo",
    "1.234.567 pessoas, 50% de 3,14": (
        "um milhão duzentas e trinta e quatro mil quinhentas e sessenta e sete pessoas,"
        " cinquenta por cento de três vírgula um quatro"
    ),
    "1 vaga, 2 mulheres, 200 páginas, 22 pessoas": (
        "uma vaga, duas mulheres, duzentas páginas, vinte e duas pessoas"
    ),
    "400 páginas, 1.400 casas, 401 mulheres, 400 mil pessoas, 400 homens": (
        "quatrocentas páginas, mil e quatrocentas casas, quatrocentas e uma mulheres, quatrocentas mil pessoas,"
        " quatrocentos homens"
    ),
    "300 uvas, 500 uvas, 600 uvas, 700 uvas, 800 uvas, 900 uvas": (
        "trezentas uvas, quinhentas uvas, seiscentas uvas, setecentas uvas, oitocentas uvas, novecentas uvas"
    ),
    "2 homens, 2 dias, 1 problema, 200 corações": "dois homens, dois dias, um problema, duzentos corações",
    "2 irmãs, 21 canções, 2.000 mulheres, 200 mil pessoas": (
        "duas irmãs, vinte e uma canções, duas mil mulheres, duzentas mil pessoas"
    ),
    "2-3 mulheres": "duas a três mulheres",
    "1/2 xícara, 1/2 litro, 3/4, 2/3, 5/12, 2 1/2 xícaras": (
        "meia xícara, meio litro, três quartos, dois terços, cinco doze avos, duas e meia xícaras"
    ),
    "1º lugar, 2ª vez, 1.º, 2.ª, 1° lugar, 21º, 4os": (
        "primeiro lugar, segunda vez, primeiro, segunda, primeiro lugar, vigésimo primeiro, quartos"
    ),
    "20%-30%, 10–20%, 40–60°C, 10-15 km": (
        "vinte por cento a trinta por cento, dez a vinte por cento, quarenta a sessenta graus Celsius,"
        " dez a quinze quilômetros"
    ),
    "Faz -5 graus, 30° ao sol": "Faz menos cinco graus, trinta graus ao sol",
    "5 m², 1 t, 2 t, 2 h": "cinco metros quadrados, uma tonelada, duas toneladas, duas horas",
    "3.5, 1.50, 1.234 e 3,05": (
        "três ponto cinco, um ponto cinquenta, mil duzentos e trinta e quatro e três vírgula zero cinco"
    ),
    "12 000 pessoas, 200 000 casas": "doze mil pessoas, duzentas mil casas",
    "123456789 e 19": (
        "cento e vinte e três milhões quatrocentos e cinquenta e seis mil setecentos e oitenta e nove e"
        " dezenove"
    ),
}
WORDS = {
    "art. 5º, inc. II, fl. 3": "artigo quinto, inciso dois, folha três",
    "10 min. depois, 5 km. Depois 6 h. e 2 seg. antes": (
        "dez minutos depois, cinco quilômetros. Depois seis horas e dois segundos antes"
    ),
    "Sr. Silva andou 5 km": "Senhor Silva andou cinco quilômetros",
    "O sr. João e a dra. Ana na av. Paulista. Sr João": (
        "O senhor João e a doutora Ana na avenida Paulista. Senhor João"
    ),
    **{f"Rua A, {mark} 5.": "Rua A, número cinco." for mark in ("nº", "n.º", "n°", "n.°", "nº.")},
    **{f"Rua A, {mark} 5.": "Rua A, Número cinco." for mark in ("Nº", "N.º", "N°")},
    "art. 5º, pág. 10, cap. IV": "artigo quinto, página dez, capítulo quatro",
    "Arroz, feijão, etc. Depois saiu.": "Arroz, feijão, et cetera. Depois saiu.",
    "século XX, séc. XXI, século V": "século vinte, século vinte e um, século quinto",
    "Dom Pedro II, Luís XIV, Maria II": "Dom Pedro segundo, Luís catorze, Maria segunda",
    "MARIA II, DOM PEDRO Ⅱ, CAPÍTULO IV, tipo C, dois XX": (
        "MARIA segunda, DOM PEDRO segundo, CAPÍTULO quatro, tipo C, dois XX"
    ),
    "século ⅩⅩ, Dom Pedro Ⅱ, ①, ⑵": "século vinte, Dom Pedro segundo, um, dois",
    "Eu vi o CD. MI. A vida é VI dela.": "Eu vi o CD. MI. A vida é VI dela.",
    "Escreva a joao@exemplo.com.br ou veja https://exemplo.com/a?b=1": (
        "Escreva a joao arroba exemplo ponto com ponto br ou veja exemplo ponto com barra a"
    ),
}
SLASHES = {
    "Aberto 24/7. Natal é 25/12, dia 5/6, em 31/10 e 01/05. 10/10": (
        "Aberto vinte e quatro por sete. Natal é vinte e cinco de dezembro, dia cinco de junho, em trinta e um"
        " de outubro e primeiro de maio. dez de outubro"
    ),
    "segunda-feira, 5/6, até 3/4 da obra, em 1/4 do total, 2/3 dos votos, em 9/10 casos, 12/25": (
        "segunda-feira, cinco de junho, até três quartos da obra, em um quarto do total, dois terços dos votos,"
        " em nove décimos casos, doze vinte e cinco avos"
    ),
    "A nota foi 10/10, as notas foram 5/5, a pressão está 12/8": (
        "A nota foi dez de dez, as notas foram cinco de cinco, a pressão está doze por oito"
    ),
    "nota 5/10, parte 3/11, 4/5 estrelas, pressão de 12/8, compasso 3/4, 50/50": (
        "nota cinco de dez, parte três de onze, quatro de cinco estrelas, pressão de doze por oito, compasso"
        " três por quatro, cinquenta cinquenta"
    ),
}
OTHERS = {
    "US$ 5 USD, USD $5, R$ 5 BRL, 5 € EUR, $100 ARS": (
        "cinco dólares, cinco dólares, cinco reais, cinco euros, cem pesos argentinos"
    ),
    '3\'4", uma tela de 27", 8" x 10", 5\'30"': (
        "três pés e quatro polegadas, uma tela de vinte e sete polegadas, oito polegadas por dez polegadas,"
        " cinco minutos e trinta segundos"
    ),
    'Ele disse "sala 5" e "2".': 'Ele disse "sala cinco" e "dois".',
    "Ap. 3:16, João 3:16, Jo 3,16-18, Mt 5.3, 1 Coríntios 13:4, 1 Rs 3.5": (
        "Apocalipse três, dezesseis, João três, dezesseis, João três, dezesseis a dezoito, Mateus cinco, três,"
        " Primeira Coríntios treze, quatro, Primeira Reis três, cinco"
    ),
    "Os 3,5 milhões, Marcos 3,5, Rs 3,50, às 3:16, rev. 3": (
        "Os três vírgula cinco milhões, Marcos três vírgula cinco, Rs três vírgula cinco zero, às três horas e"
        " dezesseis, revisão três"
    ),
    "Chame João 5:30, Lucas 8:30, Marcos 10:15-20": (
        "Chame João cinco horas e trinta, Lucas oito horas e trinta, Marcos dez, quinze a vinte"
    ),
    "C#, F♯ e B♭": "C sharp, F sustenido e B bemol",
    "array[0], lista_b[3], x[1][2] e o rei[12].": "array zero, lista_b três, x um dois e o rei.",
}
MORE = {
    "D. Pedro I, D. Maria II, Pedro II, D. Quixote": (
        "Dom Pedro primeiro, Dona Maria segunda, Pedro segundo, D. Quixote"
    ),
    "1º/5, 5,- €, R$ 1,000.50, ~R$ 5": (
        "primeiro de maio, cinco euros, mil reais e cinquenta centavos, cerca de cinco reais"
    ),
    "café c/ leite p/ dois s/ açúcar, V. Exa. e o Sr(a). da S.A. Depois": (
        "café com leite para dois sem açúcar, Vossa excelência e o Senhor ou senhora da S A. Depois"
    ),
    "Ligue 190. O ramal 405, ligue 250 vezes": (
        "Ligue um nove zero. O ramal quatro zero cinco, ligue duzentas e cinquenta vezes"
    ),
    "5 mg/dL, 12 km/l, 5 Ω, 23°S": (
        "cinco miligramas por decilitro, doze quilômetros por litro, cinco ohms, vinte e três graus sul"
    ),
}
TABLE = MONEY | TIMES | CODES | NUMBERS | WORDS | SLASHES | OTHERS | MORE


@pytest.mark.parametrize(("written", "read"), TABLE.items())
def test_portuguese_is_read_out(written: str, read: str) -> None:
    """What is written without words becomes what a Brazilian reader says, in the gender of its noun."""
    assert read_out(clean_text(written), "pt-BR") == read


def test_what_was_read_reads_as_itself() -> None:
    """Words are not read again: reading twice changes nothing."""
    assert {read: read_out(read, "pt") for read in TABLE.values()} == {read: read for read in TABLE.values()}


def test_numbers_are_those_of_num2words() -> None:
    """Cardinals say what num2words says."""
    for number in (*range(1, 1_200), *(7**power for power in range(4, 12)), 10**6, 10**9):
        assert LANGUAGES["pt"].cardinal(number) == num2words(number, lang="pt_BR").replace(",", "")
