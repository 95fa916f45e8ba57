"""Fixtures of the end-to-end tests: `cluster`, a real Kubernetes of two nodes, and `spawner`, the
same with our images and manifests installed. Both last for the whole run.

SPAWNER_E2E_KEEP=1 leaves the cluster up at the end, and a later run uses it again. Screenshots are
kept in ~/.cache/spawner/e2e-outputs, or where TEST_UNDECLARED_OUTPUTS_DIR says.
"""

import os
import pathlib

import pytest

from cluster import Cluster
from cluster_system import ClusterSystem
from slow_link import slow_link

LINK_DELAY_S = 0.15
OUTPUTS = "TEST_UNDECLARED_OUTPUTS_DIR"  # as Bazel names it


@pytest.fixture(scope="session", autouse=True)
def outputs():
    folder = os.environ.setdefault(
        OUTPUTS, str(pathlib.Path.home() / ".cache" / "spawner" / "e2e-outputs"))
    os.makedirs(folder, exist_ok=True)


@pytest.fixture(scope="session")
def cluster(request):
    cluster = Cluster(nodes=2)
    cluster.up()
    yield cluster
    if not os.environ.get("SPAWNER_E2E_KEEP"):
        cluster.down(keep_logs=request.session.testsfailed > 0)


@pytest.fixture(scope="session")
def spawner(cluster):
    cluster.install()
    return cluster


@pytest.fixture
def race(system):
    """`system` with the link of its second proxy slow, and how many sessions to start on it."""
    with slow_link(system.cluster, "node2", LINK_DELAY_S):
        yield system, 100


@pytest.fixture(scope="session")
def system(spawner):
    """The installed Spawner, for the test bodies of tests/system too."""
    running = ClusterSystem(spawner)
    yield running
    running.api.close()
