"""Where a text that is still coming is cut: the policy, without a pipe or a clock."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from f5ctl.speech.pieces import DOUBT_S, SETTLE_S, SILENCE_S, Pieces

LONG = "This is a sentence of some length."


def heard(text: str, now: float = 0.0) -> Pieces:
    pieces = Pieces()
    pieces.add(text.encode(), now)
    return pieces


@pytest.mark.parametrize(
    ("text", "due_at", "piece"),
    [
        (f"{LONG} And", SETTLE_S, LONG),
        (f"{LONG}\n", SETTLE_S, LONG),
        (f"{LONG} {LONG} And", SETTLE_S, f"{LONG} {LONG}"),
        (f"“{LONG}” he", SETTLE_S, f"“{LONG}”"),
        ("A headline of two lines\n \nThe text", SETTLE_S, "A headline of two lines"),
        ("Short. And", SILENCE_S, "Short."),
        ("这是第一句话。第二", SILENCE_S, "这是第一句话。"),
        ("他说：“这是第一句话。”然后", SILENCE_S, "他说：“这是第一句话。”"),
        ("यह पहला वाक्य है, काफी लंबा। यह", SETTLE_S, "यह पहला वाक्य है, काफी लंबा।"),
        ("هل هذا هو السؤال الأول؟ نعم", SETTLE_S, "هل هذا هو السؤال الأول؟"),
        (LONG, None, ""),
        ("It costs 3.50 or www.example.org in all", None, ""),
        ("A line of some length\nthat goes on", None, ""),
        ("", None, ""),
    ],
)
def test_where_it_is_cut(text: str, due_at: float | None, piece: str) -> None:
    """A piece ends at the last complete sentence or blank line; a number or a line end is neither."""
    pieces = heard(text)
    assert (pieces.due_at, pieces.take()) == (due_at, piece)


@pytest.mark.parametrize(
    ("text", "due_at", "piece"),
    [
        ("Yesterday evening I met with Dr. Smith of", None, ""),
        ("Yesterday evening I met with Dr. ", None, ""),
        ("We came to the U.S. navy, near J. R. Brown and", None, ""),
        ("Ontem encontrei o Sr. João e a Dra. Ana, na Av. Paulista, no art. 5 da", None, ""),
        ("It was at nine a.m. on a", None, ""),
        ("We wait... until it", None, ""),
        ("We bought pears, plums, etc. Then we", SETTLE_S, "We bought pears, plums, etc."),
        ("We bought pears, plums, etc. ", DOUBT_S, "We bought pears, plums, etc."),
        ("We came to the U.S.\n", DOUBT_S, "We came to the U.S."),
        (f"{LONG} I met Mr. ", SETTLE_S, LONG),
        (f"{LONG} It was nine a.m. ", SETTLE_S, LONG),
        ("1. The first of all things", None, ""),
    ],
)
def test_a_point_that_ends_nothing_is_no_cut(text: str, due_at: float | None, piece: str) -> None:
    """A stream is not cut after a title, an initial or an abbreviation; in doubt it waits for a word."""
    pieces = heard(text)
    assert (pieces.due_at, pieces.take()) == (due_at, piece)


def test_marks_of_markdown_are_read_wherever_they_are_cut() -> None:
    """With Markdown the pieces are of its words, and a sentence is due before its paragraph has ended."""
    pieces = Pieces(markdown=True)
    for data in (b"Read the **whole manual*", b"* of [this pro", b"gram](https://a.example", b"/b) first. Th"):
        pieces.add(data, 0.0)
    assert (pieces.due_at, pieces.take()) == (SETTLE_S, "Read the whole manual of this program first.")
    pieces.add(b"en `stop`.", 1.0)
    pieces.add(b"", 2.0)
    assert pieces.take() == "Then stop."


def test_the_end_makes_the_rest_due() -> None:
    """At the end of the text what is left is spoken at once, complete or not."""
    pieces = heard(f"{LONG} And so", now=1.0)
    assert pieces.take() == LONG
    assert (pieces.due_at, pieces.is_empty) == (None, False)
    pieces.add(b"", now=2.0)
    assert (pieces.due_at, pieces.take(), pieces.is_empty) == (2.0, "And so", True)


def test_a_sentence_beyond_the_limit() -> None:
    """A single sentence that is longer than a request may be is cut between two words."""
    pieces = heard("word " * 14_000)
    piece = pieces.take()
    assert 65_500 < len(piece) <= 65_536
    assert piece.endswith(" word")
    pieces.add(b"", 0.0)
    assert len(pieces.take().split()) + len(piece.split()) == 14_000


@given(cuts=st.lists(st.integers(1, 60), min_size=1), taken=st.sets(st.integers(0, 60)))
def test_steady_pieces_depend_on_the_text_alone(cuts: list[int], taken: set[int]) -> None:
    """With a seed, however the bytes come and whenever pieces are taken, they are the same."""
    data = f"Oh. {LONG} No. Yes! {LONG}\n\nAnd {LONG} So. It was. End".encode()
    whole, dripped = Pieces(steady=True), Pieces(steady=True)
    said: list[str] = []
    whole.add(data, 0.0)
    whole.add(b"", 0.0)
    for step in range(len(data)):
        size = cuts[step % len(cuts)]
        if data:
            dripped.add(data[:size], float(step))
            data = data[size:]
            if step in taken and dripped.due_at is not None:
                said.append(dripped.take())
    dripped.add(b"", 99.0)
    while not dripped.is_empty:
        said.append(dripped.take())
    once = []
    while not whole.is_empty:
        once.append(whole.take())
    assert said == once == [f"Oh. {LONG}", f"No. Yes! {LONG}", f"And {LONG}", "So. It was. End"]


@given(
    sentences=st.lists(
        st.sampled_from(["Oh.", LONG, "Grüße!", "Was?", "第二句。", "no end", "So [it is. no. p. 3] was.[7]"]),
        max_size=12,
    ),
    sizes=st.lists(st.integers(1, 40), min_size=1),
    taken=st.sets(st.integers(0, 40)),
)
def test_nothing_is_lost_or_said_twice(sentences: list[str], sizes: list[int], taken: set[int]) -> None:
    """However the bytes come and whenever pieces are taken, together they are the text."""
    data, pieces, said = " ".join(sentences).encode(), Pieces(), []
    for step in range(len(data)):
        if data:
            size = sizes[step % len(sizes)]
            pieces.add(data[:size], float(step))
            data = data[size:]
            if step in taken:
                said.append(pieces.take())
    pieces.add(b"", 99.0)
    said.append(pieces.take())
    assert "".join(said).replace(" ", "") == "".join(sentences).replace(" ", "")
    assert all(piece == "" or not piece.endswith("no") for piece in said)
    assert all(piece.count("[") == piece.count("]") for piece in said)
    assert pieces.is_empty
