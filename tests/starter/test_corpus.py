"""What the model is trained on, and what it must never have seen."""

from __future__ import annotations

from pathlib import Path

from starter.corpus import normalise, select, word_runs, wordnet_examples
from starter.everyday import everyday_sentences
from starter.paths import HARVARD, HELD_OUT, read_lines


def test_sentences_are_written_in_the_models_letters() -> None:
    """Lower case, one blank, an end; digits and other letters are refused."""
    assert normalise("The well-known  man; he left") == "the well known man, he left."
    assert normalise("Is it?") == "is it?"
    assert normalise("in 1984") is None
    assert normalise("a café") is None
    assert normalise("he said 'no'") is None


def test_a_sentence_that_shares_four_words_in_a_row_with_a_held_out_one_is_left_out() -> None:
    """Neither a held-out sentence nor a piece of its word order is trained on."""
    held_out = ["The big hand counts the minutes."]
    candidates = ["see how the big hand counts.", "the big hand is red.", "the big hand counts the minutes."]
    assert select(candidates, held_out) == ["the big hand is red."]


def test_short_sentences_overlap_only_as_a_whole() -> None:
    """A held-out sentence of at most four words forbids just itself."""
    assert word_runs("they came at night") == {("they", "came", "at", "night")}
    assert word_runs("they came") == {("they", "came")}


def test_quotations_with_a_name_are_not_examples(tmp_path: Path) -> None:
    """WordNet quotes writers: what is followed by a dash and a name stays out."""
    line = 'x | a thing; "the dog is here"; "to be or not to be"- Shakespeare; "a cat sat down"\n'
    for name in ("adj", "adv", "noun", "verb"):
        (tmp_path / f"data.{name}").write_text(line if name == "verb" else "")
    assert list(wordnet_examples(tmp_path)) == ["the dog is here", "a cat sat down"]


def test_everyday_sentences_are_the_same_every_time() -> None:
    """Self-made text is made of the seed alone, without repetition, and overlaps nothing that is held out."""
    sentences = everyday_sentences(200)
    assert sentences == everyday_sentences(200)
    assert len(set(sentences)) == 200
    held_out = [*read_lines(HELD_OUT), *read_lines(HARVARD)]
    assert len(select(sentences, held_out)) > 150
    assert not set(held_out) & set(sentences)
