"""spawnctl top with the CPU and memory that Kubernetes' metrics API has, and without one."""

import json
import os
import pathlib
import re
import subprocess
import time

import pytest

from tests.skew.kube import Kube
from tests.support.controller import get, running, wait_for

SPAWNCTL = os.path.join(os.environ.get("SPAWNER_BIN", "."), "cli/spawnctl")
CORPUS = pathlib.Path("tests/skew/corpus/0.1.0")
FRESH_S = 5


@pytest.fixture
def kube():
    """Kubernetes with two sessions' pods."""
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())
    pods = json.loads(re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", now, (CORPUS / "pods.json").read_text()))
    with Kube() as running_kube:
        for pod in pods[:2]:
            running_kube.put("pods", pod)
        yield running_kube


@pytest.fixture
def top(kube, tmp_path):
    """Runs it once: (exit code, output)."""
    flags = ["--kubeconfig=%s" % kube.kubeconfig(tmp_path), "--base-domain=s.test"]
    with running(*flags, tmp_path=tmp_path) as (_, address, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200 and '"event":"took_over"' in log())

        def run(*words):
            done = subprocess.run([SPAWNCTL, "top", "--once", "--address=" + address, *words],
                                  capture_output=True, text=True, timeout=20, env={"PATH": os.environ["PATH"]})
            assert done.returncode == 0, done.stderr
            return done.stdout
        yield run


def asked(kube):
    return [path for _, path, _ in kube.requests if "metrics.k8s.io" in path]


def rows(text):
    """{pod's session: (CPU, MEMORY)}, by the heading's columns."""
    lines = text.splitlines()
    heading = next(line for line in lines if line.startswith("ID "))
    cut = lambda line, name: line[heading.index(name):].split()[0]
    return {line.split()[0]: (cut(line, "CPU"), cut(line, "MEMORY")) for line in lines[lines.index(heading) + 1:]}


def test_top_shows_what_pods_use_where_there_is_a_metrics_api(kube, top):
    first, second = [pod["metadata"]["name"] for pod in kube.get("pods")]
    kube.metrics = {first: ("123456789n", "20480Ki")}
    shown = top()
    assert sorted(rows(shown).values()) == [("-", "-"), ("123m", "20Mi")], shown
    assert "no CPU and memory" not in shown
    top()
    assert len(asked(kube)) == 1, "an answer is good for some seconds"
    assert "labelSelector=spawner.dev%2Fmanaged%3Dtrue" in asked(kube)[0]
    kube.metrics[second] = ("2", "3Gi")
    time.sleep(FRESH_S)
    usage = {s["pod"]: s.get("usage") for s in json.loads(top("-o", "json"))["sessions"]}
    assert usage[second]["cpuCores"] == 2 and usage[second]["memoryBytes"] == str(3 << 30)
    assert usage[second]["time"] == "2026-11-30T12:00:00Z"


def test_top_says_why_there_is_none(kube, top):
    shown = top()
    assert "no CPU and memory: this Kubernetes has no metrics API (metrics.k8s.io): install metrics-server" in shown
    assert set(rows(shown).values()) == {("-", "-")}
    assert len(asked(kube)) == 1
