"""What one session costs Kubernetes, and how exact its end is, by the API server's own audit log."""

import asyncio
import datetime
import time

from cluster import wait_until
from tests.support import api, traffic
from tests.support.system import reason_name

GRACE_S = 2.0


def parse(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


def test_one_create_one_patch_one_delete_and_an_exact_end(system):
    connected = system.connect("calm", grace=GRACE_S, retention=3)
    name = connected.session.name

    async def visit():
        async with traffic.silent_websocket(system, connected):
            pass
        return time.time()

    left = asyncio.run(visit())
    pod = system.get(name).pod
    ended = system.wait_ended(name, timeout=15)
    assert reason_name(ended) == "IDLE" and ended.exit_code == 0
    system.cluster.kubectl("logs", pod, "-n", system.namespace)  # kept with its record

    def is_gone():
        return not system.cluster.kubectl("get", "pod", pod, "-n", system.namespace,
                                          "--ignore-not-found", "-o", "name")

    wait_until(is_gone, 15, "the record is deleted after its retention")
    writes = system.writes(pod)
    print("writes:", writes)
    assert [verb for verb, _, _ in writes] == ["create", "patch", "delete"]
    assert all(code in (200, 201) for _, code, _ in writes)
    late = parse(writes[1][2]) - (left + GRACE_S)
    print("ending write %.0f ms after grace; create to ready %.2f s" % (
        late * 1000, (ended.ready_time.ToNanoseconds() - ended.create_time.ToNanoseconds()) / 1e9))
    assert -0.05 <= late <= 0.1, late


def test_a_live_session_costs_nothing_more(system):
    connected = system.connect("free", grace=GRACE_S)
    assert asyncio.run(traffic.fetch(system.url(connected)))[0] == 200
    pod = system.get(connected.session.name).pod
    before = len(system.writes(pod))
    for _ in range(50):
        assert system.connect("free", spec=False).started_from == api.sessions_pb2.LIVE
    assert len(system.writes(pod)) == before
