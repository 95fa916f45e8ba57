"""Newcomers who come just when a session is about to end as idle: real proxies, a real controller, a real
backend process for each incarnation.

In each race one user leaves, and another comes when the grace is over, give or take WINDOW_MS: with an old
URL, or with that of a Connect. It is served by the same incarnation (and then its connection must hold
beyond the grace), or by the next one, or - an old URL only - told 410, and then the end must be decided.
"""

import asyncio
import collections
import random
import re
import time

from tests.bench.promises import grace
from tests.support import api, traffic
from tests.support.system import reason_name

GRACE_S = 1.0
WINDOW_MS = (-12, 25)  # before and after the grace is over: the end takes some milliseconds
STAY_S = 2.2           # longer than the grace
WON, NEXT, ENDED = "the connection won", "the next incarnation served", "the end won (410)"


async def _visit(system, connected, proxy, faults):
    """Epoch of the backend that served a WebSocket for STAY_S; None: 410."""
    try:
        reader, writer = await grace.open_websocket(system, connected, proxy)
    except grace.Refused as refused:
        if refused.status != 410:
            faults.append("%s: answered %s" % (connected.session.name, refused))
        return None
    status, text = await traffic.fetch(
        system.url(connected, proxy=proxy, token=False), headers={"Authorization": "Bearer " + connected.token})
    epoch = re.search(r"^SPAWNER_EPOCH: (\d+)$", text, re.M)
    if status != 200 or not epoch:
        faults.append("%s: beside its WebSocket a GET got %d %s" % (connected.session.name, status, text[:200]))
    try:
        cut = await asyncio.wait_for(reader.read(1), STAY_S)
        faults.append("%s: its connection was cut: %r" % (connected.session.name, cut))
    except asyncio.TimeoutError:
        pass
    writer.transport.abort()
    return int(epoch[1]) if epoch else 0


async def _race(system, number, seed, faults):
    chance = random.Random("%s-%d" % (seed, number))
    key = "race-%s-%d" % (seed, number)
    first, second = (chance.randrange(len(system.proxies)) for _ in range(2))
    options = {"grace": GRACE_S, "retention": 30}
    connected = await asyncio.to_thread(system.connect, key, **options)
    _, writer = await grace.open_websocket(system, connected, first)
    await asyncio.sleep(chance.uniform(0.05, 0.5))
    left = time.monotonic()
    writer.transport.abort()
    connects = number % 2 == 0
    await asyncio.sleep(left + GRACE_S + chance.uniform(*WINDOW_MS) / 1e3 - time.monotonic())
    again = await asyncio.to_thread(system.connect, key, **options) if connects else connected
    epoch = await _visit(system, again, second, faults)
    if epoch is not None:
        return WON if epoch == connected.session.epoch else NEXT
    session = await asyncio.to_thread(system.get, connected.session.name, connected.session.epoch)
    if connects:
        faults.append("%s: the URL of a Connect is dead" % session.name)
    if session.state < api.session_pb2.TERMINATING or reason_name(session) != "IDLE":
        faults.append("%s: 410, and it has not ended: %s" % (session.name, session))
    return ENDED


async def _run(system, races, at_once, seed):
    faults, counts, turn = [], collections.Counter(), asyncio.Semaphore(at_once)

    async def one(number):
        async with turn:
            counts[await _race(system, number, seed, faults)] += 1

    await asyncio.gather(*(one(number) for number in range(races)))
    return counts, faults


def run(system, races, at_once=16, seed=None):
    """(how often each outcome, [what broke the promise])."""
    seed = seed or random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    return asyncio.run(_run(system, races, at_once, seed))
