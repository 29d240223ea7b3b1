"""The Dockerfile and its page as far as reading tells; tests/install/test_container.py does its steps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from f5d.commands import main as daemon

from .blocks import blocks, calls
from .dockerfile import ROOT, Stage, is_sent, stages
from .test_pages import fault

ARGUMENTS, (BUILD, IMAGE) = stages((ROOT / "Dockerfile").read_text())
IGNORED: Final = (ROOT / ".dockerignore").read_text()
PAGE: Final = ROOT / "docs" / "containers.md"


def copied(stage: Stage) -> list[str]:
    """Return what a stage copies from the checkout."""
    return [name for one in stage.all("COPY") if "--from" not in one.text for name in one.words[:-1]]


def test_what_is_copied_is_there_and_sent() -> None:
    """Each file and folder exists, .dockerignore lets it through, and nothing else of the checkout."""
    assert [name for name in copied(BUILD) if not (ROOT / name).exists() or not is_sent(name, IGNORED)] == []
    sent = {path.name for path in ROOT.iterdir() if is_sent(path.name, IGNORED)}
    assert sent == set(copied(BUILD))
    assert copied(IMAGE) == []
    assert not is_sent("f5d/engine/__pycache__/loop.cpython-311.pyc", IGNORED)
    assert is_sent("f5d/starter/model.safetensors", IGNORED)


@pytest.mark.parametrize("stage", [BUILD, IMAGE], ids=["build", "image"])
def test_variables_are_declared(stage: Stage) -> None:
    """What an instruction names was set before it: by ARG or ENV, or by the base image."""
    known = {"PATH"}
    for one in stage.instructions:
        assert one.variables <= known, one
        if one.word in ("ARG", "ENV"):
            known |= set(one.pairs)
    assert set(re.findall(r"\{(\w+)\}", stage.base)) <= set(ARGUMENTS)


def test_the_image_runs_as_nobody_in_particular() -> None:
    """Its user is a number, not root's, and owns the volumes; versions are those of constraints.txt."""
    user, _, group = IMAGE.last("USER").text.partition(":")
    assert int(user) > 1000
    assert int(group) > 1000
    made = IMAGE.last("RUN").text
    assert f"--uid {user}" in made
    volumes = IMAGE.last("VOLUME").words
    assert [folder for folder in volumes if folder not in made] == []
    environment = IMAGE.last("ENV").pairs
    assert {str(Path(environment["F5D_SOCKET"]).parent), environment["HF_HOME"]} == set(volumes)
    steps = [step for one in BUILD.all("RUN") for step in re.split("&&|;", one.text)]
    installs = [step for step in steps if "pip install" in step]
    assert len(installs) == 3
    assert [step for step in installs if "-c /src/constraints.txt" not in step] == []


def test_what_it_runs_is_a_command() -> None:
    """ENTRYPOINT with CMD is a verb of f5d, HEALTHCHECK one of f5ctl, with options that exist."""
    entry = [*IMAGE.last("ENTRYPOINT").words, *IMAGE.last("CMD").words]
    assert entry[0] == "f5d"
    assert entry[1] in daemon.commands
    (check,) = calls(IMAGE.last("HEALTHCHECK").text.partition("CMD ")[2])
    assert (fault(entry), fault(check)) == ("", "")


def test_the_page_builds_what_the_dockerfile_knows() -> None:
    """Every --build-arg of the page is an argument of the Dockerfile, and each of those is on the page."""
    named = set(re.findall(r"--build-arg (\w+)=", PAGE.read_text()))
    assert named == {name for one in BUILD.all("ARG") for name in one.pairs} | set(ARGUMENTS)


def test_the_pod_of_the_page_is_whole() -> None:
    """Its probes are commands, its socket lies in a shared volume, its images' user is the image's."""
    (text,) = [block.text for block in blocks(PAGE) if block.language == "yaml"]
    pod: dict[str, Any] = yaml.safe_load(text)["spec"]
    server, *clients = pod["containers"]
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        assert fault(server[probe]["exec"]["command"]) == "", probe
        assert server[probe]["timeoutSeconds"] > 1
    volumes = {volume["name"] for volume in pod["volumes"]}
    for container in (server, *clients):
        mounts = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        assert set(mounts.values()) <= volumes
        (socket,) = [one["value"] for one in container["env"] if one["name"] == "F5D_SOCKET"]
        # emptyDir is everybody's: the daemon makes a folder of its own in it
        assert str(Path(socket).parent.parent) in mounts
        for script in container.get("args", []):
            assert [call for call in calls(script) if fault(call)] == []
    assert pod["securityContext"]["runAsUser"] == int(IMAGE.last("USER").text.partition(":")[0])
