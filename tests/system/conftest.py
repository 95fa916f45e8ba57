"""`system`: a running Spawner of local processes, shared by a file's tests. tests/e2e runs the same
bodies on a real cluster with a fixture of the same name."""

import pytest

from tests.support.system import LocalSystem


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs"), proxies=2) as running:
        yield running
