"""From a job's text to what the model reads: segments, tokens and lengths in frames.

Pure: no audio, no torch. Tokens, segments and lengths equal upstream's for ordinary text
(f5_tts.model.utils.convert_char_to_pinyin, f5_tts.infer.utils_infer.chunk_text and
infer_batch_process, 1.1.22). Where upstream's rules lose text or time it departs: an over-long
sentence is split (overlong.py), a blank line ends a segment, a line end is a place to split, the point of an
abbreviation is none, a closing quotation mark stays with its sentence, and marks alone are no segment.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import chain
from typing import Final

import rjieba
from pypinyin import Style, lazy_pinyin

from f5ctl.brackets import has_words, spoken
from f5ctl.errors import BadRequestError
from f5ctl.sentences import MARKS, PARAGRAPH_END, WIDE_MARKS, is_end
from f5d.catalog.spec import FRAMES_PER_SECOND
from f5d.engine.characters import clean
from f5d.engine.markup import without_marks
from f5d.engine.overlong import CLOSING, equal_parts

# Upstream's longest comfortable utterance: reference and generated speech together.
UTTERANCE_S: Final = 22.0
# A reference of hardly any speech per second must not cut the text into single letters.
MIN_SEGMENT_BYTES: Final = 24
# A first segment of about two seconds; shorter ones would not sound like the rest.
FIRST_SEGMENT_BYTES: Final = 30
# Up to here a first segment rather ends with its sentence.
MAX_FIRST_SEGMENT_BYTES: Final = 60
# A reference that says what its transcript does is never re-timed so many times longer or shorter.
MAX_RETIMING: Final = 4
# Words alone are said slower than in a sentence: a text shorter than this gets more time.
SHORT_TEXT_BYTES: Final = 10

_QUOTES: Final = str.maketrans({";": ",", "“": '"', "”": '"', "‘": "'", "’": "'"})
_NO_SPACE_AFTER: Final = frozenset(" :'\"")
_PLACE: Final = re.compile(rf"(?P<gap>(?<=[;:,.!?])\s+|\n)|[；：，。！？][{CLOSING}]*")
_SENTENCE_END: Final = re.compile(rf"""[{MARKS}]["'”’»)\]]*(?=\s|\Z)|[{WIDE_MARKS}]["'”’」』）]*""")


def clean_text(text: str) -> str:
    """Return `text` as plain words and marks (characters.py, markup.py), with its brackets read."""
    return spoken(without_marks(clean(text))).strip()


def tokenize(text: str) -> list[str]:
    """Return the tokens of `text`: characters, and toned pinyin syllables for Chinese.

    Equal to `convert_char_to_pinyin([text])[0]` token for token.
    """
    tokens = list(chain.from_iterable(map(_tokens, text.split(" "))))  # no word of rjieba's runs over a space
    del tokens[-1]
    return tokens


@lru_cache(maxsize=16_384)
def _tokens(text: str) -> tuple[str, ...]:
    """Return the tokens of what stands between two spaces, and of the second one."""
    tokens: list[str] = []
    for word in rjieba.cut(text.translate(_QUOTES)):
        size = len(word.encode())
        if size == len(word):
            if tokens and size > 1 and tokens[-1] not in _NO_SPACE_AFTER:
                tokens.append(" ")
            tokens.extend(word)
        elif size == 3 * len(word):
            tokens.extend(_east_asian_tokens(word))
        else:
            tokens.extend(_mixed_tokens(word))
    return (*tokens, " ")


def _is_chinese(character: str) -> bool:
    return "\u3100" <= character <= "\u9fff"


@lru_cache(maxsize=16_384)  # the conversion takes 0.2 ms a character, and a text has few words that are new
def _pinyin(word: str) -> tuple[str, ...]:
    return tuple(lazy_pinyin(word, style=Style.TONE3, tone_sandhi=True))


def _east_asian_tokens(word: str) -> Iterator[str]:
    syllables = _pinyin(word)
    if len(syllables) != len(word):  # pypinyin joins runs of symbols, where upstream stops with an IndexError
        syllables = tuple(_pinyin(character)[0] for character in word)
    for character, syllable in zip(word, syllables, strict=True):
        if _is_chinese(character):
            yield " "
        yield syllable


def _mixed_tokens(word: str) -> Iterator[str]:
    for character in word:
        if ord(character) >= 256 and _is_chinese(character):
            yield " "
            yield from _pinyin(character)
        else:
            yield character


def max_segment_bytes(ref_text: str, ref_s: float, speed: float) -> int:
    """Return how many bytes of text fill an utterance after a reference of `ref_s` seconds.

    Upstream counts one space after the reference text here, whatever stands there before the model.
    """
    size = len(end_reference_text(ref_text, " ").encode())
    fits = int(size / ref_s * (UTTERANCE_S - ref_s) * speed)
    return max(MIN_SEGMENT_BYTES, fits)


def split_segments(text: str, max_bytes: int, *, short_start: bool = False) -> list[str]:
    """Return `text` as segments of at most `max_bytes` bytes of UTF-8, cut at sentence ends.

    Sentences are packed greedily, as upstream's chunk_text does. Nothing but white space between
    segments is lost, and marks that would be a segment of their own. With `short_start` the first segment
    ends with a sentence of at most `MAX_FIRST_SEGMENT_BYTES`, else as soon as it holds
    `FIRST_SEGMENT_BYTES`, so that a listener hears something early.
    """
    segments: list[str] = []
    for paragraph in filter(has_words, PARAGRAPH_END.split(text)):
        begin = 0
        if short_start and not segments:
            begin = _first_sentence(paragraph, min(max_bytes, MAX_FIRST_SEGMENT_BYTES))
            segments.extend(_pack(_pieces(paragraph[:begin], max_bytes), max_bytes))
        pieces = _pieces(paragraph[begin:], max_bytes)
        if short_start and not segments:
            segments.extend(_start(pieces, max_bytes))
        segments.extend(_pack(pieces, max_bytes))
    return segments


def _first_sentence(paragraph: str, most_bytes: int) -> int:
    """Return where the first segment ends, if a sentence does so within `most_bytes`; 0 where none does."""
    short = 0
    for match in _SENTENCE_END.finditer(paragraph):
        size = len(paragraph[: match.end()].encode())
        if size > most_bytes:
            break
        if is_end(paragraph, match.start()):
            if size >= FIRST_SEGMENT_BYTES:
                return match.end()
            short = match.end() if size >= SHORT_TEXT_BYTES else 0
    return short


def _start(pieces: Iterator[str], max_bytes: int) -> Iterator[str]:
    """Take pieces up to `FIRST_SEGMENT_BYTES` off the iterator and yield them packed."""
    taken: list[str] = []
    size = 0
    for piece in pieces:
        taken.append(piece)
        size += len(piece.encode())
        if size >= FIRST_SEGMENT_BYTES:
            break
    yield from _pack(iter(taken), max_bytes)


def _pieces(paragraph: str, max_bytes: int) -> Iterator[str]:
    for sentence in _cut(paragraph):
        if len(sentence.encode()) <= max_bytes:
            yield sentence
        else:
            yield from equal_parts(sentence, max_bytes)


def _cut(paragraph: str) -> Iterator[str]:
    """Yield what stands between the places at which a segment may end."""
    one_line = paragraph.replace("\n", " ")
    begin = 0
    for place in _PLACE.finditer(paragraph):
        end = place.end() if place["gap"] is None else place.start()
        if paragraph[end - 1 : end] == "." and not is_end(paragraph, end - 1):
            continue
        yield one_line[begin:end]
        begin = place.end()
    yield one_line[begin:].rstrip()


def _pack(pieces: Iterator[str], max_bytes: int) -> Iterator[str]:
    packed, filled = "", 0
    for piece in pieces:
        size = len(piece.encode())
        if packed and filled + size > max_bytes:
            if has_words(packed):
                yield packed.strip()
            packed, filled = "", 0
        space = " " if piece[-1:].isascii() and piece else ""
        packed += piece + space
        filled += size + len(space)
    if has_words(packed):
        yield packed.strip()


def segment_frames(
    *, ref_frames: int, ref_text: str, segment: str, speed: float, short_text_extra_s: float
) -> int:
    """Return the length of reference and segment together, in mel frames.

    Upstream's estimate: the segment is spoken at the reference's frames per byte of text. Upstream gives
    a text under ten bytes 3.3 times as long, so nine bytes take longer than twenty; here it gets up to
    `short_text_extra_s` more, the whole of it for no text, nothing from `SHORT_TEXT_BYTES` on.
    """
    size = len(segment.encode())
    missing = max(0.0, 1 - size / SHORT_TEXT_BYTES)
    extra_frames = int(missing * short_text_extra_s * FRAMES_PER_SECOND / speed)
    return ref_frames + int(ref_frames / len(ref_text.encode()) * size / speed) + extra_frames


def retimed_frames(*, ref_frames: int, ref_text: str, frames_per_byte: int) -> int:
    """Return the length of a reference re-timed to a whole number of frames per byte of its text.

    Upstream's average upsampling spreads a text evenly over its frames only then; a small model that
    learned to speak evenly loses its place otherwise.

    Raises:
        BadRequestError: `bad_parameter` when it would be more than MAX_RETIMING times longer or shorter.
    """
    size = len(ref_text.encode())
    shortest = math.ceil(ref_frames / frames_per_byte / MAX_RETIMING)
    longest = int(ref_frames / frames_per_byte * MAX_RETIMING)
    if not shortest <= size <= longest:
        line = (
            f"ref_text has {size} bytes with its full stop and space; a recording of"
            f" {ref_frames / FRAMES_PER_SECOND:.1f} s has {shortest} to {longest}"
        )
        raise BadRequestError("bad_parameter", f"{line} (does it say all that the recording does?)")
    return size * frames_per_byte


def share_duration(
    segments: Sequence[str], *, total_s: float, ref_s: float, cross_fade_s: float
) -> list[float]:
    """Return each segment's duration in seconds, reference included, for a fixed total.

    The time besides the reference is shared by bytes of text and made longer by what the
    cross-fades take away, as upstream does it.

    Raises:
        BadRequestError: `bad_parameter` when nothing is left besides the reference.
    """
    if total_s <= ref_s:
        raise BadRequestError(
            "bad_parameter",
            f"fix_duration is {total_s:g} s, which includes the reference of {ref_s:.2f} s; make it longer",
        )
    if len(segments) == 1:
        return [total_s]
    sizes = [len(segment.encode()) for segment in segments]
    speech_s = total_s - ref_s + cross_fade_s * (len(segments) - 1)
    return [ref_s + speech_s * size / sum(sizes) for size in sizes]


def end_reference_text(ref_text: str, gap: str) -> str:
    """Return the reference text as it stands before the generated text.

    It ends with a full stop, as upstream makes it, and with `gap` (upstream's models saw two
    spaces there); Chinese text that ends with its own full stop takes none.
    """
    text = ref_text.strip()
    if text.endswith("。"):
        return text
    return (text if text.endswith(".") else text + ".") + gap
