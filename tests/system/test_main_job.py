"""One session from Connect to its idle end."""

import asyncio
import time

import grpc
import pytest

from tests.support import api, traffic
from tests.support.system import reason_name

GRACE_S = 1.0


def test_the_url_works_before_the_backend_is_ready(system):
    connected = system.connect("early", env={"START_DELAY_MS": "1500"}, grace=GRACE_S)
    assert connected.created

    async def both():
        return await asyncio.gather(
            traffic.fetch(system.url(connected)),
            traffic.echo_once(system.url(connected, "ws", proxy=1, websocket=True)))

    (status, _), echoed = asyncio.run(both())
    assert (status, echoed) == (200, "hello")
    assert system.get(connected.session.name).state == api.session_pb2.READY


def test_the_same_key_is_the_same_session(system):
    first = system.connect("same", grace=GRACE_S)
    second = system.connect("same", user="grace", grace=GRACE_S)
    assert second.session.name == first.session.name
    assert second.session.epoch == first.session.epoch
    assert (first.created, second.created) == (True, False)
    assert second.started_from == api.sessions_pb2.LIVE
    assert system.connect("same", spec=False).session.epoch == first.session.epoch
    assert system.connect("other", grace=GRACE_S).session.name != first.session.name


def test_without_spec_and_session_the_key_is_not_held(system):
    with pytest.raises(grpc.RpcError) as error:
        system.connect("nobody-has-this", spec=False)
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert api.reason_of(error.value) == "KEY_NOT_HELD"


def test_ends_as_idle_and_runs_anew_at_the_same_url(system):
    connected = system.connect("idle", grace=GRACE_S)
    name = connected.session.name

    async def visit():
        async with traffic.silent_websocket(system, connected):
            await asyncio.sleep(0.2)

    asyncio.run(visit())
    left = time.monotonic()
    ending = system.wait_state(name, "TERMINATING", "TERMINATED", timeout=GRACE_S + 3)
    took = time.monotonic() - left
    assert GRACE_S - 0.05 <= took <= GRACE_S + 0.5, took
    assert reason_name(ending) == "IDLE"
    ended = system.wait_ended(name)
    assert ended.exit_code == 0
    assert ended.HasField("end_time")

    status, text = asyncio.run(traffic.fetch(system.url(connected)))
    assert status == 410, text

    again = system.connect("idle", grace=GRACE_S)
    assert again.created
    assert again.session.name == name
    assert again.session.epoch > connected.session.epoch
    status, _ = asyncio.run(traffic.fetch(system.url(again)))
    assert status == 200
    old = system.get(name, epoch=connected.session.epoch)
    assert old.state == api.session_pb2.TERMINATED and reason_name(old) == "IDLE"


def test_only_a_grant_opens_it(system):
    connected = system.connect("grant", grace=GRACE_S)
    other = system.connect("grant-other", grace=GRACE_S)
    bare = system.url(connected, token=False)

    async def statuses():
        right = {"Authorization": "Bearer " + connected.token}
        wrong = {"Authorization": "Bearer " + other.token}
        return [(await traffic.fetch(bare))[0], (await traffic.fetch(bare, headers=wrong))[0],
                (await traffic.fetch(bare, headers={"Authorization": "Bearer nonsense"}))[0],
                (await traffic.fetch(bare, headers=right))[0]]

    assert asyncio.run(statuses()) == [401, 403, 401, 200]


def test_an_unknown_session_is_404(system):
    status, _ = asyncio.run(traffic.fetch(system.proxies[0] + "/s/abcdefghij/"))
    assert status == 404


def test_list_get_and_watch_agree(system):
    connected = system.connect("listed", grace=GRACE_S, labels={"team": "x"})
    name = connected.session.name
    pb = api.sessions_pb2
    parent = "namespaces/" + system.namespace
    listed = system.api.sessions.ListSessions(
        pb.ListSessionsRequest(parent=parent, filter="key:listed"), timeout=5)
    assert [s.name for s in listed.sessions] == [name]
    assert listed.sessions[0].labels["team"] == "x"
    watch = system.api.sessions.WatchSessions(
        pb.WatchSessionsRequest(parent=parent, filter="key:listed"), timeout=20)
    first = next(watch)
    assert first.type == pb.WatchSessionsResponse.ADDED and first.session.name == name
    assert next(event for event in watch if event.type == pb.WatchSessionsResponse.BOOKMARK).version
    system.terminate(name)
    states = []
    for event in watch:
        states.append(event.session.state)
        if event.session.state == api.session_pb2.TERMINATED:
            break
    assert states[-1] == api.session_pb2.TERMINATED
    watch.cancel()
