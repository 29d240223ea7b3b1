"""The units as an operator uses them, on a machine with a real systemd and the real starter model.

The tests build on one another: the first installs, the last uninstalls.
"""

from __future__ import annotations

import json
import re
import subprocess
import time
from collections.abc import Callable

import pytest

from .machine import PYTHON, Machine, wait_until

SENTENCE = "The quick brown fox jumps over the lazy dog."
LONG = " ".join(["The quick brown fox jumps over the lazy dog near the quiet river bank."] * 4)
SYSTEM_SOCKET = "/run/f5d/f5d.sock"
QUICK = "[Service]\nWatchdogSec=4\n"
CONFIG = 'threads = 1\nmax_jobs = 64\nkeep_alive = "5m"\n'

Did = Callable[[str], None]


def say(text: str, output: str, *more: str) -> tuple[str, ...]:
    return ("say", "--seed", "7", "--nfe-step", "8", "-o", f"/home/alice/{output}", *more, text)


def speak_at_length(machine: Machine, output: str, *more: str) -> subprocess.Popen[str]:
    """Start a long say and return once it runs."""
    client = machine.start_f5ctl(*say(LONG, output, *more))
    wait_until(lambda: any(job["segments_done"] for job in machine.status()["jobs"]), "the job runs")
    return client


def finish(client: subprocess.Popen[str]) -> None:
    out, err = client.communicate(timeout=120)
    assert client.returncode == 0, (out, err)


def doctor(machine: Machine) -> list[dict[str, str]]:
    """Return what `f5ctl doctor` finds of the system's units."""
    done = machine.f5ctl("doctor", "--json", user=None, check=False)
    return [finding for finding in json.loads(done.stdout) if finding["what"] == "systemd --system"]


def digest(machine: Machine, name: str) -> str:
    return machine.run("sha256sum", f"/home/alice/{name}").stdout.split()[0]


def engine_pid(machine: Machine) -> int:
    (engine,) = machine.status()["engines"]
    return int(engine["pid"])


def parent(machine: Machine, pid: int) -> int:
    """Return the process that has started another."""
    return int(machine.read(f"/proc/{pid}/stat").rpartition(")")[2].split()[1])


def test_install_puts_everything_in_place(machine: Machine, did: Did) -> None:
    """`f5ctl service install --system` makes account, folder, socket and units; no daemon runs yet."""
    machine.write("/etc/f5d/f5d.toml", CONFIG)
    done = machine.f5ctl("service", "install", "--system", user=None)
    assert "systemd listens on /run/f5d/f5d.sock" in done.stderr
    for user in ("alice", "carol"):
        machine.run("usermod", "-aG", "f5d", user)
    modes = machine.run("stat", "-c", "%a %U:%G", "/run/f5d", SYSTEM_SOCKET).stdout.splitlines()
    assert modes == ["750 root:f5d", "660 root:f5d"]
    assert machine.show("ActiveState", "f5d.socket") == "active"
    assert machine.show("ActiveState") == "inactive"
    assert machine.read("/etc/f5d/f5d.toml") == CONFIG
    status = machine.f5ctl("service", "status", "--system", "--json", user=None)
    assert json.loads(status.stdout)["units"]["f5d.socket"]["UnitFileState"] == "enabled"
    (found,) = doctor(machine)
    assert found["state"] == "ok"
    assert found["how"] == f"listens on {SYSTEM_SOCKET}; the first request starts the daemon"
    assert machine.show("ActiveState") == "inactive", "doctor has started it"
    did("f5ctl service install --system: account f5d, folder 0750 root:f5d, socket 0660 root:f5d, enabled")


def test_the_first_request_starts_the_daemon_and_is_answered(machine: Machine, did: Did) -> None:
    """Nobody names a socket: the client finds the system's, systemd starts the daemon, the audio comes."""
    started = time.monotonic()
    machine.f5ctl(*say(SENTENCE, "first.wav"))
    took_s = time.monotonic() - started
    assert machine.run("stat", "-c", "%s", "/home/alice/first.wav").stdout.strip() > "1000"
    assert machine.show("ActiveState") == "active"
    assert machine.show("User") == "f5d"
    idle = re.compile(r"starter on cpu, \d+ MiB; 0 running, 0 waiting")
    wait_until(lambda: idle.fullmatch(machine.show("StatusText")), "STATUS tells model, memory and queue")
    status = machine.show("StatusText")
    did(f"first f5ctl say after boot: answered in {took_s:.1f} s, systemctl status says '{status}'")


def test_who_is_not_in_the_group_is_refused(machine: Machine, did: Did) -> None:
    """The system's socket is not for everybody."""
    done = machine.f5ctl("--socket", SYSTEM_SOCKET, "status", user="bob", check=False)
    assert done.returncode == 78
    assert done.stderr == f"f5ctl: error: this user may not use the socket {SYSTEM_SOCKET}\n"
    did("a user outside the group f5d: refused with one line")


def test_the_sandbox_is_real(machine: Machine, did: Did) -> None:
    """The daemon that speaks has no capability, no new privileges, a system call filter and a read-only /."""
    exposure = machine.run("systemd-analyze", "security", "--no-pager", "f5d.service").stdout.splitlines()[-1]
    found = re.search(r"f5d\.service: ([\d.]+)", exposure)
    assert found is not None
    assert float(found[1]) <= 3.0, exposure
    for pid in (machine.main_pid(), engine_pid(machine)):
        facts = dict(
            line.split(":\t") for line in machine.read(f"/proc/{pid}/status").splitlines() if ":\t" in line
        )
        assert (facts["NoNewPrivs"], facts["Seccomp"], int(facts["CapEff"], 16)) == ("1", "2", 0)
        assert int(facts["CapBnd"], 16) == 0
        root = next(
            line for line in machine.read(f"/proc/{pid}/mountinfo").splitlines() if line.split()[4] == "/"
        )
        assert root.split()[5].startswith("ro")
        assert re.search(r"Max core file size\s+0\s+0", machine.read(f"/proc/{pid}/limits"))
    refused = machine.f5ctl("load", "F5TTS_v1_Base", check=False)
    assert (refused.returncode, "unknown model" in refused.stderr) == (65, True), "nobody configured it"
    did(f"the hardened unit speaks: exposure {found[1]}, no capabilities, system call filter, read-only root")


def test_stop_during_a_job_drains_it(machine: Machine, did: Did) -> None:
    """`systemctl stop` lets the accepted job finish; the next request starts the daemon again."""
    client = speak_at_length(machine, "reference.wav")
    started = time.monotonic()
    machine.run("systemctl", "stop", "f5d.service")
    took_s = time.monotonic() - started
    finish(client)
    assert took_s > 0.5, "the job was over before the stop"
    assert machine.show("Result") == "success"
    assert machine.show("ActiveState") == "inactive"
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    assert digest(machine, "again.wav") == digest(machine, "first.wav")
    did(f"systemctl stop during a job: returned after {took_s:.1f} s with the job done, next say spoke again")


def test_a_killed_engine_costs_nothing(machine: Machine, did: Did) -> None:
    """Kill -9 of the engine in mid-job: the same audio comes, from a second engine of the same daemon."""
    daemon = machine.main_pid()
    client = speak_at_length(machine, "engine.wav")
    first = engine_pid(machine)
    machine.kill("KILL", first)
    finish(client)
    assert engine_pid(machine) != first
    assert machine.main_pid() == daemon
    assert digest(machine, "engine.wav") == digest(machine, "reference.wav")
    did("kill -9 of the engine during a job: the job ended with the same audio, bit by bit")


def test_a_killed_daemon_is_back_at_once(machine: Machine, did: Did) -> None:
    """Kill -9 of the daemon: its client is told at once, systemd starts another, no engine is left over."""
    client = speak_at_length(machine, "daemon.wav")
    daemon, engine = machine.main_pid(), engine_pid(machine)
    machine.kill("KILL", daemon)
    started = time.monotonic()
    _out, err = client.communicate(timeout=10)
    told_s = time.monotonic() - started
    assert (client.returncode, err) == (69, "f5ctl: error: the daemon went away before it answered\n")
    assert machine.run("test", "-e", "/home/alice/daemon.wav", check=False).returncode == 1
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    assert machine.main_pid() not in (0, daemon)
    assert machine.show("NRestarts") == "1"
    wait_until(
        lambda: machine.run("test", "-e", f"/proc/{engine}", check=False).returncode, "the engine is gone"
    )
    did(f"kill -9 of the daemon during a job: status 69 within {told_s:.1f} s, restarted, next say spoke")


def test_a_daemon_without_progress_is_restarted(machine: Machine, did: Did) -> None:
    """A daemon that hangs (SIGSTOP) misses its watchdog; systemd puts another in its place, which speaks."""
    machine.write("/etc/systemd/system/f5d.service.d/quick.conf", QUICK)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "f5d.service")
    daemon = machine.main_pid()
    time.sleep(6)
    assert machine.main_pid() == daemon, "an idle daemon was restarted"
    machine.kill("STOP", daemon)
    started = time.monotonic()
    wait_until(lambda: machine.main_pid() not in (0, daemon), "another daemon")
    took_s = time.monotonic() - started
    wait_until(lambda: machine.show("ActiveState") == "active", "it is ready")
    assert machine.messages("Watchdog timeout")
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    assert digest(machine, "again.wav") == digest(machine, "first.wav")
    did(f"SIGSTOP of the daemon: the watchdog replaced it after {took_s:.1f} s, next say spoke")


def test_reload_takes_a_changed_configuration(machine: Machine, did: Did) -> None:
    """`systemctl reload` during a job: the job goes on, the new settings hold, the daemon is the same."""
    daemon = machine.main_pid()
    client = speak_at_length(machine, "reload.wav")
    machine.write("/etc/f5d/f5d.toml", CONFIG.replace("64", "7"))
    machine.run("systemctl", "reload", "f5d.service")
    wait_until(lambda: machine.status()["queue"]["limit"] == 7, "the new limit holds")
    assert machine.status()["queue"]["running"] == 1
    finish(client)
    assert machine.main_pid() == daemon
    assert digest(machine, "reload.wav") == digest(machine, "reference.wav")
    did("systemctl reload during a job: max_jobs 64 -> 7, the job ended with the same audio, same daemon")


def test_a_broken_configuration_changes_nothing(machine: Machine, did: Did) -> None:
    """A reload with a wrong file leaves one error line and the old settings."""
    daemon = machine.main_pid()
    machine.write("/etc/f5d/f5d.toml", "max_jobs = 0\n")
    machine.run("systemctl", "reload", "f5d.service")
    wait_until(lambda: machine.messages("not reloaded"), "the line")
    (entry,) = machine.messages("not reloaded")
    assert entry["PRIORITY"] == "3"
    assert entry["MESSAGE"].endswith("/etc/f5d/f5d.toml: max_jobs is 0; the limit is 1 to 1000")
    assert machine.status()["queue"]["limit"] == 7
    assert (machine.main_pid(), machine.show("ActiveState")) == (daemon, "active")
    did(f"systemctl reload with a broken file: '{entry['MESSAGE']}', the old settings stayed")


def test_a_broken_configuration_at_the_start_is_not_tried_again(machine: Machine, did: Did) -> None:
    """Status 78 is final: systemd does not restart, the client gets 69; a right file and all is well."""
    machine.run("systemctl", "stop", "f5d.service")
    machine.run("systemctl", "start", "f5d.service", check=False)
    assert (machine.show("ExecMainStatus"), machine.show("NRestarts")) == ("78", "0")
    assert machine.show("ActiveState") == "failed"
    failed = doctor(machine)[0]
    assert (failed["state"], failed["how"]) == ("fault", "f5d.service has failed")
    assert "journalctl -u f5d.service" in failed["fix"]
    machine.write("/etc/f5d/f5d.toml", CONFIG.replace("5m", "2s"))
    machine.run("systemctl", "reset-failed", "f5d.service", "f5d.socket")
    machine.run("systemctl", "stop", "f5d.socket")
    (closed,) = doctor(machine)
    assert (closed["state"], closed["fix"]) == ("fault", "sudo systemctl start f5d.socket")
    machine.run("systemctl", "start", "f5d.socket")
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    did("a broken file at the start: exit status 78, no restart; corrected, the next say spoke")


def unit_processes(machine: Machine) -> dict[int, str]:
    """Return the command line of each process of the daemon's unit."""
    return {pid: machine.read(f"/proc/{pid}/cmdline").replace("\0", " ") for pid in machine.unit_pids()}


def test_the_limits_of_preparers_are_set(machine: Machine, did: Did) -> None:
    """The system call filter lets them have their bounds of memory, files and the processor."""
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    engine = engine_pid(machine)
    (forker,) = [
        pid
        for pid, line in unit_processes(machine).items()
        if "f5d.engine.preparer" in line and parent(machine, pid) == engine
    ]
    preparers = [pid for pid in unit_processes(machine) if parent(machine, pid) == forker]
    assert preparers
    for pid in preparers:
        limits = machine.read(f"/proc/{pid}/limits")
        assert re.search(r"Max address space +1073741824 ", limits)
        assert re.search(r"Max file size +67108864 ", limits)
        assert re.search(r"Max cpu time +\d+ ", limits)
    did(f"{len(preparers)} preparers under the unit's filter: 1 GiB of addresses, 64 MiB of files, seconds")


ATTACKS = [
    ("frames_without_an_end", 100, "failed: bad_message: a message is 33554432 bytes; the limit is 17825792"),
    ("empty_frames", 10**6, "failed: bad_message: a message is one frame, this one has more than 16"),
    ("names", 100, "{'done': 100}"),
    ("spaces", 65_000, "done"),
    ("odd_rate", 44_101, "done"),
    ("nobody_listens", 3, "{'failed: transcription_unavailable: "),
    ("unloads", 2_000, "{'failed: overloaded: "),
]


@pytest.mark.parametrize(("trial", "count", "answer"), ATTACKS, ids=[trial for trial, *_ in ATTACKS])
def test_an_attack_is_alone_with_it(machine: Machine, did: Did, trial: str, count: int, answer: str) -> None:
    """Under the unit's limits, while a member of the group attacks, another one speaks."""
    said, took_s = attack(machine, trial, count)
    assert said.startswith(answer)
    did(f"{trial} ({count}): answered with {said[:90]}; another user spoke in {took_s:.1f} s")


def test_more_connections_than_the_unit_may_open_files(machine: Machine, did: Did) -> None:
    """A user has half of what LimitNOFILE leaves; the next one is told so, and others speak."""
    machine.write("/etc/systemd/system/f5d.service.d/files.conf", "[Service]\nLimitNOFILE=1024\n")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "restart", "f5d.service")
    said, took_s = attack(machine, "connections", 1_100)
    number = machine.run("id", "-u", "alice").stdout.strip()
    assert said == f"1100 connections, one more: user {number} has 384 connections open; the limit is 384"
    did(f"1,100 idle connections with LimitNOFILE=1024: refused beyond 384, another spoke in {took_s:.1f} s")


def attack(machine: Machine, trial: str, count: int) -> tuple[str, float]:
    """Attack as alice, speak as carol meanwhile; return what the daemon said and how long carol waited."""
    machine.f5ctl("--socket", SYSTEM_SOCKET, "status", user="carol")
    daemon = machine.main_pid()
    script = ("/opt/f5d/src/tests/systemd/attack.py", trial, SYSTEM_SOCKET, str(count))
    pipe = subprocess.PIPE
    command = machine.command(PYTHON, *script, user="alice")
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as attacker:
        assert attacker.stdout is not None
        assert attacker.stdout.readline() == "begun\n", attacker.communicate()
        started = time.monotonic()
        machine.f5ctl("say", "--nfe-step", "8", "-o", "/home/carol/a.wav", SENTENCE, user="carol")
        took_s = time.monotonic() - started
        said, err = attacker.communicate(timeout=180)
    assert attacker.returncode == 0, err
    assert machine.main_pid() == daemon
    assert machine.peak_bytes() < 2 * 2**30
    return said.strip(), took_s


def test_an_idle_engine_gives_its_memory_back(machine: Machine, did: Did) -> None:
    """keep_alive later the engine's process is gone; the broker and the spare are left."""
    machine.f5ctl(*say(SENTENCE, "again.wav"))
    loaded = machine.memory_bytes()
    wait_until(lambda: not machine.status()["engines"], "unloaded")
    if spare := machine.status()["spare"]:  # where the machine has memory for one
        machine.kill("KILL", spare)
        wait_until(lambda: spare not in machine.unit_pids(), "the spare is gone")
    wait_until(lambda: machine.memory_bytes() < 100 * 2**20, "the memory is back")
    idle = machine.memory_bytes()
    assert loaded > 200 * 2**20
    wait_until(lambda: "no model loaded" in machine.show("StatusText"), "STATUS tells it")
    did(f"idle for keep_alive: {loaded >> 20} MiB resident with the engine, {idle >> 20} MiB without")


def test_the_journal_has_a_line_for_each_job_with_its_level(machine: Machine, did: Did) -> None:
    """One entry a job: done at info, failed at warning; nobody's text is in any of them."""
    done = machine.f5ctl(*say(LONG, "late.wav", "--timeout", "0.05"), check=False)
    assert done.returncode == 75
    entries = [
        entry for entry in machine.journal() if re.search(r"job \d+ (done|failed)", str(entry["MESSAGE"]))
    ]
    levels = {(re.search(r"job \d+ (\w+)", entry["MESSAGE"])[1], entry["PRIORITY"]) for entry in entries}  # type: ignore[index]
    assert levels == {("done", "6"), ("failed", "4")}
    jobs = [(entry["_PID"], re.search(r"job (\d+)", entry["MESSAGE"])[1]) for entry in entries]  # type: ignore[index]
    assert len(jobs) == len(set(jobs))
    assert not [entry for entry in machine.journal() if "quick brown fox" in str(entry["MESSAGE"])]
    did(f"journalctl -u f5d: {len(entries)} jobs, one line each, done at info, failed at warning, no text")


def test_an_instance_is_a_daemon_of_its_own(machine: Machine, did: Did) -> None:
    """`f5d@second.socket` is configured by /etc/f5d/second.toml and serves /run/f5d/second.sock."""
    machine.write("/etc/f5d/second.toml", "threads = 1\nmax_jobs = 3\n")
    machine.run("systemctl", "enable", "--now", "f5d@second.socket")
    machine.f5ctl("--socket", "/run/f5d/second.sock", *say(SENTENCE, "second.wav"))
    assert machine.status("--socket", "/run/f5d/second.sock")["queue"]["limit"] == 3
    assert digest(machine, "second.wav") == digest(machine, "first.wav")
    assert machine.show("MainPID", "f5d@second.service") not in ("0", machine.show("MainPID"))
    did("f5d@second.socket: a second daemon with a configuration of its own spoke")


def test_uninstall_leaves_nothing_but_the_configuration(machine: Machine, did: Did) -> None:
    """Units, socket and daemons are gone; /etc/f5d stays."""
    daemon = machine.main_pid()
    machine.f5ctl("service", "uninstall", "--system", user=None)
    for path in ("/etc/systemd/system/f5d.socket", "/etc/sysusers.d/f5d.conf", SYSTEM_SOCKET):
        assert machine.run("test", "-e", path, check=False).returncode == 1, path
    assert machine.run("test", "-e", f"/proc/{daemon}", check=False).returncode == 1
    machine.run("test", "-e", "/etc/f5d/f5d.toml")
    status = machine.f5ctl("service", "status", "--system", user=None, check=False)
    assert (status.returncode, len(status.stderr.splitlines())) == (69, 1)
    did("f5ctl service uninstall --system: units, socket and daemons gone, /etc/f5d kept")


@pytest.fixture
def session(machine: Machine) -> dict[str, str]:
    """Return the environment of alice's session; her service manager runs."""
    machine.run("loginctl", "enable-linger", "alice")
    number = machine.run("id", "-u", "alice").stdout.strip()
    runtime = f"/run/user/{number}"
    wait_until(
        lambda: machine.run("test", "-S", f"{runtime}/systemd/private", check=False).returncode == 0,
        "her manager",
    )
    return {"XDG_RUNTIME_DIR": runtime}


def test_a_user_has_a_service_too(machine: Machine, session: dict[str, str], did: Did) -> None:
    """`f5ctl service install` as a user: a private socket, the first say speaks, uninstall ends it."""
    machine.f5ctl("service", "install", env=session)
    folder = f"{session['XDG_RUNTIME_DIR']}/f5d"
    modes = machine.run("stat", "-c", "%a %U", folder, f"{folder}/f5d.sock").stdout.splitlines()
    assert modes == ["700 alice", "600 alice"]
    machine.f5ctl(*say(SENTENCE, "user.wav"), env=session)
    assert digest(machine, "user.wav") == digest(machine, "first.wav")
    shown = json.loads(machine.f5ctl("service", "status", "--json", env=session).stdout)
    assert shown["units"]["f5d.service"]["ActiveState"] == "active"
    machine.run("systemctl", "--user", "stop", "f5d.socket", user="alice", env=session)
    done = machine.f5ctl("say", "Hello.", env=session, check=False)
    assert (done.returncode, "systemctl --user start f5d.socket" in done.stderr) == (69, True)
    machine.f5ctl("service", "uninstall", env=session)
    assert machine.run("test", "-e", f"{folder}/f5d.sock", check=False).returncode == 1
    did("f5ctl service install as a user: folder 0700, socket 0600, spoke; no other daemon started")
