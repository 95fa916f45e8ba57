"""A tab that only polls an ignored path does not keep its session; a backend that says it is busy does,
also by the answers to those polls; and the tab is told 4001 when the session goes.

This file is its own backend: an HTTP and WebSocket server that says what the query of a request wants."""

import asyncio
import contextlib
import http
import itertools
import os
import signal
import sys
import time
import urllib.parse

import aiohttp
import pytest
import websockets

GRACE_S = 1.0
BUSY_S = 3
SLACK_S = 1.0  # of a machine that does other things


def serve():
    # A backend that leaves at once may be faster than the proxy, and then no close frame is sent.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

    async def answer(path, headers):
        if headers.get("Upgrade"):
            return None
        wanted = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(path).query))
        return http.HTTPStatus.OK, [("Spawner-Busy", wanted["busy"])] if "busy" in wanted else [], b"hello\n"

    async def silent(socket):
        await socket.wait_closed()

    async def run():
        async with websockets.serve(silent, os.environ["HOST"], int(os.environ["PORT"]),
                                    process_request=answer, ping_interval=None):
            await asyncio.Future()

    asyncio.run(run())


if __name__ == "__main__":
    serve()
    sys.exit(0)

from tests.support import api, traffic  # noqa: E402
from tests.support.system import LocalSystem, reason_name  # noqa: E402

unique = itertools.count()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def connect(system, **idle):
    spec = system.spec(grace=GRACE_S, stop_grace=1, idle=api.session_pb2.IdlePolicy(ignore_paths=["/poll/*"], **idle))
    spec.command[:] = [sys.executable, os.path.abspath(__file__)]
    return system.connect("busy-%d" % next(unique), spec)


@contextlib.asynccontextmanager
async def tab(system, connected):
    """A page that polls ten times a second and has a WebSocket, both on ignored paths: the socket. Before,
    its user was there."""
    assert (await traffic.fetch(system.url(connected)))[0] == 200

    async def poll():
        while True:
            await traffic.fetch(system.url(connected, "poll/state"))
            await asyncio.sleep(0.1)

    async with aiohttp.ClientSession(timeout=traffic.TIMEOUT) as client:
        async with client.ws_connect(system.url(connected, "poll/socket", websocket=True)) as socket:
            polls = asyncio.ensure_future(poll())
            try:
                yield socket
            finally:
                polls.cancel()
                with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
                    await polls


async def closed_after(socket, since, within_s):
    """(seconds from `since` to the end of the socket, close code)."""
    message = await asyncio.wait_for(socket.receive(), within_s)
    assert message.type == aiohttp.WSMsgType.CLOSE, message
    return time.monotonic() - since, message.data


def test_polls_of_an_ignored_path_do_not_keep_it(system):
    connected = connect(system)

    async def run():
        async with tab(system, connected) as socket:
            return await closed_after(socket, time.monotonic(), GRACE_S + 10)

    took, code = asyncio.run(run())
    assert code == 4001
    assert GRACE_S - 0.3 <= took <= GRACE_S + SLACK_S, took
    assert reason_name(system.wait_ended(connected.session.name)) == "IDLE"


def test_a_busy_backend_keeps_it_and_may_say_so_on_an_ignored_path(system):
    connected = connect(system)

    async def run():
        async with tab(system, connected) as socket:
            async with aiohttp.ClientSession() as client:
                url = system.url(connected, "poll/export?busy=%d;%%20exporting" % BUSY_S)
                async with client.get(url) as answer:
                    assert answer.status == 200 and "Spawner-Busy" not in answer.headers
            said = time.monotonic()
            await asyncio.sleep(2 * GRACE_S)
            session = await asyncio.to_thread(system.get, connected.session.name)
            assert session.state == api.session_pb2.READY and session.connections == 0, session
            assert [(hold.owner, hold.reason) for hold in session.holds] == [("backend", "exporting")]
            return await closed_after(socket, said, BUSY_S + GRACE_S + 10)

    took, code = asyncio.run(run())
    assert code == 4001
    assert BUSY_S + GRACE_S - 0.3 <= took <= BUSY_S + GRACE_S + SLACK_S, took
    assert reason_name(system.wait_ended(connected.session.name)) == "IDLE"


def test_a_backend_that_is_done_lets_it_go(system):
    connected = connect(system)

    async def run():
        async with tab(system, connected) as socket:
            await traffic.fetch(system.url(connected, "poll/export?busy=600"))
            await asyncio.sleep(2 * GRACE_S)
            await traffic.fetch(system.url(connected, "poll/export?busy=0"))
            return await closed_after(socket, time.monotonic(), GRACE_S + 10)

    took, code = asyncio.run(run())
    assert code == 4001
    assert took <= GRACE_S + SLACK_S, took


def test_a_policy_without_holds_lets_nobody_be_busy(system):
    hold_max = api.session_pb2.IdlePolicy().hold_max
    hold_max.FromSeconds(0)
    connected = connect(system, hold_max=hold_max)

    async def run():
        async with tab(system, connected) as socket:
            await traffic.fetch(system.url(connected, "poll/export?busy=600"))
            return await closed_after(socket, time.monotonic(), GRACE_S + 10)

    took, code = asyncio.run(run())
    assert code == 4001 and took <= GRACE_S + SLACK_S, (code, took)
