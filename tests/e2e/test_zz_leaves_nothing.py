"""Last of all: draining, deleting and uninstalling never wait for us."""

import asyncio
import time

from cluster import wait_until
from tests.support import traffic

STOP_GRACE_S = 2


def test_drain_of_a_node_with_live_and_ended_sessions(system):
    connected = [system.connect("drain-%d" % n, stop_grace=STOP_GRACE_S, grace=60, retention=300)
                 for n in range(4)]

    async def visit():
        return await asyncio.gather(*[traffic.fetch(system.url(c)) for c in connected])

    assert {status for status, _ in asyncio.run(visit())} == {200}
    for c in connected[:2]:
        system.terminate(c.session.name)
        system.wait_ended(c.session.name, timeout=15)
    node = system.pod(connected[2].session.pod)["spec"]["nodeName"]
    begin = time.monotonic()
    try:
        system.cluster.kubectl("drain", node, "--ignore-daemonsets", "--force",
                               "--delete-emptydir-data", "--timeout=40s")
        took = time.monotonic() - begin
    finally:
        system.cluster.kubectl("uncordon", node)
    print("drain took %.1f s with stop_grace %d s" % (took, STOP_GRACE_S))
    assert took <= STOP_GRACE_S + 5


def test_deleting_the_namespace_and_uninstalling_leaves_nothing(system):
    connected = [system.connect("last-%d" % n, grace=60, retention=300) for n in range(2)]
    system.terminate(connected[0].session.name)
    begin = time.monotonic()
    system.cluster.kubectl("delete", "namespace", system.namespace, "--timeout=60s")
    print("namespace gone after %.1f s" % (time.monotonic() - begin))
    system.cluster.uninstall()

    def left():
        found = system.cluster.kubectl("get", "all,leases,secrets,podtemplates", "-A", "-o", "name",
                                       "-l", "app.kubernetes.io/part-of=spawner")
        namespaces = system.cluster.kubectl("get", "namespaces", "-o", "name")
        return found.strip() or ("spawner-" in namespaces and namespaces)

    wait_until(lambda: not left(), 60, "everything of Spawner is gone")
