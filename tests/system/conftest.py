"""`system`: a running Spawner of local processes, shared by a file's tests; `race`: another, the link of
its second proxy slow, and how many sessions to start on it. tests/e2e runs the same bodies on a real
cluster with fixtures of the same names."""

import pytest

from tests.support.slow_relay import SlowRelay
from tests.support.system import LocalSystem

LINK_DELAY_S = 0.15


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs"), proxies=2) as running:
        yield running


class SystemWithASlowLink(LocalSystem):
    """Its second proxy's link is slow."""

    relay = None

    def start_proxy(self, index):
        fast = self.grpc
        if index == 1:
            self.relay = SlowRelay(LINK_DELAY_S, target=fast)
            self.grpc = self.relay.address
        try:
            super().start_proxy(index)
        finally:
            self.grpc = fast

    def close(self):
        super().close()
        if self.relay:
            self.relay.close()


@pytest.fixture
def race(tmp_path):
    with SystemWithASlowLink(tmp_path, proxies=2) as system:
        yield system, 1000
