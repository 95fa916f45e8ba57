"""The contract of tests/contract, the same body that controller/local passes, on a real cluster."""

import os
import subprocess

import pytest

from cluster import ROOT, wait_until

NAMESPACE = "contract"
BINARY = ROOT / "bazel-bin" / "tests" / "contract" / "cluster_contract_test"


@pytest.fixture
def namespace(cluster):
    # An API server remembers changes from its own start on. After a restart even the oldest of its
    # store are too old to watch from, as the contract's test of 410 wants it.
    cluster.program("kill", "kube-apiserver")
    wait_until(lambda: cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok", 60,
               "the API server is back")
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    wait_until(lambda: cluster.kubectl("get", "serviceaccount", "default", "-n", NAMESPACE,
                                       "--ignore-not-found", "-o", "name"), 30,
               "the namespace has its service account")
    yield NAMESPACE
    cluster.kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def test_a_real_cluster_keeps_the_contract(cluster, namespace, tmp_path):
    subprocess.run(["bazel", "build", "//tests/contract:cluster_contract_test"], cwd=ROOT,
                   check=True)
    environment = dict(cluster.environment, CONTRACT_NAMESPACE=namespace,
                       CONTRACT_IMAGE="localhost/spawner/pause:dev",
                       TEST_TMPDIR=os.fspath(tmp_path))
    ran = subprocess.run([os.fspath(BINARY)], env=environment, timeout=300, text=True,
                         stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    print(ran.stdout)
    assert ran.returncode == 0
