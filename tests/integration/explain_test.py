"""Why a session is alive or ended, with real controller, proxies and backends: ExplainSession,
ListProxies, DrainProxy, and the log of the incarnation before."""

import asyncio
import contextlib
import time

import grpc
import pytest
import websockets

from tests.support import api, traffic
from tests.support.system import LocalSystem

pb = api.sessions_pb2
KIND = api.session_pb2.Connection.Kind
STATE = api.session_pb2.SessionState


@pytest.fixture
def system(tmp_path):
    with LocalSystem(tmp_path, proxies=2) as running:
        yield running


def explain(system, connected, **options):
    name = connected.session.name
    return system.api.sessions.ExplainSession(
        pb.ExplainSessionRequest(name=name, **options), timeout=10)


def seconds(duration):
    return duration.ToTimedelta().total_seconds()


def test_tells_who_holds_it_by_which_proxy_and_since_when(system):
    connected = system.connect("held-by", grace=1.0, user="ada")
    system.wait_state(connected.session.name, "READY")

    async def stay():
        async with traffic.silent_websocket(system, connected, proxy=1), \
                traffic.sse(system, connected):
            await asyncio.sleep(1.5)
            begin = time.monotonic()
            answer = await asyncio.to_thread(explain, system, connected)
            assert time.monotonic() - begin < 1
            return answer

    answer = asyncio.run(stay())
    assert sorted(p.open for p in answer.proxies) == [1, 1]
    found = {c.kind: c for p in answer.proxies for c in p.connections}
    assert set(found) == {KIND.WEBSOCKET, KIND.REQUEST}
    for connection in found.values():
        assert (connection.user, connection.peer) == ("ada", "127.0.0.1")
        assert 1.4 < seconds(connection.age) < 5
    # Events come every 200 ms; nothing ever moves on the silent socket.
    assert seconds(found[KIND.REQUEST].idle_for) < 1.2 < seconds(found[KIND.WEBSOCKET].idle_for)
    assert found[KIND.REQUEST].bytes > 10 and found[KIND.WEBSOCKET].bytes == 0
    assert len(answer.reasons_alive) == 2
    assert all(" has 1 connection." in reason for reason in answer.reasons_alive)
    assert answer.verdict == "It ends as IDLE 1s after the last connection has closed."
    assert [event.reason for event in answer.events][:2] == ["Scheduled", "Started"]
    assert not answer.events_error

    # Nobody is left: its end is told in advance, and then as what happened.
    answer = explain(system, connected)
    assert "if nobody connects" in answer.verdict or answer.session.state != STATE.READY
    system.wait_ended(connected.session.name)
    answer = explain(system, connected)
    assert answer.verdict.startswith("It ended as IDLE at ")
    assert not answer.reasons_alive and not answer.proxies
    steps = [(STATE.Name(t.to), t.cause) for t in answer.transitions]
    assert steps[0][0] == "PENDING" and steps[-1][0] == "TERMINATED"
    draining = next(cause for state, cause in steps if state == "DRAINING")
    assert draining.startswith("nobody connected since ") and draining.endswith("grace 1s over")
    assert ("TERMINATING", "IDLE: nobody was connected for 1s; 2 proxies counted zero") in steps
    assert "Killing" in [event.reason for event in answer.events]


def test_a_held_request_is_a_reason(system):
    connected = system.connect("starts", env={"START_DELAY_MS": "60000"}, grace=1.0)

    async def stay():
        async with traffic.KINDS["held"](system, connected):
            await asyncio.sleep(1.2)
            return await asyncio.to_thread(explain, system, connected)

    answer = asyncio.run(stay())
    (proxy,) = answer.proxies
    assert (proxy.open, proxy.held) == (1, 1)
    (held,) = proxy.connections
    assert held.kind == KIND.HELD and 1 < seconds(held.age) < 5
    assert answer.reasons_alive[0].startswith("It is starting (STARTED)")
    assert answer.reasons_alive[1].endswith(" has 1 connection, 1 of them held.")
    assert answer.verdict.startswith("It ends as START_TIMEOUT, or with a more exact reason, at ")
    system.terminate(connected.session.name)


def test_a_crash_is_told_with_its_cause(system):
    connected = system.connect("crash", grace=60.0)
    system.wait_state(connected.session.name, "READY")
    with contextlib.suppress(Exception):  # it may leave before it has answered
        asyncio.run(traffic.fetch(system.url(connected, "exit?code=7")))
    system.wait_ended(connected.session.name)
    answer = explain(system, connected)
    assert answer.verdict.startswith("It ended as CRASHED at ")
    assert any(t.cause.startswith("CRASHED: the backend left with exit code 7")
               for t in answer.transitions)


def test_an_unknown_session_is_not_found(system):
    with pytest.raises(grpc.RpcError) as error:
        system.api.sessions.ExplainSession(pb.ExplainSessionRequest(
            name="namespaces/default/sessions/nobody"), timeout=5)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert api.reason_of(error.value) == "SESSION_NOT_FOUND"


def log_of(system, connected, **options):
    stream = system.api.sessions.StreamLogs(
        pb.StreamLogsRequest(name=connected.session.name, **options), timeout=10)
    return b"".join(part.content for part in stream).decode()


def test_the_log_of_the_incarnation_before(system):
    first = system.connect("twice", grace=60.0)
    assert asyncio.run(traffic.fetch(system.url(first, "print?text=one")))[0] == 200
    with pytest.raises(grpc.RpcError) as error:
        log_of(system, first, previous=True)
    assert api.reason_of(error.value) == "SESSION_NOT_FOUND"
    with pytest.raises(grpc.RpcError) as error:
        log_of(system, first, previous=True, epoch=first.session.epoch)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    system.terminate(first.session.name)
    system.wait_ended(first.session.name)
    second = system.connect("twice", grace=60.0)
    assert second.session.epoch > first.session.epoch
    assert asyncio.run(traffic.fetch(system.url(second, "print?text=two")))[0] == 200
    assert log_of(system, second, previous=True).endswith("\none\n")
    assert log_of(system, second, previous=True, tail_lines=1) == "one\n"
    assert log_of(system, second).endswith("\ntwo\n")


def test_a_proxy_is_drained_by_name(system):
    admin = api.admin_pb2
    listed = system.api.admin.ListProxies(admin.ListProxiesRequest(), timeout=5).proxies
    assert len(listed) == 2 and all(proxy.connected for proxy in listed)
    with pytest.raises(grpc.RpcError) as error:
        system.api.admin.DrainProxy(admin.DrainProxyRequest(proxy="nobody"), timeout=5)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert api.reason_of(error.value) == "PROXY_NOT_FOUND"

    connected = system.connect("drained", grace=60.0)
    port = system.proxies[1].rsplit(":", 1)[1]
    name = next(proxy.id for proxy in listed if proxy.id.endswith(":" + port))

    async def stay():
        url = system.url(connected, "ws/silent", proxy=1, websocket=True)
        async with websockets.connect(url) as socket:
            request = admin.DrainProxyRequest(proxy=name)
            request.deadline.FromSeconds(1)
            await asyncio.to_thread(system.api.admin.DrainProxy, request, timeout=5)
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            return socket.close_code

    assert asyncio.run(stay()) == 1012
    assert system.processes["proxy1"].wait(5) == 0
    deadline = time.monotonic() + 5
    while len(listed) == 2:
        listed = system.api.admin.ListProxies(admin.ListProxiesRequest(), timeout=5).proxies
        assert time.monotonic() < deadline, listed
    assert asyncio.run(traffic.fetch(system.url(connected)))[0] == 200  # by the other one
