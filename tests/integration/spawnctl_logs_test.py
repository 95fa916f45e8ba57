"""`spawnctl logs` against a running Spawner."""

import asyncio
import os
import signal
import subprocess
import time

import pytest

from tests.support import traffic
from tests.support.system import BIN, LocalSystem

SPAWNCTL = os.path.join(BIN, "cli/spawnctl")


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.fixture(scope="module")
def session(system):
    """A session of the key "k" that has written three lines."""
    connected = system.connect("k", grace=60.0)
    for line in ("one", "two"):
        assert asyncio.run(traffic.fetch(system.url(connected, "print?text=" + line)))[0] == 200
    return connected


def arguments(system, *words):
    return [SPAWNCTL, *words, "--address=" + system.grpc]


def run(system, *words):
    done = subprocess.run(arguments(system, *words), stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=20)
    return done.returncode, done.stdout, done.stderr


def test_writes_the_log_alone_to_stdout(system, session):
    session_id = session.session.name.rsplit("/", 1)[1]
    for words in ((session_id,), ("session", session_id), ("--key=k",)):
        code, out, err = run(system, "logs", *words)
        assert (code, err) == (0, "")
        first, rest = out.split("\n", 1)
        assert first.startswith("listening on ") and rest == "one\ntwo\n"
    assert run(system, "logs", "--key=k", "--tail=1") == (0, "two\n", "")
    assert run(system, "logs", "--key=k", "--tail", "0") == (0, "", "")
    assert run(system, "logs", "--key=k", "--since=1h")[1].endswith("one\ntwo\n")


@pytest.mark.parametrize("words,code,part", [
    (("nobody",), 3, "nobody"),
    ((), 2, "name one session"),
    (("--key=k", "--tail=-1"), 2, "--tail"),
    (("--key=k", "--tail=x"), 2, "--tail"),
    (("--key=k", "--since=0s"), 2, "--since"),
    (("--key=k", "--since=yesterday"), 2, "--since"),
    (("--key=k", "--lines=3"), 2, "--lines"),
])
def test_says_what_is_wrong(system, session, words, code, part):
    got, out, err = run(system, "logs", *words)
    assert (got, out) == (code, ""), err
    assert part in err, err


def test_follows_until_the_end(system):
    connected = system.connect("followed", grace=60.0)
    with subprocess.Popen(arguments(system, "logs", "-f", "--key=followed"),
                          stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout.readline().startswith("listening on ")
        asyncio.run(traffic.fetch(system.url(connected, "print?text=hello")))
        assert follower.stdout.readline() == "hello\n"
        system.terminate(connected.session.name)
        assert follower.stdout.read() == ""
        assert follower.wait(10) == 0


def test_interrupt_ends_following(system, session):
    with subprocess.Popen(arguments(system, "logs", "--follow", "--key=k"),
                          stdout=subprocess.PIPE, text=True) as follower:
        follower.stdout.readline()
        follower.send_signal(signal.SIGINT)
        assert follower.wait(10) == 130


def test_ends_quietly_when_nobody_reads_any_more(system):
    connected = system.connect("broken-pipe", grace=60.0)
    with subprocess.Popen(arguments(system, "logs", "-f", "--key=broken-pipe"),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as follower:
        follower.stdout.readline()
        follower.stdout.close()
        deadline = time.monotonic() + 10
        while follower.poll() is None and time.monotonic() < deadline:
            asyncio.run(traffic.fetch(system.url(connected, "print?text=more")))
            time.sleep(0.05)
        assert follower.wait(1) == 128 + signal.SIGPIPE
        assert follower.stderr.read() == ""


@pytest.mark.parametrize("name", ["controller", "proxy0"])
def test_servers_ignore_sigpipe(system, name):
    """A client that hangs up must not end them."""
    with open("/proc/%d/status" % system.processes[name].pid, encoding="ascii") as status:
        ignored = next(line for line in status if line.startswith("SigIgn:")).split()[1]
    assert int(ignored, 16) >> (signal.SIGPIPE - 1) & 1
