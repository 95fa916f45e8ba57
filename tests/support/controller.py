"""Starts the controller's binary directly, on free ports of loopback."""

import contextlib
import os
import subprocess
import time
import urllib.error
import urllib.request

from tests.support.ports import free_port

PROGRAM = os.path.join(os.environ.get("SPAWNER_BIN", "."), "controller/controller")
WAIT_S = 10


def run(*flags):
    """Runs to its end: (exit code, stdout, stderr)."""
    done = subprocess.run([PROGRAM, *flags], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=WAIT_S, env={"PATH": os.environ["PATH"]})
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def running(*flags, tmp_path):
    """Yields (process, gRPC address, HTTP base URL, log reader)."""
    grpc, web = "127.0.0.1:%d" % free_port(), "127.0.0.1:%d" % free_port()
    log_path = tmp_path / "controller.log"
    with open(log_path, "wb") as log:
        process = subprocess.Popen([PROGRAM, "--listen=" + grpc, "--http-listen=" + web, *flags],
                                   stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield process, grpc, "http://" + web, log_path.read_text
    finally:
        process.kill()
        process.wait()


def get(url):
    """(code, text); (0, reason) without an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError as error:
        return 0, str(error)


def wait_for(what, condition):
    """Until condition() holds; what() is shown if it does not within WAIT_S."""
    deadline = time.monotonic() + WAIT_S
    while not condition():
        assert time.monotonic() < deadline, "not within %d s: %s" % (WAIT_S, what())
        time.sleep(0.02)
