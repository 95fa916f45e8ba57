"""What a real API server keeps for us: every process of Spawner dies, etcd and the API server are away
for a while, and nothing that was said before is forgotten."""

import time
import urllib.request

from cluster import wait_until
from tests.integration.restart_test import (  # noqa: F401: the first and the last run here, too
    create_grant, explain, pb, ready, revoke, statuses,
    test_a_request_that_is_sent_again_after_a_restart_gets_its_answer,
    test_what_was_revoked_stays_so_over_restarts_and_the_next_incarnation)
from tests.support.system import reason_name, seconds

AWAY_S = 20
AWAY = ("etcd", "kube-apiserver")


def crashed(system):
    """A session that has ended with exit code 7, as GetSession and ExplainSession tell of it."""
    connected = ready(system, "crashed")
    tokens = {"ada": connected.token}
    assert statuses(system, connected, tokens) == {"ada": [200, 200]}
    name, epoch = connected.session.name, connected.session.epoch
    with urllib.request.urlopen(system.url(connected, "exit?code=7"), timeout=20) as answer:
        assert answer.status == 200
    ended = system.wait_ended(name)
    assert reason_name(ended) == "CRASHED" and ended.exit_code == 7
    return ended, explain(system, name, epoch)


def hold_of(system, connected):
    [hold] = system.get(connected.session.name).holds
    return hold


def test_all_is_known_after_a_time_without_kubernetes_in_which_all_of_spawner_died(system):
    ended, told = crashed(system)
    held = ready(system, "held")
    system.api.sessions.KeepAlive(pb.KeepAliveRequest(
        name=held.session.name, owner="job", reason="export", ttl=seconds(1800)), timeout=10)
    before = hold_of(system, held)
    tokens = {user: create_grant(system, held, user).token for user in ("ben", "eve")}
    revoke(system, held, user="eve")
    expected = {"ben": [200, 200], "eve": [401, 401]}
    assert statuses(system, held, tokens) == expected

    controllers = [process for pod in system.controller_pods()
                   for process in system.processes("spawner-system", pod["metadata"]["name"])]
    for program in AWAY:
        system.cluster.program("hold", program)
    begin = time.monotonic()
    try:
        # Users of what runs notice nothing, with a controller and without.
        assert statuses(system, held, tokens) == expected
        system.kill_processes(controllers)
        assert statuses(system, held, tokens) == expected
        time.sleep(max(0, begin + AWAY_S - time.monotonic()))
        assert statuses(system, held, tokens) == expected
    finally:
        for program in AWAY:
            system.cluster.program("release", program)
    wait_until(lambda: system.cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok", 60,
               "the API server is ready again")
    # The controller manager and the kubelets need half a minute and more to be themselves again: until
    # then the Service leads to the pods that were.
    system.restart_controller(patience=120)
    for proxy in range(len(system.proxies)):
        system.restart_proxy(proxy)

    assert statuses(system, held, tokens) == expected
    session = system.get(held.session.name)
    assert session.epoch == held.session.epoch and session.pod == held.session.pod
    after = hold_of(system, held)
    assert (after.owner, after.reason) == (before.owner, before.reason) == ("job", "export")
    # What is written is up to a minute more than what was asked for: prolonging is mostly no write then.
    assert 0 <= after.expire_time.seconds - before.expire_time.seconds <= 60
    kept = system.get(ended.name)
    for field in ("state", "reason", "message", "exit_code", "end_time", "create_time"):
        assert getattr(kept, field) == getattr(ended, field), field
    retold = explain(system, ended.name, ended.epoch)
    assert list(retold.transitions) == list(told.transitions) and retold.verdict == told.verdict
    for connected in (held.session, kept):
        system.terminate(connected.name, hard=True)
