"""Our own programs as they run on a person's machine, beside the cluster."""

import contextlib
import functools
import os
import subprocess
import threading

from cluster import ROOT

WAIT_S = 30


@functools.lru_cache(maxsize=None)
def program(target):
    """Path of what Bazel builds as `target` ("//cli:spawnctl").

    SPAWNER_E2E_PROGRAMS=FOLDER takes programs from there ("cli/spawnctl") instead of building them.
    """
    package, _, name = target[2:].partition(":")
    folder = os.environ.get("SPAWNER_E2E_PROGRAMS")
    if not folder:
        subprocess.run(["bazel", "build", target], cwd=ROOT, check=True)
        folder = ROOT / "bazel-bin"
    return os.path.join(folder, package, name or package.rpartition("/")[2])


def environment(system, address=None):
    """Of the namespace's user."""
    return {"PATH": os.environ["PATH"], "USER": "ada", "SPAWNER_NAMESPACE": system.namespace,
            "SPAWNER_ADDRESS": address or system.cluster.service_address(50) + ":9090"}


def spawnctl(system, *words):
    """(exit code, stdout, stderr)."""
    done = subprocess.run([program("//cli:spawnctl"), *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=WAIT_S, env=environment(system))
    return done.returncode, done.stdout, done.stderr


class Watch:
    """A running `spawnctl watch` at one controller's address."""

    def __init__(self, system, address):
        self.address = address
        self.said = []     # lines of stdout
        self.notices = []  # lines of stderr
        self.process = subprocess.Popen(
            [program("//cli:spawnctl"), "watch"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True, env=environment(system, address))
        for stream, lines in ((self.process.stdout, self.said), (self.process.stderr, self.notices)):
            threading.Thread(target=self._collect, args=(stream, lines), daemon=True).start()

    @staticmethod
    def _collect(stream, lines):
        for line in stream:
            lines.append(line)

    def states(self, key):
        """What it has said of a key's session: ["STARTING", "READY"]."""
        words = [line.split() for line in self.said]
        return [line[2] for line in words if len(line) > 2 and line[1] == key]


@contextlib.contextmanager
def watching(system, address):
    watch = Watch(system, address)
    try:
        yield watch
    finally:
        watch.process.kill()
        watch.process.wait()


def describe(system, name):
    """What `spawnctl describe` says of a session: {"Reason": "IDLE", ...}."""
    code, out, err = spawnctl(system, "describe", "session", name.rsplit("/", 1)[1])
    assert code == 0, err
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in out.splitlines())}
