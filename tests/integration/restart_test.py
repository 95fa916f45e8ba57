"""What real programs still know after kill -9: what was revoked, why a session ended, which answer a
request had. Controller and proxies die and start anew; Kubernetes and the backends stay."""

import asyncio
import base64
import itertools
import json
import os
import re
import subprocess
import urllib.error
import urllib.request

import aiohttp
import grpc
import pytest

from tests.support import api
from tests.support.kube_system import KubeSystem
from tests.support.proxy import wait_for
from tests.support.system import BIN, reason_name

pb = api.sessions_pb2
unique = itertools.count()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with KubeSystem(tmp_path_factory.mktemp("logs"), proxies=2) as running:
        yield running


def ready(system, key, **options):
    options = {"grace": 600, "initial_grace": 600, "retention": 600, **options}  # a restart takes a while
    connected = system.connect("%s-%d" % (key, next(unique)), **options)
    system.wait_state(connected.session.name, "READY")
    return connected


def create_grant(system, connected, user):
    return system.api.sessions.CreateGrant(pb.CreateGrantRequest(
        name=connected.session.name, grant=pb.GrantSpec(user=user)), timeout=10)


def revoke(system, connected, **what):
    answer = system.api.sessions.RevokeGrant(
        pb.RevokeGrantRequest(name=connected.session.name, **what), timeout=10)
    assert list(answer.pending_proxies) == []


def statuses(system, connected, tokens):
    """{user: status of a GET with that token at each proxy}."""
    found = {}
    for user, token in tokens.items():
        for proxy in range(len(system.proxies)):
            request = urllib.request.Request(system.url(connected, proxy=proxy, token=False),
                                             headers={"Authorization": "Bearer " + token})
            try:
                with urllib.request.urlopen(request, timeout=20) as answer:
                    status = answer.status
            except urllib.error.HTTPError as error:
                status = error.code
            found.setdefault(user, []).append(status)
    return found


def explain(system, name, epoch):
    return system.api.sessions.ExplainSession(
        pb.ExplainSessionRequest(name=name, epoch=epoch), timeout=10)


def why(system, name):
    """The words of each line of `spawnctl why`, without what depends on when it is asked."""
    done = subprocess.run([os.path.join(BIN, "cli/spawnctl"), "why", name.rsplit("/", 1)[1],
                           "--address=" + system.grpc, "--namespace=" + system.namespace],
                          capture_output=True, text=True, timeout=20, check=False)
    assert done.returncode == 0, done.stderr
    return [line.split() for line in re.sub(r"\(\w+ ago\)", "", done.stdout).splitlines()]


def test_what_was_revoked_stays_so_over_restarts_and_the_next_incarnation(system):
    connected = ready(system, "revoked")
    tokens = {user: create_grant(system, connected, user) for user in ("ben", "eve", "joe")}
    by_id = tokens["ben"].grant_id
    tokens = {user: grant.token for user, grant in tokens.items()}
    assert statuses(system, connected, tokens) == {user: [200, 200] for user in tokens}
    revoke(system, connected, grant_id=by_id)
    revoke(system, connected, user="eve")
    after = {"ben": [401, 401], "eve": [401, 401], "joe": [200, 200]}
    assert statuses(system, connected, tokens) == after

    system.restart_controller()
    assert statuses(system, connected, tokens) == after
    system.restart_proxy(0)
    assert statuses(system, connected, tokens) == after
    for proxy in range(2):
        system.restart_proxy(proxy)
    system.restart_controller()
    assert statuses(system, connected, tokens) == after
    assert system.get(connected.session.name).epoch == connected.session.epoch  # the same backend

    system.terminate(connected.session.name)
    system.wait_ended(connected.session.name)
    system.restart_controller()
    again = system.connect(connected.session.key.name, grace=600, initial_grace=600)
    assert again.created and again.session.name == connected.session.name
    assert again.session.epoch > connected.session.epoch
    assert statuses(system, again, tokens) == after
    # A grant that comes later is not taken back by what came before it.
    later = {"eve": create_grant(system, again, "eve").token}
    assert statuses(system, again, later) == {"eve": [200, 200]}
    system.terminate(again.session.name, hard=True)


def test_all_grants_that_were_revoked_stay_so(system):
    connected = ready(system, "all")
    old = {"ben": create_grant(system, connected, "ben").token, "ada": connected.token}
    revoke(system, connected, all=True)
    new = {"ada": create_grant(system, connected, "ada").token}
    system.kill("proxy1")
    system.restart_controller()
    system.start_proxy(1)
    assert statuses(system, connected, old) == {"ben": [401, 401], "ada": [401, 401]}
    assert statuses(system, connected, new) == {"ada": [200, 200]}
    system.terminate(connected.session.name, hard=True)


@pytest.mark.parametrize("how,reason", [("idle", "IDLE"), ("crash", "CRASHED"), ("asked", "REQUESTED")])
def test_why_a_session_ended_is_known_after_a_restart(system, how, reason):
    connected = ready(system, how, grace=0.5)
    name, epoch = connected.session.name, connected.session.epoch
    with urllib.request.urlopen(system.url(connected), timeout=20) as answer:
        assert answer.status == 200
    if how == "crash":
        with urllib.request.urlopen(system.url(connected, "exit?code=7"), timeout=20):
            pass
    elif how == "asked":
        system.terminate(name)
    ended = system.wait_ended(name)
    assert reason_name(ended) == reason
    wait_for(lambda: "spawner.dev/reason" in system.kube.get("pods", ended.pod)[0]["metadata"]["annotations"])
    before, told = explain(system, name, epoch), why(system, name)
    assert any(reason in words for words in told) and len(before.transitions) >= 5

    system.restart_controller()
    after = explain(system, name, epoch)
    assert list(after.transitions) == list(before.transitions)
    assert after.verdict == before.verdict
    kept = system.get(name)
    for field in ("state", "reason", "message", "exit_code", "end_time", "create_time"):
        assert getattr(kept, field) == getattr(ended, field), field
    assert 0 <= ended.ready_time.ToNanoseconds() - kept.ready_time.ToNanoseconds() < 1e6  # the history has ms
    assert why(system, name) == told


def test_a_request_that_is_sent_again_after_a_restart_gets_its_answer(system):
    key = "again-%d" % next(unique)
    request = pb.ConnectRequest(
        parent="namespaces/" + system.namespace, key=api.session_pb2.SessionKey(name=key),
        spec=system.spec(grace=600, initial_grace=600), grant=pb.GrantSpec(user="ada"), request_id="r-" + key)
    first = system.api.sessions.Connect(request, timeout=20)
    system.wait_state(first.session.name, "READY")
    for break_it in (system.restart_controller, lambda: system.restart_proxy(0), system.restart_controller):
        break_it()
        again = system.api.sessions.Connect(request, timeout=20)
        assert again.created and first.created
        for field in ("name", "epoch", "pod", "url", "create_time"):
            assert getattr(again.session, field) == getattr(first.session, field), field
        assert again.started_from == first.started_from and again.status_url == first.status_url
        # Made anew by the same key for the same grant.
        assert statuses(system, again, {"ada": again.token, "ada too": first.token}) == {
            "ada": [200, 200], "ada too": [200, 200]}
    revoke(system, first, grant_id=grant_id(first.token))
    assert statuses(system, first, {"ada": again.token}) == {"ada": [401, 401]}  # it is one grant
    request.spec.args.append("other")
    with pytest.raises(grpc.RpcError) as reused:
        system.api.sessions.Connect(request, timeout=20)
    assert api.reason_of(reused.value) == "REQUEST_ID_REUSED"
    system.terminate(first.session.name, hard=True)


def test_connections_go_on_while_no_controller_lives(system):
    connected = system.connect("goes-on-%d" % next(unique), grace=1.0)

    async def run():
        async with aiohttp.ClientSession() as client:
            async with client.ws_connect(system.url(connected, "ws", websocket=True)) as socket:
                async def echo(text):
                    await socket.send_str(text)
                    assert await asyncio.wait_for(socket.receive_str(), 10) == text

                await echo("before")
                system.kill("controller")
                for number in range(30):  # three graces; no lease of the session's runs out either
                    await echo("nobody leads %d" % number)
                    await asyncio.sleep(0.1)
                await asyncio.to_thread(system.start_controller)
                await asyncio.to_thread(system.await_takeover)
                await echo("another leads")
                await asyncio.sleep(3)
                await echo("and it has not ended as idle")
                session = await asyncio.to_thread(system.get, connected.session.name)
                assert session.epoch == connected.session.epoch and session.connections == 1

    asyncio.run(run())
    ended = system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=15)
    assert reason_name(ended) == "IDLE"


def grant_id(token):
    """`jti` of a token: its payload is not secret from who has it."""
    payload = token.split(".")[1]
    return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
