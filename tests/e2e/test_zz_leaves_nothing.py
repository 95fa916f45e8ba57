"""Last of all: draining, deleting and uninstalling never wait for us, and leave nothing of us."""

import asyncio
import time

import grpc

from cluster import wait_until
from cluster_system import CONTROLLER
from tests.support import traffic
from tests.support.system import reason_name

STOP_GRACE_S = 2


def visit(system, connected):
    async def fetch():
        return await asyncio.gather(*[traffic.fetch(system.url(c)) for c in connected])

    assert {status for status, _ in asyncio.run(fetch())} == {200}


def opens(system, key):
    """Whether the key's URL answers.

    Right after controllers were away a proxy may not be told yet of the new incarnation. What it knows
    is the end of the one before: with its link down that is no news (503, decision 0004), and with
    the link up the controller answers Connect only when the proxies have the new route.
    """
    try:
        connected = system.connect(key)
    except grpc.RpcError as error:
        assert error.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.PERMISSION_DENIED), error
        return False
    status, text = asyncio.run(traffic.fetch(system.url(connected)))
    assert status in (200, 503), text
    return status == 200


def node_of(system, connected):
    return system.pod(connected.session.pod)["spec"]["nodeName"]


def spread_controllers(system):
    """One on each node, as they are installed; a drain before this may have moved them together."""
    def is_spread():
        system.cluster.await_rollout()
        pods = system.controller_pods()
        if len({pod["spec"].get("nodeName") for pod in pods}) == len(pods):
            return True
        system.cluster.kubectl("delete", "pod", pods[0]["metadata"]["name"], "-n", CONTROLLER[0])
        return False
    wait_until(is_spread, 60, "a controller on each node")


def test_drain_of_a_node_with_live_and_ended_sessions(system):
    spread_controllers(system)
    leader = system.leader_pod()  # the drain takes it, too
    node = system.cluster.get("pod", leader, "-n", CONTROLLER[0])["spec"]["nodeName"]
    ended, live = [], []
    for n in range(20):  # until there are two of each on that node
        c = system.connect("drain-%d" % n, stop_grace=STOP_GRACE_S, grace=60, retention=300)
        visit(system, [c])
        if node_of(system, c) == node:
            if len(ended) < 2:
                system.terminate(c.session.name)
                system.wait_ended(c.session.name, timeout=15)
                ended.append(c)
            else:
                live.append(c)
        if len(live) == 2:
            break
    assert (len(ended), len(live)) == (2, 2)
    begin = time.monotonic()
    try:
        system.cluster.kubectl("drain", node, "--ignore-daemonsets", "--force",
                               "--delete-emptydir-data", "--timeout=40s")
        took = time.monotonic() - begin
    finally:
        system.cluster.kubectl("uncordon", node)
    print("drain took %.1f s with stop_grace %d s" % (took, STOP_GRACE_S))
    assert took <= STOP_GRACE_S + 5
    # The other controller knows how each of them ended, though no pod of them is left.
    for c in ended:
        assert reason_name(system.wait_ended(c.session.name, timeout=15)) == "REQUESTED"
    for c in live:
        session = system.wait_ended(c.session.name, timeout=15)
        assert reason_name(session) == "EVICTED" and session.exit_code == 0, session
        assert "evicted" in session.message
        # The URL goes on: its key starts anew.
        wait_until(lambda: opens(system, c.session.key.name), 15, "the key opens anew")


def test_a_deleted_namespace_goes_at_once_and_is_served_again_when_it_is_back(system):
    connected = [system.connect("space-%d" % n, grace=60, retention=300) for n in range(3)]
    visit(system, connected)
    system.terminate(connected[0].session.name)
    begin = time.monotonic()
    system.cluster.kubectl("delete", "namespace", system.namespace, "--timeout=60s")
    took = time.monotonic() - begin
    print("namespace with controllers gone after %.1f s" % took)
    system.cluster.apply_manifests()
    wait_until(lambda: opens(system, "space-again"), 30, "a session in the namespace anew")


def test_a_namespace_goes_though_no_controller_runs(system):
    connected = [system.connect("orphan-%d" % n, grace=60, retention=300) for n in range(3)]
    visit(system, connected)
    system.terminate(connected[0].session.name)
    system.cluster.kubectl("scale", "deployment", CONTROLLER[1], "-n", CONTROLLER[0], "--replicas=0")
    wait_until(lambda: not system.controller_pods(), 30, "no controller")
    begin = time.monotonic()
    system.cluster.kubectl("delete", "namespace", system.namespace, "--timeout=60s")
    print("namespace without controllers gone after %.1f s" % (time.monotonic() - begin))
    system.cluster.apply_manifests()
    system.cluster.await_rollout()
    wait_until(lambda: opens(system, "orphan-again"), 30, "a session in the namespace anew")


def test_uninstalling_with_live_sessions_leaves_nothing(system):
    connected = [system.connect("last-%d" % n, grace=60, retention=300) for n in range(3)]
    visit(system, connected)
    system.terminate(connected[0].session.name)
    begin = time.monotonic()
    system.cluster.uninstall()  # returns when the last namespace is gone
    print("uninstalled after %.1f s" % (time.monotonic() - begin))
    kinds = system.cluster.kubectl("api-resources", "--verbs=list", "-o", "name").split()
    # The scheduler's and the kubelets' notes about what was; Kubernetes drops them after an hour.
    kinds = ",".join(kind for kind in kinds if not kind.startswith("events"))
    found = system.cluster.kubectl("get", kinds, "-A", "-o", "name").splitlines()
    assert len(found) > 50  # of Kubernetes itself
    assert [name for name in found if "spawner" in name] == []
