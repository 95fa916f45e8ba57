"""./quickstart as a newcomer meets it, in a terminal of its own. It needs no cluster."""

import contextlib
import os
import pathlib
import pty
import re
import select
import signal
import subprocess
import time

import pytest

from cluster import ROOT, wait_until
from tests.support.browser import LIVE, Browser

QUICKSTART = ROOT / "quickstart"
URL_S = 3  # from the command to the URL, once built
BUILD_S = 900


class Terminal:
    """A command in a terminal of its own, as a shell's foreground job."""

    def __init__(self, *command, env=None):
        self.start = time.monotonic()
        self.text = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # pytest's parent may ignore it
            os.execvpe(str(command[0]), [str(word) for word in command], {**os.environ, **(env or {})})

    def read_until(self, pattern, seconds):
        """The match, and the seconds since the start; an AssertionError shows what came instead."""
        deadline = time.monotonic() + seconds
        while True:
            if match := re.search(pattern, self.text):
                return match, time.monotonic() - self.start
            left = deadline - time.monotonic()
            assert left > 0, "no %r within %g s in:\n%s" % (pattern, seconds, self.text)
            if select.select([self.terminal], [], [], min(left, 0.1))[0]:
                try:
                    data = os.read(self.terminal, 65536)
                except OSError:  # its last process has gone
                    data = b""
                assert data, "it ended without %r:\n%s" % (pattern, self.text)
                self.text += data.decode(errors="replace").replace("\r\n", "\n")

    def press_ctrl_c(self):
        os.write(self.terminal, b"\x03")

    def wait(self, seconds):
        """The exit code."""
        def ended():
            with contextlib.suppress(OSError):
                if select.select([self.terminal], [], [], 0)[0]:
                    self.text += os.read(self.terminal, 65536).decode(errors="replace")
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return pid and (status,)
        (status,) = wait_until(ended, seconds, "the end of quickstart")
        self.pid = 0
        return os.waitstatus_to_exitcode(status)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGTERM)
            with contextlib.suppress(ChildProcessError):
                os.waitpid(self.pid, 0)
        os.close(self.terminal)


def processes(home):
    """Of quickstarts whose temporary folders are below `home`: [(pid, command line)]."""
    found = []
    for folder in pathlib.Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if str(home).encode() in (folder / "environ").read_bytes():
                found.append((int(folder.name), (folder / "cmdline").read_bytes().decode().split("\0")))
    return found


@pytest.fixture
def env(tmp_path):
    """Marks all that a quickstart starts."""
    return {"TMPDIR": str(tmp_path)}


@pytest.fixture(scope="module", autouse=True)
def built():
    done = subprocess.run([QUICKSTART, "--check"], timeout=BUILD_S, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert re.search(r"quickstart: ended as IDLE 2\.\d+ s after they left .*\nquickstart: ok\n$", done.stderr)


def ready(terminal):
    """(URL, the commands to paste, seconds it took) once they are shown."""
    _, seconds = terminal.read_until("Ctrl-C here ends everything", 30)
    url = re.search(r"^ +(http://\S+)$", terminal.text, re.M)[1]
    return url, re.findall(r"^ +((?:export|spawnctl) .+)$", terminal.text, re.M), seconds


def paste(*commands):
    return subprocess.run(["bash", "-ec", "\n".join(commands)], cwd="/", timeout=20, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True, check=True).stdout


def test_what_it_prints_works_and_ctrl_c_leaves_nothing(env, tmp_path):
    with Terminal(QUICKSTART, env=env) as terminal:
        url, commands, seconds = ready(terminal)
        assert seconds < URL_S, terminal.text
        export, watch, get, describe, connect = commands
        with Browser() as browser:
            browser.open("about:blank")
            tabs = [browser.open(url), browser.open(paste(export, connect).strip())]
            for tab in tabs:
                browser.wait(tab, LIVE)
            browser.draw(tabs[0], [(0.2, 0.2), (0.6, 0.6)])
            browser.wait(tabs[1], "window.whiteboard.strokes() === 1")
            assert "quickstart  READY" in paste(export, get)
            assert "State:             READY" in paste(export, describe)
            assert "READY" in paste(export, "timeout -s INT 1 %s || test $? = 124" % watch.split("#")[0])
            terminal.press_ctrl_c()  # with two users on it
            begin = time.monotonic()
            assert terminal.wait(5) == 0, terminal.text
            assert time.monotonic() - begin < 3
        assert terminal.text.endswith("quickstart: stopping\r\n"), terminal.text[-200:]
    assert [p for p in processes(tmp_path) if "chrom" not in p[1][0]] == []
    assert list(tmp_path.glob("spawner-quickstart.*")) == []


def test_two_at_once_and_again(env):
    with Terminal(QUICKSTART, env=env) as first, Terminal(QUICKSTART, env=env) as second:
        one, two = ready(first)[0], ready(second)[0]
        assert one.split("?")[0] != two.split("?")[0]
        both = first.text + second.text
        assert re.search(r"quickstart: in use \(another quickstart\?\): port .*; taking free ones", both)
        for terminal in (first, second):
            terminal.press_ctrl_c()
            assert terminal.wait(5) == 0, terminal.text


def test_a_program_that_dies_is_told_of(env, tmp_path):
    with Terminal(QUICKSTART, env=env) as terminal:
        ready(terminal)
        (proxy,) = [pid for pid, command in processes(tmp_path) if command[0].endswith("/proxy/proxy")]
        os.kill(proxy, signal.SIGKILL)
        terminal.read_until("quickstart: the proxy ended by itself; its log:", 5)
        assert terminal.wait(5) == 1
    assert processes(tmp_path) == []


def test_a_build_that_fails_says_so(env, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "bazel").write_text("#!/bin/sh\necho ERROR: no such thing >&2\nls -l /proc/self/fd >%s\nexit 1\n"
                                 % (tmp_path / "descriptors"))
    (tools / "bazel").chmod(0o755)
    done = subprocess.run([QUICKSTART], timeout=60, capture_output=True, text=True, env={
        **os.environ, **env, "XDG_CACHE_HOME": str(tmp_path / "cache"),
        "PATH": "%s:%s" % (tools, os.environ["PATH"])})
    assert done.returncode == 1
    assert done.stderr.endswith("no such thing\nquickstart: the build failed; see above\n"), done.stderr
    # Bazel's server lives on: with the lock it would let no other quickstart start.
    assert "/lock" not in (tmp_path / "descriptors").read_text()


def test_wrong_arguments_are_usage_errors():
    done = subprocess.run([QUICKSTART, "--chek"], timeout=10, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (2, "usage: ./quickstart [--check]\n")
    done = subprocess.run([QUICKSTART, "--help"], timeout=10, capture_output=True, text=True)
    assert done.returncode == 0 and "./quickstart --check" in done.stdout
