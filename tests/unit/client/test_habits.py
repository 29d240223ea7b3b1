"""What people type who know other programs."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest

from f5ctl.cli import VERBS, cli, habits
from f5d.commands import main as daemon_group

if TYPE_CHECKING:
    from tests.unit.client.conftest import Cli, FakeDaemon, Here

PLACEHOLDER = re.compile(r"\b[A-Z]+\b")


@pytest.mark.parametrize(
    ("line", "told", "page"),
    [
        ("sya hi", "f5ctl has no verb 'sya'; did you mean say?", "f5ctl"),
        ("STATUS", "f5ctl has no verb 'STATUS'; did you mean status? To speak it: f5ctl say STATUS", "f5ctl"),
        ("Hallo", "f5ctl has no verb 'Hallo'; to speak it: f5ctl say Hallo", "f5ctl"),
        ("-", "f5ctl has no verb '-'; to speak what comes from a pipe: f5ctl say", "f5ctl"),
        ("pull x", "f5ctl has no verb 'pull': it is f5ctl models pull NAME", "f5ctl"),
        ("voices ad", "f5ctl voices has no verb 'ad'; did you mean add?", "f5ctl voices"),
        ("voices delete x", "f5ctl voices has no verb 'delete'; did you mean rm?", "f5ctl voices"),
        ("models fetch x", "f5ctl models has no verb 'fetch'; did you mean pull?", "f5ctl models"),
        ("voices xyz", "f5ctl voices has no verb 'xyz'", "f5ctl voices"),
        ("say --sped 1 x", "f5ctl say has no option '--sped'; did you mean --speed?", "f5ctl say"),
        ("say --nfe 7 x", "f5ctl say has no option '--nfe'; did you mean --nfe-step?", "f5ctl say"),
        ("say --output_file a.wav x", "f5ctl say has no option '--output-file'; did you mean --output?",
         "f5ctl say"),
        ("say -5", "f5ctl say has no option '-5'; a text that begins with - stands behind --", "f5ctl say"),
        ("status -5", "f5ctl status has no option '-5'", "f5ctl status"),
        ("say '- Hello.'", "a text that begins with - stands behind --", "f5ctl say"),
        ("-v slt Hello.", "the option -v stands behind a verb: f5ctl say -v ...", "f5ctl"),
        ("--sped 1 x", "f5ctl has no option '--sped'", "f5ctl"),
        ("help voices ad", "f5ctl voices has no verb 'ad'; did you mean add?", "f5ctl voices"),
        ("help say loud", "f5ctl say has no verbs", "f5ctl say"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_with_what_was_meant(
    here: Here, daemon: FakeDaemon, line: str, told: str, page: str
) -> None:
    """A verb or option that is none ends with 2 and the nearest one; nothing is asked of the daemon."""
    done = here.run(*shlex.split(line))
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"f5ctl: error: {told} (see {page} --help)\n"
    assert daemon.seen == []


@pytest.mark.parametrize(
    "text", ["Hello there.", "Hello there", "Hello!", "Olá?", "你好。", "a\nb", '"Hello."', "Stop.", "9 a.m."]
)
def test_a_text_in_the_place_of_a_verb_is_spoken(
    here: Here, daemon: FakeDaemon, tmp_path: Path, text: str
) -> None:
    """`f5ctl "Some text." -o FILE` is `f5ctl say`, with its options behind the text."""
    done = here.run(text, "--seed", "5", "-o", str(tmp_path / "a.wav"))
    assert (done.returncode, done.stderr) == (0, b"")
    assert (daemon.seen[0]["text"], daemon.seen[0]["seed"]) == (text, 5)


@pytest.mark.parametrize("name", ["chapter.txt", "my chapter.txt", "Chapter."])
def test_a_file_is_no_text(
    here: Here, daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """The name of a file is not spoken; the line says how its words are."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("Once.")
    done = here.run(name)
    assert done.returncode == 2
    assert f"to speak the file: f5ctl say -f {shlex.quote(name)}" in done.stderr.decode()
    assert daemon.seen == []


def test_every_pointer_leads_to_a_verb() -> None:
    """Where another program's verb is told what it is here, that is there, and the verb itself is not."""
    assert set(habits._HERE) & set(VERBS) == set()
    for pointer in habits._HERE.values():
        line = f"f5ctl {pointer}".replace(";", ",").replace(":", ",")
        calls = [part.partition(",")[0] for part in re.split(r"(?=\bf5ctl |\bf5d )", line) if part]
        for call in calls:
            program, *words = PLACEHOLDER.sub("x", call.removesuffix(" or ")).split()
            group: click.Command = {"f5ctl": cli, "f5d": daemon_group}[program]
            while isinstance(group, click.Group) and words:
                ctx = click.Context(group)
                _name, found, words = group.resolve_command(ctx, words)
                assert found is not None, call
                group = found
            assert {word for word in words if word.startswith("-")} <= {
                flag for one in group.params for flag in one.opts
            }, call


@pytest.mark.parametrize(
    "verbs", [[], ["say"], ["voices"], ["voices", "add"], ["models", "pull"], ["help"]], ids=" ".join
)
def test_help_is_the_page_of_a_verb(cli: Cli, verbs: list[str]) -> None:
    """`f5ctl help VERB SUBVERB` prints what `f5ctl VERB SUBVERB --help` does."""
    done = cli.run("help", *verbs)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == cli.run(*verbs, "--help").stdout
