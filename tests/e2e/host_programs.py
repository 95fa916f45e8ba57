"""Our own programs as they run on a person's machine, beside the cluster."""

import functools
import os
import subprocess

from cluster import ROOT

WAIT_S = 30


@functools.lru_cache(maxsize=None)
def program(target):
    """Path of what Bazel builds as `target` ("//cli:spawnctl")."""
    subprocess.run(["bazel", "build", target], cwd=ROOT, check=True)
    package, _, name = target[2:].partition(":")
    return os.fspath(ROOT / "bazel-bin" / package / (name or package.rpartition("/")[2]))


def spawnctl(system, *words):
    """(exit code, stdout, stderr), asked as the namespace's user would."""
    done = subprocess.run([program("//cli:spawnctl"), *words], stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=WAIT_S,
                          env={"PATH": os.environ["PATH"], "USER": "ada",
                               "SPAWNER_NAMESPACE": system.namespace,
                               "SPAWNER_ADDRESS": system.cluster.service_address(50) + ":9090"})
    return done.returncode, done.stdout, done.stderr


def describe(system, name):
    """What `spawnctl describe` says of a session: {"Reason": "IDLE", ...}."""
    code, out, err = spawnctl(system, "describe", "session", name.rsplit("/", 1)[1])
    assert code == 0, err
    return {key: value.strip() for key, _, value in
            (line.partition(":") for line in out.splitlines())}
