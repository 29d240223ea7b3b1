"""From what one voice says to its request: voices of a story, of the user, of the daemon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from f5ctl.client import new_id
from f5ctl.parameters import seed_after
from f5ctl.protocol import Say
from f5ctl.speech.marks import MAIN, Words
from f5ctl.voicebox import with_private_voice

if TYPE_CHECKING:
    from f5ctl.speech.story import StoryVoice


def turn(template: Say, words: Words, number: int, voices: Mapping[str, StoryVoice] | None = None) -> Say:
    """Return the request for text number `number`, in the voice that it names.

    `template` has what is the same for all of them and is `main`'s; `voices` are a story's.
    """
    seed = None if template.seed is None else seed_after(template.seed, number)
    request = replace(template, id=new_id(), text=words.text, seed=seed, encoding="pcm")
    if words.voice == MAIN and (template.voice or template.ref_audio):
        return request
    return in_voice(request, words.voice, voices)


def in_voice(request: Say, name: str, voices: Mapping[str, StoryVoice] | None = None) -> Say:
    """Return `request` in the voice of that name: a story's, the user's own, or one that the daemon serves."""
    voice = voices.get(name) if voices else None
    if voice is not None:
        speed = request.speed if voice.speed is None else voice.speed
        return replace(
            request, voice=None, ref_audio=voice.ref_audio, ref_text=voice.ref_text, label=name, speed=speed
        )
    if name == MAIN:
        return request
    return with_private_voice(replace(request, voice=name, ref_audio=None, ref_text=None, label=None))
