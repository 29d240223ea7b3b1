"""For the whole suite: no test reaches a model hub, or the daemon, the voices and the settings of a person."""

from __future__ import annotations

import atexit
import os
import shutil
import signal
import tempfile
from typing import TYPE_CHECKING, Final

import pytest
from hypothesis import HealthCheck, settings
from xdist.scheduler import LoadFileScheduling

if TYPE_CHECKING:
    from xdist.remote import Producer

LONGEST: Final = (
    "test_full_size.py",
    "test_other_pages.py",
    "test_first_pages.py",
    "test_lifecycle.py",
    "test_cli_homes.py",
    "test_batch_invariance.py",
    "test_process.py",
    "test_real_engine.py",
    "test_service.py",
    "test_cli_voices.py",
)
# These import the f5-tts package or transformers, which takes ten seconds for each worker.
ONE_WORKER: Final = ("tests/model/", "tests/engine/test_boundaries.py", "tests/engine/test_transcriber.py")

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as the engine process; spinning threads crawl on a busy machine
os.environ["OMP_NUM_THREADS"] = "1"  # workers share the cores; tests about more threads set their number
for name in [name for name in os.environ if name.startswith(("F5D_", "F5CTL_", "NO_COLOR", "FORCE_COLOR"))]:
    del os.environ[name]
_home = tempfile.mkdtemp(prefix="f5h")  # of this process; removed with it
atexit.register(shutil.rmtree, _home, ignore_errors=True)
for name in ("DATA", "CONFIG", "STATE"):
    os.environ[f"XDG_{name}_HOME"] = f"{_home}/{name.lower()}"
os.environ["F5D_SHARED_VOICES"] = f"{_home}/shared"
# A machine that does other things is slow, and no text is at fault.
settings.register_profile("f5d", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("f5d")
# A shell's background job ignores Ctrl-C, a nohup's SIGHUP, and so would every f5ctl that a test starts.
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest files, so that no worker waits for one at the end."""
    rank = {name: place for place, name in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.name, len(rank)))


class _ByFile(LoadFileScheduling):  # type: ignore[misc] # it has no types
    """Gives each worker whole files, and one of them all of `ONE_WORKER`."""

    def _split_scope(self, nodeid: str) -> str:
        return ONE_WORKER[0] if nodeid.startswith(ONE_WORKER) else nodeid.partition("::")[0]


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadFileScheduling | None:
    """Take the place of `--dist loadfile`."""
    return _ByFile(config, log) if config.getoption("dist") == "loadfile" else None
