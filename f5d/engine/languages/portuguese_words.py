"""Portuguese: its currencies, units, abbreviations, and the nouns whose gender their ending does not show."""

from __future__ import annotations

from typing import Final

from f5ctl.sentences import words
from f5d.engine.languages.language import Money, plural

_REAL: Final = Money("real", "reais", "centavo", "centavos")
_DOLLAR: Final = Money("dólar", "dólares", "centavo", "centavos")
_EURO: Final = Money("euro", "euros", "centavo", "centavos")
_POUND: Final = Money("libra", "libras", "penny", "pence")
_YEN: Final = Money("iene", "ienes", "sen", "sen")
_RUPEE: Final = Money("rupia", "rupias", "paisa", "paisas")

MONEY: Final = {
    "R$": _REAL,
    "US$": _DOLLAR,
    "U$": _DOLLAR,
    "$": _DOLLAR,
    "€": _EURO,
    "£": _POUND,
    "¥": _YEN,
    "₹": _RUPEE,
    "¢": Money("centavo", "centavos", "", ""),
    "₿": Money("bitcoin", "bitcoins", "", ""),
    "BRL": _REAL,
    "USD": _DOLLAR,
    "EUR": _EURO,
    "GBP": _POUND,
    "JPY": _YEN,
    "CHF": Money("franco suíço", "francos suíços", "cêntimo", "cêntimos"),
    "CAD": Money("dólar canadense", "dólares canadenses", "centavo", "centavos"),
    "AUD": Money("dólar australiano", "dólares australianos", "centavo", "centavos"),
    "CNY": Money("yuan", "yuans", "fen", "fens"),
    "MXN": Money("peso mexicano", "pesos mexicanos", "centavo", "centavos"),
    "ARS": Money("peso argentino", "pesos argentinos", "centavo", "centavos"),
    "CLP": Money("peso chileno", "pesos chilenos", "centavo", "centavos"),
    "UYU": Money("peso uruguaio", "pesos uruguaios", "centésimo", "centésimos"),
}


UNITS: Final = plural(
    km="quilômetro",
    cm="centímetro",
    mm="milímetro",
    nm="nanômetro",
    m="metro",
    kg="quilo",
    g="grama",
    dL="decilitro",
    dl="decilitro",
    mg="miligrama",
    t="tonelada",
    ml="mililitro",
    mL="mililitro",
    l="litro",
    L="litro",
    ha="hectare",
    lb="libra",
    s="segundo",
    seg="segundo",
    ms="milissegundo",
    min="minuto",
    h="hora",
    hs="hora",
    kB="quilobyte",
    KB="quilobyte",
    MB="megabyte",
    GB="gigabyte",
    Mb="megabit",
    Gb="gigabit",
    TB="terabyte",
    V="volt",
    kV="quilovolt",
    W="watt",
    kW="quilowatt",
    MW="megawatt",
    kcal="quilocaloria",
    cal="caloria",
    px="pixel",
) | {
    "mmHg": ("milímetro de mercúrio", "milímetros de mercúrio"),
    "Ω": ("ohm", "ohms"),
    "kΩ": ("quilo-ohm", "quilo-ohms"),
    "°N": ("grau norte", "graus norte"),
    "°S": ("grau sul", "graus sul"),
    "°L": ("grau leste", "graus leste"),
    "°O": ("grau oeste", "graus oeste"),
    "mg/dL": ("miligrama por decilitro", "miligramas por decilitro"),
    "mg/kg": ("miligrama por quilo", "miligramas por quilo"),
    "g/L": ("grama por litro", "gramas por litro"),
    "km/L": ("quilômetro por litro", "quilômetros por litro"),
    "km/l": ("quilômetro por litro", "quilômetros por litro"),
    "kWh": ("quilowatt-hora", "quilowatts-hora"),
    "dB": ("decibel", "decibéis"),
    "km/h": ("quilômetro por hora", "quilômetros por hora"),
    "m/s": ("metro por segundo", "metros por segundo"),
    "rpm": ("rotação por minuto", "rotações por minuto"),
    "kB/s": ("kilobyte por segundo", "kilobytes por segundo"),
    "MB/s": ("megabyte por segundo", "megabytes por segundo"),
    "GB/s": ("gigabyte por segundo", "gigabytes por segundo"),
    "Mb/s": ("megabit por segundo", "megabits por segundo"),
    "Gb/s": ("gigabit por segundo", "gigabits por segundo"),
    "Mbps": ("megabit por segundo", "megabits por segundo"),
    "mm²": ("milímetro quadrado", "milímetros quadrados"),
    "cm²": ("centímetro quadrado", "centímetros quadrados"),
    "m²": ("metro quadrado", "metros quadrados"),
    "km²": ("quilômetro quadrado", "quilômetros quadrados"),
    "cm³": ("centímetro cúbico", "centímetros cúbicos"),
    "m³": ("metro cúbico", "metros cúbicos"),
    "km³": ("quilômetro cúbico", "quilômetros cúbicos"),
    "Hz": ("hertz", "hertz"),
    "kHz": ("quilohertz", "quilohertz"),
    "MHz": ("megahertz", "megahertz"),
    "GHz": ("gigahertz", "gigahertz"),
    "°C": ("grau Celsius", "graus Celsius"),
    "ºC": ("grau Celsius", "graus Celsius"),
    "℃": ("grau Celsius", "graus Celsius"),
    "°F": ("grau Fahrenheit", "graus Fahrenheit"),
    "ºF": ("grau Fahrenheit", "graus Fahrenheit"),
    "°": ("grau", "graus"),
    "′": ("pé", "pés"),
    "″": ("polegada", "polegadas"),
}
PERS: Final = {
    "hora": "hora",
    "dia": "dia",
    "semana": "semana",
    "mês": "mês",
    "ano": "ano",
    "a.m": "mês",
    "un": "unidade",
    "unid": "unidade",
    "unidade": "unidade",
    "pessoa": "pessoa",
    "noite": "noite",
}
SLASHED: Final = {
    "24/7": "vinte e quatro por sete",
    "24/7/365": "vinte e quatro por sete, trezentos e sessenta e cinco",
}
SLASH_AFTER: Final = (
    dict.fromkeys(words("nota notas avaliação pontuação parte página etapa passo fase capítulo episódio"), "de")
    | dict.fromkeys(words("nível aula lote rodada slide"), "de")
    | dict.fromkeys(words("pressão compasso"), "por")
)
SLASH_BEFORE: Final = dict.fromkeys(words("estrela estrelas pontos"), "de") | {"mmhg": "por"}
BEFORE_DATES: Final = words(
    "dia dias data desde natal aniversário vencimento vence segunda terça quarta "
    "quinta sexta feira sábado domingo"
)
AFTER_FRACTIONS: Final = words(
    "de do da dos das xícara xícaras colher copo copos litro polegada polegadas hora quilo tempo"
)
BOOKS: Final = {
    name: book
    for book, names in {
        "Gênesis": "gênesis gênese gn gên",
        "Êxodo": "êxodo êx",
        "Levítico": "levítico lv lev",
        "Números": "números nm núm",
        "Deuteronômio": "deuteronômio dt deut",
        "Josué": "josué js",
        "Juízes": "juízes jz",
        "Rute": "rute rt",
        "Samuel": "samuel sm sam",
        "Reis": "reis rs",
        "Crônicas": "crônicas cr",
        "Esdras": "esdras",
        "Neemias": "neemias",
        "Ester": "ester",
        "Jó": "jó",
        "Salmo": "salmo salmos sl",
        "Provérbios": "provérbios pv prov",
        "Eclesiastes": "eclesiastes ecl",
        "Isaías": "isaías",
        "Jeremias": "jeremias jr",
        "Lamentações": "lamentações lm",
        "Ezequiel": "ezequiel ez",
        "Daniel": "daniel dn",
        "Oseias": "oseias",
        "Joel": "joel jl",
        "Amós": "amós",
        "Jonas": "jonas jn",
        "Miqueias": "miqueias mq",
        "Habacuque": "habacuque hc",
        "Zacarias": "zacarias zc",
        "Malaquias": "malaquias ml",
        "Mateus": "mateus mt mat",
        "Marcos": "marcos mc",
        "Lucas": "lucas lc",
        "João": "joão jo",
        "Atos": "atos",
        "Romanos": "romanos rm",
        "Coríntios": "coríntios co cor",
        "Gálatas": "gálatas gl",
        "Efésios": "efésios ef",
        "Filipenses": "filipenses fp",
        "Colossenses": "colossenses cl",
        "Tessalonicenses": "tessalonicenses ts",
        "Timóteo": "timóteo tm",
        "Tito": "tito tt",
        "Hebreus": "hebreus hb",
        "Tiago": "tiago tg",
        "Pedro": "pedro pe",
        "Judas": "judas jd",
        "Apocalipse": "apocalipse ap apoc",
    }.items()
    for name in names.split()
}
ABBREVIATIONS: Final = {
    "sr.": "senhor",
    "sra.": "senhora",
    "srta.": "senhorita",
    "srs.": "senhores",
    "sras.": "senhoras",
    "dr.": "doutor",
    "dra.": "doutora",
    "drs.": "doutores",
    "dras.": "doutoras",
    "prof.": "professor",
    "prof.ª": "professora",
    "profª": "professora",
    "profª.": "professora",
    "profa.": "professora",
    "profs.": "professores",
    "eng.": "engenheiro",
    "enga.": "engenheira",
    "gov.": "governador",
    "gen.": "general",
    "rev.": "reverendo",
    "sto.": "santo",
    "sta.": "santa",
    "exmo.": "excelentíssimo",
    "exma.": "excelentíssima",
    "ilmo.": "ilustríssimo",
    "ilma.": "ilustríssima",
    "jr.": "júnior",
    "av.": "avenida",
    "rod.": "rodovia",
    "pça.": "praça",
    "trav.": "travessa",
    "depto.": "departamento",
    "dept.": "departamento",
    "cia.": "companhia",
    "ltda.": "limitada",
    "obs.": "observação",
    "por ex.": "por exemplo",
    "p. ex.": "por exemplo",
    "p.ex.": "por exemplo",
    "aprox.": "aproximadamente",
    "etc.": "et cetera",
    "vs.": "versus",
    "a.c.": "antes de Cristo",
    "d.c.": "depois de Cristo",
    "s/n": "sem número",
    "c/": "com",
    "p/": "para",
    "s/": "sem",
    "s/a": "S A",
    "s.a.": "S A",
    "sr(a).": "senhor ou senhora",
    "sr.(a)": "senhor ou senhora",
    "v. exa.": "vossa excelência",
    "v.exa.": "vossa excelência",
    "v. sa.": "vossa senhoria",
    "v.sa.": "vossa senhoria",
}
CALLED: Final = dict.fromkeys(
    words("Pedro João Manuel Afonso Sebastião José Miguel Dinis Henrique Sancho Duarte"), "Dom"
) | dict.fromkeys(words("Maria Isabel Leopoldina Teresa Catarina Ana"), "Dona")
UNPOINTED: Final = {
    "Sr": "Senhor",
    "Sra": "Senhora",
    "Dr": "Doutor",
    "Dra": "Doutora",
    "Prof": "Professor",
    "Profa": "Professora",
    "Av": "Avenida",
}
BEFORE_NUMBERS: Final = {
    "nº": "número",
    "n°": "número",
    "n.º": "número",
    "n.°": "número",
    "nº.": "número",
    "n.": "número",
    "no.": "número",
    "nos.": "números",
    "nºs": "números",
    "№": "número",
    "núm.": "número",
    "rev.": "revisão",
    "col.": "coluna",
    "ed.": "edição",
    "séc.": "século",
    "sécs.": "séculos",
    "art.": "artigo",
    "arts.": "artigos",
    "cap.": "capítulo",
    "caps.": "capítulos",
    "vol.": "volume",
    "fig.": "figura",
    "pág.": "página",
    "págs.": "páginas",
    "p.": "página",
    "pp.": "páginas",
    "apto.": "apartamento",
    "ap.": "apartamento",
    "tel.": "telefone",
    "cel.": "celular",
    "inc.": "inciso",
    "fl.": "folha",
    "fls.": "folhas",
    "par.": "parágrafo",
    "c.": "cerca de",
    "~": "cerca de",
    "≈": "cerca de",
}
LAST_WORDS: Final = words("etc. s.a. jr. cia. ltda. a.c. d.c. aprox. depto. dept.")
NUMBERED: Final = words(
    "capítulo capítulos parte partes ato atos cena livro volume tomo seção artigo inciso anexo apêndice "
    "fase tipo classe nível grau título tabela figura canto salmo guerra século séculos séc cap vol art "
    "fig inc ano módulo unidade etapa categoria grupo mundial temporada episódio"
)
DETERMINERS: Final = words("um uma uns umas cada dois duas três quatro cinco seis sete oito nove dez")
REGNAL: Final = words(
    "Pedro João Paulo Bento Pio Leão Gregório Clemente Inocêncio Luís Henrique Carlos Filipe Felipe "
    "Manuel Afonso Sancho Dinis Duarte Fernando Sebastião José Maria Isabel Elizabeth Napoleão Ramsés "
    "Ricardo Guilherme Jorge Eduardo Alexandre Nicolau Catarina Francisco Frederico Ivan Otto Juan Miguel "
    "Constantino Dario Xerxes Ptolomeu Urbano Bonifácio Júlio Leopoldo Alberto"
)
FILLERS: Final = words(
    "é era são número números num nº n para pelo no ao do da de o a e sua seu me meu minha foi foram está"
)
ANNOUNCED: Final = words(
    "cep cpf cnpj rg código codigo senha pin conta agência agencia telefone tel celular cel fone ligue "
    "whatsapp ramal protocolo pedido matrícula matricula cartão passaporte processo boleto pis nis "
    "renavam chassi id"
)
MASCULINE: Final = words(
    "dia dias problema problemas programa programas sistema sistemas tema temas mapa mapas planeta "
    "planetas poema poemas clima climas idioma idiomas grama gramas quilograma cinema cinemas drama "
    "dramas telegrama telegramas diploma diplomas cometa cometas diagrama diagramas dilema dilemas "
    "esquema esquemas sintoma sintomas fantasma fantasmas pijama pijamas trauma traumas dogma dogmas "
    "aroma aromas teorema teoremas emblema lema lemas axioma estigma enigma enigmas panorama cromossoma "
    "atleta atletas artista artistas turista turistas jornalista jornalistas dentista dentistas motorista "
    "motoristas policial poeta poetas colega colegas papa papas guarda guardas para pelas pela nela nelas "
    "dela delas esta estas essa essas aquela aquelas toda todas contra era eram seja fica havia tinha "
    "estava estavam seria ainda agora fora cada mas nas das mesma mesmas outra quilômetro sofá sofás chá "
    "chás guaraná pentagrama logotipo atrás antes após mais menos avião aviões gorila gorilas coala "
    "coalas delta karma plasma tsunami coração corações puma pumas panda pandas crachá crachás"
)
FEMININE: Final = words(
    "uva uvas rua ruas lua luas vez vezes mulher mulheres noite noites parte partes mãe mães flor flores "
    "cor cores voz vozes luz luzes mão mãos árvore árvores ave aves base bases chave chaves classe "
    "classes carne carnes fase fases fonte fontes frase frases frente frentes gente greve greves lei leis "
    "linguagem mente mentes morte mortes nave naves neve nuvem nuvens ordem ordens origem origens paz "
    "pele peles ponte pontes raiz raízes rede redes sede sedes série séries sorte sortes tarde tardes "
    "torre torres tosse vida vidas via vias imagem imagens viagem viagens garagem garagens cruz cruzes "
    "foz cicatriz cicatrizes matriz matrizes atriz atrizes dor dores hipótese hipóteses crise crises "
    "análise análises tese teses síntese sínteses espécie espécies superfície superfícies face faces "
    "metrópole saúde virtude virtudes juventude atitude atitudes altitude latitude longitude maré marés "
    "fé fés irmã irmãs manhã manhãs maçã maçãs romã romãs avó avós nora noras faculdade tribo tribos "
    "libido foto fotos moto motos opinião opiniões religião religiões região regiões união uniões reunião "
    "reuniões legião legiões gestão gestões questão questões sugestão sugestões digestão pá pás xícara "
    "xícaras hora horas nota notas"
)
