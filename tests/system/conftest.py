"""`system`: a running Spawner, shared by a file's tests: local processes, or a real cluster when
SPAWNER_TEST_SYSTEM=cluster (./test --only e2e sets it)."""

import os

import pytest

from tests.support.system import LocalSystem

ON_CLUSTER = os.environ.get("SPAWNER_TEST_SYSTEM") == "cluster"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    if ON_CLUSTER:
        from tests.e2e.cluster_system import ClusterSystem
        with ClusterSystem() as running:
            yield running
    else:
        with LocalSystem(tmp_path_factory.mktemp("logs"), proxies=2) as running:
            yield running
