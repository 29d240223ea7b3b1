"""Whoever adds a row to the table of parameters gets its options and arguments, or is told."""

from __future__ import annotations

import inspect
from dataclasses import fields

import click
import pytest

from f5ctl.cli.batch import batch
from f5ctl.cli.say import say
from f5ctl.cli.say_call import Call
from f5ctl.cli.voices_add import add
from f5ctl.parameters import PARAMETERS, Place, named
from f5ctl.protocol import Say
from f5d.infer import infer


@pytest.mark.parametrize(
    ("place", "command"), [("say", say), ("batch", batch), ("voice", add), ("infer", infer)]
)
def test_every_parameter_of_a_command_is_its_option(place: Place, command: click.Command) -> None:
    """A place of the table that is a command is an option there."""
    assert set(named(place)) <= {parameter.name for parameter in command.params}


@pytest.mark.parametrize("place", ["python", "infer"])
def test_every_parameter_of_python_is_an_argument(place: Place) -> None:
    """What the table gives to Python, or to the command that calls it, `generate` takes."""
    from f5d.inference import F5TTSInference  # which imports torch

    assert set(named(place)) <= set(inspect.signature(F5TTSInference.generate).parameters)


def test_every_parameter_is_on_the_wire() -> None:
    """The table and the fields of a `say` are the same names."""
    assert set(PARAMETERS) == {field.name for field in fields(Say)} - {"id"}


def test_every_option_of_say_goes_somewhere() -> None:
    """An option is a field of the request, or one of those that say what else is to be done."""
    given = {parameter.name for parameter in say.params if parameter.expose_value}
    assert given <= set(Call._fields) | set(named("say"))
    assert set(Call._fields) <= given
