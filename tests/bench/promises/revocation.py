"""How soon a revocation is everywhere: users with a WebSocket each, through both proxies, lose their grants
one by one, by its id and by the user's name in turn.

`closed_ms` is from the call of RevokeGrant to the close frame (4003) at the client, `returned_ms` to its
answer, when every proxy has it and Kubernetes too.
"""

import asyncio
import time
import typing

import aiohttp

from tests.support import api, traffic

CLOSED_MAX_MS = 1000
RETURNED_MAX_MS = 2000
USERS_EACH = 20  # of a session
PAUSE_S = 0.02


class Run(typing.NamedTuple):
    closed_ms: float
    returned_ms: float
    fault: str  # empty: none


async def _end_of(socket):
    message = await socket.receive()
    return time.monotonic(), message.data if message.type == aiohttp.WSMsgType.CLOSE else message.type


def _grant(system, name, user):
    pb = api.sessions_pb2
    return system.api.sessions.CreateGrant(
        pb.CreateGrantRequest(name=name, grant=pb.GrantSpec(user=user)), timeout=10)


def _revoke(system, name, **what):
    begin = time.monotonic()
    answer = system.api.sessions.RevokeGrant(
        api.sessions_pb2.RevokeGrantRequest(name=name, **what), timeout=10)
    return begin, time.monotonic(), list(answer.pending_proxies)


async def _session(system, client, key, users):
    connected = await asyncio.to_thread(system.connect, key, grace=60)
    name, ends = connected.session.name, []
    for number in range(users):
        grant = await asyncio.to_thread(_grant, system, name, "user-%d" % number)
        url = system.url(connected, "ws/silent", proxy=number % len(system.proxies), websocket=True, token=False)
        socket = await client.ws_connect(url, headers={"Authorization": "Bearer " + grant.token})
        ends.append((grant.grant_id, asyncio.ensure_future(_end_of(socket))))
    runs = []
    for number, (grant_id, end) in enumerate(ends):
        what = {"grant_id": grant_id} if number % 2 else {"user": "user-%d" % number}
        begin, returned, pending = await asyncio.to_thread(_revoke, system, name, **what)
        closed, code = await asyncio.wait_for(end, 10)
        others = sum(other.done() for _, other in ends[number + 1:])
        fault = ("closed with %s" % code if code != 4003 else "pending: %s" % pending if pending
                 else "%d other users were closed" % others if others else "")
        runs.append(Run((closed - begin) * 1e3, (returned - begin) * 1e3, fault))
        await asyncio.sleep(PAUSE_S)
    await asyncio.to_thread(system.terminate, name, hard=True)
    return runs


async def _measure(system, count):
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=traffic.TIMEOUT) as client:
        runs = []
        while len(runs) < count:
            runs += await _session(system, client, "revocation-%d" % len(runs), min(USERS_EACH, count - len(runs)))
        return runs


def measure(system, count):
    """[Run] of so many revocations."""
    return asyncio.run(_measure(system, count))


def broken(runs):
    """Those that break the promise, as texts."""
    return [run.fault or "closed after %.0f ms, returned after %.0f ms" % run[:2] for run in runs
            if run.fault or run.closed_ms > CLOSED_MAX_MS or run.returned_ms > RETURNED_MAX_MS]
