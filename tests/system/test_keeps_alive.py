"""What is in use is never ended: each way of being connected lasts three graces."""

import asyncio
import itertools

import aiohttp
import pytest

from tests.support import api, traffic
from tests.support.system import reason_name

GRACE_S = 1.0
unique = itertools.count()


@pytest.mark.parametrize("kind", sorted(traffic.KINDS))
def test_three_graces_of(system, kind):
    env = {"START_DELAY_MS": "60000"} if kind == "held" else {}
    connected = system.connect("alive-%s-%d" % (kind, next(unique)), env=env, grace=GRACE_S,
                               initial_grace=GRACE_S)

    async def stay():
        async with traffic.KINDS[kind](system, connected):
            await asyncio.sleep(3 * GRACE_S)
            session = system.get(connected.session.name)
            assert session.state in (api.session_pb2.STARTING, api.session_pb2.READY), session
            assert session.epoch == connected.session.epoch
            assert session.connections == 1

    asyncio.run(stay())
    if kind == "held":  # it still starts; idleness is counted from READY on
        system.terminate(connected.session.name)
        return
    ended = system.wait_state(connected.session.name, "TERMINATING", "TERMINATED",
                              timeout=GRACE_S + 5)
    assert reason_name(ended) == "IDLE"


def test_keep_alive_connections_are_not_use(system):
    connected = system.connect("keepalive", grace=GRACE_S)

    async def visit():
        async with aiohttp.ClientSession() as client:
            async with client.get(system.url(connected)) as answer:
                assert answer.status == 200
                await answer.read()
            # The TCP connection stays in the client's pool while the session must end.
            await asyncio.to_thread(system.wait_state, connected.session.name, "TERMINATING",
                                    "TERMINATED", timeout=GRACE_S + 5)

    asyncio.run(visit())


def test_counts_of_two_proxies_are_summed(system):
    connected = system.connect("summed", grace=GRACE_S)

    async def stay():
        async with traffic.silent_websocket(system, connected, proxy=0):
            async with traffic.silent_websocket(system, connected, proxy=1):
                await asyncio.to_thread(
                    system.wait, connected.session.name, lambda s: s.connections == 2, 3)
            await asyncio.sleep(2 * GRACE_S)
            session = system.get(connected.session.name)
            assert session.state == api.session_pb2.READY and session.connections == 1

    asyncio.run(stay())
    system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=GRACE_S + 5)
