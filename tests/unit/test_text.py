"""Text to segments, tokens and lengths; the installed f5-tts package is the oracle."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from f5ctl.errors import BadRequestError
from f5d.engine import text

SENTENCES = [
    "Hello, world!",
    "don't stop;go on: \u201cnow\u201d or \u2018never\u2019",
    "a.b.c  1,234.5 (x) [y] #z @home e-mail",
    "你好，世界。我是F5。",
    "第3章 hello世界abc",
    "银行行长重新行走，长大了。",
    "Olá, mundo! Não é fácil… ação",
    "Привет, мир — это тест",
    "こんにちは、テスト。",
    "emoji 🙂 ok",
    "",
    " ",
    "……——",
]


@pytest.fixture(scope="session")
def upstream() -> Any:
    """The f5-tts package's inference module, imported with the torchaudio stand-in where it is needed."""
    from f5d.model.torchaudio_compat import import_torchaudio

    import_torchaudio()
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from f5_tts.infer import utils_infer
    return utils_infer


@pytest.mark.slow  # the f5-tts package takes that long to import
@pytest.mark.parametrize("sentence", SENTENCES[:-1])
def test_tokens_equal_upstreams(upstream: Any, sentence: str) -> None:
    """English, Chinese, Portuguese, Russian, Japanese and mixtures become upstream's tokens."""
    assert text.tokenize(sentence) == upstream.convert_char_to_pinyin([sentence])[0]


@pytest.mark.slow  # the f5-tts package takes that long to import
def test_any_text_has_upstreams_tokens(upstream: Any) -> None:
    """Random mixtures of scripts and symbols become upstream's tokens, one for one."""
    alphabet = st.sampled_from("abcXYZ019 ,.;:!?'\"-()你好行长银的一éãçß€🙂“”‘’，。")

    @settings(max_examples=300, deadline=None)
    @given(st.text(alphabet, max_size=40))
    def check(sentence: str) -> None:
        try:
            expected = upstream.convert_char_to_pinyin([sentence])[0]
        except IndexError:  # upstream's own fault on runs of symbols; ours must still answer
            text.tokenize(sentence)
            return
        assert text.tokenize(sentence) == expected

    check()


def test_a_run_of_wide_symbols_is_read() -> None:
    """Symbols that upstream cannot take apart are still tokens."""
    assert "".join(text.tokenize(SENTENCES[-1])).strip()


@pytest.mark.slow  # the f5-tts package takes that long to import
def test_ordinary_text_is_cut_like_upstreams(upstream: Any) -> None:
    """Text whose sentences fit is cut into upstream's very segments."""
    sentence = st.text(st.sampled_from("abc xyzé你好"), min_size=1, max_size=30).map(lambda s: s.strip() or "a")
    ended = st.tuples(sentence, st.sampled_from([".", "!", "?", ",", ";", "。", "！"])).map("".join)

    @settings(max_examples=300, deadline=None)
    @given(st.lists(ended, min_size=1, max_size=12), st.integers(100, 200))
    def check(sentences: list[str], max_bytes: int) -> None:
        prose = " ".join(sentences)
        assert text.split_segments(prose, max_bytes) == upstream.chunk_text(prose, max_chars=max_bytes)

    check()


def spoken(prose: str) -> str:
    return re.sub(r"[\W_]+", "", prose)


@settings(deadline=None)
@given(st.text(st.sampled_from("ab .,\n你é🙂"), max_size=400), st.integers(24, 80))
def test_no_letter_is_lost_and_no_segment_is_too_long(prose: str, max_bytes: int) -> None:
    """However long a sentence or a word is, every segment fits, and together they say the text."""
    segments = text.split_segments(prose, max_bytes)
    assert spoken("".join(segments)) == spoken(prose)
    assert all(spoken(segment) and len(segment.encode()) <= max_bytes for segment in segments)


def test_an_over_long_sentence_is_split_at_words_into_like_parts() -> None:
    """A sentence without punctuation is split between words, not cut off or left whole."""
    segments = text.split_segments("word " * 100, 120)
    assert all(set(segment.split()) == {"word"} for segment in segments)
    assert max(map(len, segments)) - min(map(len, segments)) <= 10


@pytest.mark.parametrize("letter", ["天", "あ", "7", "x"])
@pytest.mark.parametrize("count", [67, 70, 133, 201, 1_000])
def test_text_without_spaces_is_split_into_like_parts(letter: str, count: int) -> None:
    """A little over the limit gives two halves, not a full segment and a stump, whatever the script."""
    sentence = letter * count + ("。" if letter in "天あ" else ".")
    segments = text.split_segments(sentence, 200)
    sizes = [len(segment.encode()) for segment in segments]
    assert "".join(segments) == sentence
    assert max(sizes) - min(sizes) <= 6
    assert len(sizes) == -(-len(sentence.encode()) // (198 if letter in "天あ" else 200))


@settings(deadline=None)
@given(
    st.text(st.sampled_from("天然あーっ12ab。，、！？」』”…"), min_size=40, max_size=300), st.integers(24, 60)
)
def test_no_segment_begins_with_a_closing_mark(prose: str, max_bytes: int) -> None:
    """Where a text without spaces is cut, its marks stay with what they follow, two in a row as well."""
    begin = prose.lstrip("。，、！？」』”…")  # a text may begin so; no cut makes it
    segments = text.split_segments(begin, max_bytes)
    assert spoken("".join(segments)) == spoken(begin)
    assert all(segment[0] not in "。，、！？」』”…" for segment in segments[1:])
    assert all(spoken(segment) for segment in segments)


def test_an_opening_mark_goes_with_what_it_opens() -> None:
    """A quotation begins a segment with its mark; a lone dash ends one."""
    assert text.split_segments("他走到门口停下「我们回家」去吧", 30) == ["他走到门口停下", "「我们回家」去吧"]
    assert text.split_segments("we all went home — and sat down by the fire", 24) == [
        "we all went home —",
        "and sat down by the fire",
    ]


def test_a_quotation_s_end_stays_with_its_sentence() -> None:
    """A full stop inside quotation marks ends no segment before them."""
    assert text.split_segments("“我们走吧。”他说完了话。", 30) == ["“我们走吧。”", "他说完了话。"]


def test_a_blank_line_ends_a_segment_and_a_line_end_does_not() -> None:
    """Paragraphs are spoken apart; hard-wrapped lines flow together."""
    assert text.split_segments("One line\nwrapped here.\n\nA title\n \nEnd", 200) == [
        "One line wrapped here.",
        "A title",
        "End",
    ]


def test_a_short_start_takes_one_sentence_and_loses_nothing() -> None:
    """A listener gets the first sentence alone; what follows is packed as always."""
    prose = "Yes. This is the first day of it. Nobody said a word. They walked on."
    assert text.split_segments(prose, 200, short_start=True) == [
        "Yes. This is the first day of it.",
        "Nobody said a word. They walked on.",
    ]
    assert text.split_segments("Only this.", 200, short_start=True) == ["Only this."]
    assert text.split_segments("A title\n\nText.", 200, short_start=True) == ["A title", "Text."]


@pytest.mark.parametrize(
    "first",
    [
        "When the morning came to us all, we left.",
        "It was late.",
        "Mr. and Mrs. Brown of the U.S. were there.",
        "“We are all here now, are we?”",
        "Oh. We sat. When it dawned, all of us left.",
    ],
)
def test_the_first_segment_of_a_stream_is_a_sentence(first: str) -> None:
    """Where a sentence ends within the bound, a listener hears it whole; a comma is the second choice."""
    prose = f"{first} And when the long day was over at last, we all walked home and sat down by the fire."
    assert text.split_segments(prose, 200, short_start=True)[0] == first


def test_a_long_first_sentence_is_cut_at_its_comma() -> None:
    """A first sentence beyond the bound does not keep a listener waiting."""
    prose = "When the long morning had come to us all, we left the house and walked on for a day and a night."
    assert text.split_segments(prose, 200, short_start=True)[0] == "When the long morning had come to us all,"


@pytest.mark.parametrize("max_bytes", [24, 30, 45, 60])
def test_no_segment_ends_after_an_abbreviation(max_bytes: int) -> None:
    """However short segments are, Dr. stays with Lee and J. R. R. with Brown."""
    prose = "Dr. Lee flew to the U.S. coast on a cold day, and with J. R. R. Brown he met No. 7 of them."
    for segment in text.split_segments(prose, max_bytes):
        assert not re.search(r"\b(Dr|U\.S|J|R|No)\.$", segment)


@pytest.mark.parametrize(
    "mark", ["* * *", "***", "---", ".", "~~~", "═══", "…", "🙂", "_____", "—", "?!", "⁂", "* *\n* *"]
)
def test_a_paragraph_of_marks_alone_is_no_segment(mark: str) -> None:
    """Scene breaks, rules and lone points are silence, with blank lines around them or without."""
    for gap in ("\n\n", "\n"):
        prose = text.clean_text(f"We went home.{gap}{mark}{gap}It was late.")
        assert text.split_segments(prose, 200) == ["We went home.", "It was late."]


def test_marks_at_the_edge_of_a_segment_are_none() -> None:
    """Marks that do not fit into a segment with words are not spoken by themselves."""
    assert text.split_segments("a" * 24 + " ... ... ... " + "b" * 24, 24) == ["a" * 24, "b" * 24]


def test_lengths_follow_upstreams_estimate() -> None:
    """The segment gets the reference's frames per byte, divided by the speed."""
    estimate = partial(text.segment_frames, ref_frames=210, ref_text="x" * 35, short_text_extra_s=0.3)
    assert estimate(segment="y" * 70, speed=1.0) == 630
    assert estimate(segment="y" * 70, speed=2.0) == 420


@given(st.integers(0, 40), st.floats(0.5, 2.0))
def test_more_text_never_takes_less_time(size: int, speed: float) -> None:
    """There is no cliff at ten bytes; a word alone gets time to be said, but no more than that."""
    estimate = partial(
        text.segment_frames, ref_frames=240, ref_text="x" * 40, speed=speed, short_text_extra_s=0.3
    )
    assert estimate(segment="y" * size) <= estimate(segment="y" * (size + 1))
    assert 240 + 6 * size / speed - 1 <= estimate(segment="y" * size) <= 240 + (6 * size + 28.2) / speed


@pytest.mark.parametrize(
    ("given_text", "assembled"),
    [
        ("So be it", "So be it.  "),
        ("So be it.", "So be it.  "),
        ("So be it. ", "So be it.  "),
        ("好。", "好。"),
    ],
)
def test_the_reference_text_ends_as_upstream_ends_it(given_text: str, assembled: str) -> None:
    """A full stop and the model's gap, unless it ends with a Chinese full stop."""
    assert text.end_reference_text(given_text, "  ") == assembled


def test_control_characters_do_not_reach_the_model() -> None:
    """Escapes, NUL and direction marks vanish; tabs and foreign line ends become plain ones."""
    assert text.clean_text("\x1b[31mred\x00\u202e a\tb\r\nc\rd ") == "red a b\nc\nd"


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[town] Hello there.", "town Hello there."),
        ("It is old.[1] It leans.", "It is old. It leans."),
        ("Read the [manual](https://example.org/m)\r\nfirst.", "Read the manual\nfirst."),
    ],
)
def test_a_bracket_in_a_text_is_text(written: str, said: str) -> None:
    """Upstream deletes every [word]; here its words are read, and its notes left out."""
    assert text.clean_text(written) == said


def test_a_fixed_total_is_shared_by_bytes() -> None:
    """Each segment's share includes the reference; cross-fades are given back."""
    shares = text.share_duration(["a" * 10, "b" * 30], total_s=10.0, ref_s=2.0, cross_fade_s=0.15)
    assert shares == pytest.approx([2 + 8.15 / 4, 2 + 8.15 * 3 / 4])
    with pytest.raises(BadRequestError, match=r"includes the reference of 2\.00 s"):
        text.share_duration(["a"], total_s=2.0, ref_s=2.0, cross_fade_s=0.15)


def test_an_escaped_bracket_is_a_bracket() -> None:
    r"""\[town] is not a tag but the word in brackets."""
    assert text.clean_text(r"\[town] and \[see this\] and C:\dir") == r"[town] and [see this] and C:\dir"
