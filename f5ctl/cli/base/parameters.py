"""The options that set a parameter, from the table (f5ctl/parameters.py)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import click

from f5ctl.cli.base.settings import Decorated, offer, option
from f5ctl.commandline import FILE
from f5ctl.parameters import PARAMETERS, PRIORITIES, QUALITIES, Place, named

_BY_HAND: Final = {"voice", "ref_audio", "ref_text", "model"}  # voice_options()
_USUAL: Final = {"speed", "seed", "language"}  # shown in the short help too
_OWN_PLACE: Final = {"timeout_s": ("--timeout", "Options")}  # flag and section
_METAVARS: Final = {"language": "code", "model": "name"}


class Value(click.ParamType):  # type: ignore[type-arg] # generic only since click 8.5
    """A value that parameter `name` may have."""

    def __init__(self, name: str) -> None:
        self._parameter = PARAMETERS[name]
        self.name = _METAVARS.get(name) or {int: "n", float: "x"}.get(self._parameter.kind, "text")

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value, or fail with it and the limit."""
        value = self._parameter.read(str(value))
        if fault := self._parameter.fault(value):
            self.fail(fault, param, ctx)
        return value


def parameter(
    name: str, *, short: str = "", told: str = "", section: str = "Options", rare: bool = False
) -> Callable[[Decorated], Decorated]:
    """Return the option that sets parameter `name`, as click's decorator."""
    meaning = PARAMETERS[name].meaning
    flag, section = _OWN_PLACE.get(name, (f"--{name.replace('_', '-')}", section))
    kind: dict[str, Any] = {"type": Value(name)}
    if PARAMETERS[name].kind is bool:
        flag, kind = f"{flag}/--no-{flag[2:]}", {"default": None}
    told = told or f"{meaning[0].upper()}{meaning[1:]}."
    return option(*filter(None, [short]), flag, name, section=section, rare=rare, help=told, **kind)


def parameters(
    place: Place, *, usual: str, fine: str, told: Mapping[str, str] | None = None
) -> Callable[[Decorated], Decorated]:
    """Return the options of all parameters of `place` but those of `voice_options`, as click's decorator.

    `usual` and `fine` are the sections of what many set and of what few do; `told` replaces the table's help.
    """

    def decorate(function: Decorated) -> Decorated:
        for name in reversed(named(place)):
            if name not in _BY_HAND:
                section, rare = (usual, False) if name in _USUAL else (fine, True)
                function = parameter(name, section=section, rare=rare, told=(told or {}).get(name, ""))(
                    function
                )
        return function

    return decorate


def voice_options(section: str) -> Callable[[Decorated], Decorated]:
    """Return the options that name the voice, by name or by a recording, and the model."""

    def decorate(function: Decorated) -> Decorated:
        model = option(
            "-m",
            "--model",
            type=Value("model"),
            metavar="NAME",
            section=section,
            shell_complete=offer("models"),
            help="The model.",
        )
        ref_text = option(
            "--ref-text",
            type=Value("ref_text"),
            metavar="TEXT",
            section=section,
            help="What the recording says.",
        )
        ref_audio = option(
            "--ref-audio", metavar="FILE", type=FILE, section=section, help="A recording of the voice."
        )
        voice = option(
            "-v",
            "--voice",
            type=Value("voice"),
            metavar="NAME",
            section=section,
            shell_complete=offer("voices"),
            help="A voice of `f5ctl voices`.",
        )
        return voice(ref_audio(ref_text(model(function))))

    return decorate


def quality(section: str) -> Callable[[Decorated], Decorated]:
    """Return the option that names a number of ODE steps."""
    return option(
        "--quality",
        metavar="NAME",
        type=click.Choice(list(QUALITIES)),
        section=section,
        help=f"{_listed(QUALITIES)}: {_listed(QUALITIES.values())} ODE steps.",
    )


def priority(section: str, default: str | None = None) -> Callable[[Decorated], Decorated]:
    """Return the option that names whose turn it is."""
    return option(
        "--priority",
        metavar="NAME",
        type=click.Choice(list(PRIORITIES)),
        default=default,
        section=section,
        rare=True,
        help=f"{_listed(PRIORITIES)}: whose turn it is while others speak too.",
    )


def steps(quality: str | None, nfe_step: int | None) -> int | None:
    """Return the ODE steps that the two options ask for together, None for the model's."""
    if quality is None:
        return nfe_step
    if nfe_step is not None:
        raise click.UsageError("--quality and --nfe-step exclude each other")
    return QUALITIES[quality]


def check_voice(voice: str | None, ref_audio: str | None, ref_text: str | None) -> None:
    """Raise click.UsageError unless the options name one voice at most."""
    if ref_audio and voice:
        raise click.UsageError("--voice and --ref-audio exclude each other")
    if ref_text and not ref_audio:
        raise click.UsageError("--ref-text belongs to --ref-audio")


def _listed(words: Iterable[object]) -> str:
    *most, last = map(str, words)
    return f"{', '.join(most)} or {last}"
