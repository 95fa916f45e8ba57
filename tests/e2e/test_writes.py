"""What sessions cost Kubernetes, and how exact an end is: by the API server's own audit log, and by
what the controllers say of themselves (spawner_kubernetes_requests_total)."""

import asyncio
import collections
import datetime
import time

import pytest

from cluster import wait_until
from cluster_system import USER, WRITES
from tests.support import api, traffic
from tests.support.system import reason_name

GRACE_S = 2.0
QUIET_S = 10
CONTROLLERS = 2
KEYS_EVERY_S = 5  # each looks at the Secret
RUNNING = 8


def parse(stamp):
    return datetime.datetime.fromisoformat(stamp.replace("Z", "+00:00")).timestamp()


@pytest.fixture
def alone(system):
    """`system` without a session: no end and no retention of an earlier test's is due any more."""
    system.cluster.kubectl("delete", "pods", "--all", "-n", system.namespace, "--timeout=60s")
    system.leader_pod()
    system.await_proxies()
    return system


def writes_of_pods(counts):
    return {verb: count for (verb, resource), count in counts.items()
            if resource == "pods" and verb in WRITES}


def test_one_create_one_patch_one_delete_and_an_exact_end(alone):
    system = alone
    before = system.kubernetes_requests()
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
    counted = writes_of_pods(system.kubernetes_requests() - before)
    assert counted == {"create": 1, "patch": 1, "delete": 1}
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


def test_nobody_asks_kubernetes_about_sessions_that_run(alone):
    """Not polled: in QUIET_S both controllers hold or look at their Lease, look at their keys, and
    watch; nothing else, however many sessions there are."""
    system = alone
    connected = [system.connect("calm-%d" % n, grace=600, initial_grace=600)
                 for n in range(RUNNING)]
    for c in connected:
        assert asyncio.run(traffic.fetch(system.url(c)))[0] == 200
        system.wait_state(c.session.name, "READY")
    before, begin = system.kubernetes_requests(), time.time()
    time.sleep(QUIET_S)
    end, counted = time.time(), system.kubernetes_requests() - before
    asked = {event["auditID"]: (event["verb"], event["objectRef"]["resource"])
             for event in system.cluster.audit_events(user=USER)
             if begin <= parse(event["requestReceivedTimestamp"]) <= end}
    audited = collections.Counter(asked.values())  # a watch has an event at each of its ends
    print("metric:", dict(counted), "audit log:", dict(audited))
    for seen in (counted, audited):
        assert set(seen) <= {("get", "leases"), ("update", "leases"), ("get", "secrets"),
                             ("watch", "pods")}, seen
        # One renews once a second, one looks once a second.
        assert QUIET_S / 2 <= seen["update", "leases"] <= QUIET_S + 2, seen
        assert seen["get", "leases"] <= QUIET_S + 2, seen
        # Another may have rotated the keys (decision 0015).
        assert seen["get", "secrets"] <= CONTROLLERS * (QUIET_S / KEYS_EVERY_S + 1), seen
        assert seen["watch", "pods"] <= 2, seen  # each watch is begun anew after 5 to 10 minutes
    for c in connected:
        system.terminate(c.session.name, hard=True)
