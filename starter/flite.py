"""Flite's voices through libflite (Debian package flite1-dev), with the time of every phone.

Source of the calls: flite.h, cst_wave.h, cst_voice.h of flite 2.2. The voices are statistical
(slt, rms, awb) and take a pitch factor.
"""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

VOICES: Final = ("rms", "slt", "awb")


class _Wave(ctypes.Structure):
    _fields_ = (
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    )


class _Voice(ctypes.Structure):
    _fields_ = (("name", ctypes.c_char_p), ("features", ctypes.c_void_p))


@dataclass(frozen=True, slots=True)
class Phone:
    """A phone, where it ends, and which blank-separated word of the text it belongs to (-1: a pause)."""

    name: str
    end_s: float
    word: int


@dataclass(frozen=True, slots=True)
class Utterance:
    """What flite said: samples int16 at `rate_hz`, and its phones in order."""

    samples: npt.NDArray[np.int16]
    rate_hz: int
    phones: tuple[Phone, ...]


def say(text: str, voice: str, *, pitch: float = 1.0) -> Utterance:
    """Return `text` spoken by a voice of VOICES at `pitch` times its usual fundamental frequency."""
    library = _library()
    opened = _voice(voice)
    library.feat_set_float(opened.contents.features, b"f0_shift", pitch)
    utterance = library.flite_synth_text(text.encode(), opened)
    try:
        wave = library.utt_wave(utterance).contents
        samples = np.ctypeslib.as_array(wave.samples, shape=(wave.num_samples,)).copy()
        return Utterance(samples, wave.sample_rate, tuple(_phones(library, utterance)))
    finally:
        library.delete_utterance(utterance)


def _phones(library: Any, utterance: int) -> Iterator[Phone]:
    words: dict[int, int] = {}
    token = library.relation_head(library.utt_relation(utterance, b"Token"))
    while token:
        words[token] = len(words)
        token = library.item_next(token)
    segment = library.relation_head(library.utt_relation(utterance, b"Segment"))
    while segment:
        syllable = library.item_parent(library.item_as(segment, b"SylStructure"))
        spoken = library.item_parent(syllable) if syllable else None
        token = library.item_parent(library.item_as(spoken, b"Token")) if spoken else None
        name = library.item_feat_string(segment, b"name").decode()
        yield Phone(name, library.item_feat_float(segment, b"end"), words[token] if token else -1)
        segment = library.item_next(segment)


@cache
def _library() -> Any:
    library = ctypes.CDLL("libflite.so.1", mode=ctypes.RTLD_GLOBAL)
    item, text = ctypes.c_void_p, ctypes.c_char_p
    for name, result, *arguments in (
        ("flite_synth_text", item, text, ctypes.POINTER(_Voice)),
        ("utt_wave", ctypes.POINTER(_Wave), item),
        ("utt_relation", item, item, text),
        ("relation_head", item, item),
        ("item_next", item, item),
        ("item_parent", item, item),
        ("item_as", item, item, text),
        ("item_feat_string", text, item, text),
        ("item_feat_float", ctypes.c_float, item, text),
        ("feat_set_float", None, item, text, ctypes.c_float),
        ("delete_utterance", None, item),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    library.flite_init()
    return library


@cache
def _voice(name: str) -> Any:
    if name not in VOICES:
        raise ValueError(f"unknown voice {name!r}; known: {', '.join(VOICES)}")
    _library()
    register = getattr(ctypes.CDLL(f"libflite_cmu_us_{name}.so.1"), f"register_cmu_us_{name}")
    register.restype, register.argtypes = ctypes.POINTER(_Voice), [ctypes.c_char_p]
    return register(None)
