"""Markdown as it is said, whole and while it is still coming."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5ctl.brackets import spoken
from f5ctl.speech.markdown import Markdown, plain
from f5ctl.speech.marks import Marks, Tags, Words


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("# Plan #\ntext", "Plan\n\ntext"),
        ("Plan\n====\ntext", "Plan\n\ntext"),
        ("One.\n\n---\n\nTwo.\n\n* * *\n\nThree.", "One.\n\nTwo.\n\nThree."),
        ("**bold** __bold__ *it* _it_ ***both*** ~~gone~~", "bold bold it it both gone"),
        ("un*frigging*believable snake_case 2 * 3 2*3", "unfriggingbelievable snake_case 2 * 3 2*3"),
        ("`code` and `` a ` b `` and `*x*`", "code and a ` b and *x*"),
        ("See:\n```python\nprint(1)  # *x*\n```\nafter", "See:\n\nafter"),
        ("~~~text\na\n```\nb\n~~~", "a\n```\nb"),
        ("- one\n* two!\n+ three\n  goes on", "one.\ntwo!\nthree\ngoes on."),
        ("1. one\n2) two", "1. one.\n2. two."),
        ("- [ ] open\n- [x] done", "open.\ndone."),
        ("> quoted *text*\n> > more", "quoted text\nmore"),
        ("| A | B |\n|---|:-:|\n| 1 | `x\\|y` |", "A, B.\n1, x|y."),
        ('[label](https://a.b "title"), [x](<a b>), [y](a(b)c)', "label, x, y"),
        ("[label][ref], [ref]\n\n[ref]: https://a.b", "label, [ref]"),
        ("![a picture](x.png) and [![badge](b.svg)](url)", "a picture and badge"),
        ("A note.[^1]\n\n[^1]: It says so.", "A note.\n\nIt says so."),
        ("<https://a.b/c> <me@a.b> <mailto:me@a.b>", "https://a.b/c me@a.b me@a.b"),
        ("<p>Hello</p><b>you</b><br/>there", "Hello\nyou\nthere"),
        ("a <!-- hidden --> b\n\n<!-- over\n\nlines -->\nc", "a  b\n\nc"),
        ("<script>\nx()\n</script>\nc", "c"),
        ("<STYLE>x</STYLE>- c", "c."),
        ("<!-- a --><!-- b -->> - c <!-- d -->", "c ."),
        ("<!---->" * 1200 + "c", "c"),
        ("Tom &amp; Ann &lt;3 &#233; AT&T &nosuch; R&D", "Tom & Ann <3 é AT&T &nosuch; R&D"),
        ("\\*not\\* \\# and a \\\nline", "*not* # and a \nline"),
        ("1 < 2 and 3 > 2", "1 < 2 and 3 > 2"),
        ("---\ntitle: x\ntags: [a]\n---\nText", "Text"),
        ("---\nText", "Text"),
        ("    indented", "indented"),
        ("one\r\ntwo\r\n\r\nthree", "one\ntwo\n\nthree"),
    ],
)
def test_markdown_is_said_without_its_marks(written: str, said: str) -> None:
    """Headings, emphasis, code, lists, quotes, tables, links, pictures and HTML as a reader says them."""
    assert plain(written).strip().replace("\n\n\n", "\n\n") == said


@pytest.mark.parametrize(
    "fence",
    [
        "```python\nprint(1)\n```",
        "``` {.python .numberLines}\nprint(1)\n```",
        "~~~~ JSON\n{}\n~~~~",
        "```\n$ pip install it\n```",
        "```\n\n├── src\n│   └── a.py\n```",
        "```\nprint(1)\nNobody is there.\n```",
        "```sh\nNobody writes so.\n",
        "> ```\n> x = 1\n> ```",
        "1. One.\n   ```bash\n   ls\n   ```",
        "```mermaid\ngraph TD;\n```",
    ],
)
def test_code_in_a_fence_is_left_out(fence: str) -> None:
    """Programs, commands and trees are for the eye; what stands around them is said."""
    said = plain(f"Look at this:\n\n{fence}\n\nIt ends.")
    assert " ".join(said.replace("1. One.", "").split()) in {"Look at this: It ends.", "Look at this:"}


@pytest.mark.parametrize(
    ("fence", "said"),
    [
        ("```text\nroses are red\n```", "roses are red"),
        ("```Markdown\nx = 1\n```", "x = 1"),
        ("```\nDear Ms. Silva,\n\nx = 1\n```", "Dear Ms. Silva, x = 1"),
        ("~~~\n“Who is there?” she asked.\n~~~", "“Who is there?” she asked."),
        ("```\n¿Quién está ahí?\n```", "¿Quién está ahí?"),
    ],
)
def test_a_text_in_a_fence_is_read(fence: str, said: str) -> None:
    """A letter, a poem or a draft that somebody put into a fence is said as it stands."""
    assert " ".join(plain(f"Here:\n\n{fence}\n").split()) == f"Here: {said}"


@pytest.mark.parametrize("before", ["", "# \n\n", "---\ntitle: x\n---\n"])
def test_code_that_is_all_there_is_is_said(before: str) -> None:
    """A text of code alone is no empty text, however it comes."""
    written = f"{before}```python\nprint(1)\n```\n```python\nx = 2\n```\n"
    assert plain(written).split() == ["print(1)", "x", "=", "2"]
    reader = Markdown()
    assert "".join([*map(reader.add, written), reader.add("", final=True)]).split() == plain(written).split()


@pytest.mark.parametrize(
    "kept", ["[town] Hi there.", "[pause 800ms] Hi.", r"\[no tag\]", "[town][pause 1s] Hi."]
)
def test_tags_stay_tags(kept: str) -> None:
    """Voices, pauses and brackets after a backslash mean what they mean in plain text."""
    assert plain(kept).strip() == kept


@pytest.mark.parametrize(
    "code", ["[pause 1s]", "f(x)[12]", "a[i]", "x = y[3]", "[town]", r"re.sub(r'\[x\]', s)"]
)
def test_code_is_read_as_it_stands(code: str) -> None:
    """What is in brackets in code is said, and nothing there is a tag or a note."""
    for written in (f"`{code}`", f"```\n{code}\n```", f"| `{code}` |"):
        (part,) = Marks(Tags(known=frozenset({"town"}))).parts(plain(written))
        assert isinstance(part, Words)
        assert spoken(part.text).strip(" .\n") == code


@pytest.mark.parametrize(
    "literal",
    ["[", "](", "`", "**", "<", "&", "![a](", "[a](b", "[a][", "\\", "a `b", "<a", "&am", "~~", "[^1"],
)
def test_half_a_mark_loses_no_word(literal: str) -> None:
    """A mark that never ends is only a mark: the words around it are said."""
    said = plain(f"before {literal} after")
    assert said.strip().startswith("before")
    assert said.strip().endswith("after")


_MARKS = [
    "*",
    "**",
    "_",
    "`",
    "``",
    "```",
    "[",
    "]",
    "(",
    ")",
    "!",
    "<",
    ">",
    "&",
    "&amp;",
    "#",
    "- ",
    "> ",
    "| ",
]
_WORDS = [
    "a",
    "b1",
    " ",
    "\n",
    "\n\n",
    "1. ",
    "---",
    "\\",
    "~~",
    "[x](y)",
    "<b>",
    "<!--",
    "-->",
    "[^1]",
    ":",
    ".",
    "=",
]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.sampled_from(_MARKS + _WORDS), max_size=30).map("".join), st.data())
@pytest.mark.slow
def test_the_same_words_come_however_the_text_is_cut(text: str, data: st.DataObject) -> None:
    """A text that comes in parts is said as the whole text is."""
    cuts = sorted(data.draw(st.sets(st.integers(0, len(text)), max_size=8)))
    reader = Markdown()
    said = [reader.add(text[begin:end]) for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    assert "".join(said) + reader.add("", final=True) == plain(text)


def test_a_sentence_is_known_before_its_paragraph_ends() -> None:
    """A stream is not held until the end of a paragraph, nor for a mark that never ends."""
    reader = Markdown()
    assert reader.add("This is **so**. And [this") == "This is so. And "
    assert Markdown().add("> 2. [x] This is *so*. And") == "2. This is so. And"
    assert reader.add("x" * 3000) == "[this" + "x" * 3000
