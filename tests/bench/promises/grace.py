"""How exactly a session ends when its grace is over.

Each run is a session of its own with a real backend process. One client comes, stays for a moment, and
leaves in one of KINDS' ways, through either proxy; nobody comes after it. The error is the instant of the
decision to end it (`Session.end_time`) minus the client's last act, minus the grace; both by this machine's
clock.
"""

import asyncio
import random
import socket
import struct
import time
import typing
import urllib.parse

import grpc

from tests.support import api
from tests.support.system import reason_name
from tests.support.websocket import UPGRADE_REQUEST

GRACE_S = 1.0
ERROR_MAX_MS = 100.0
FIRST_BYTE_S = 30
END_S = GRACE_S + 10


class Run(typing.NamedTuple):
    kind: str
    decided_ms: float  # error of the decision
    seen_ms: float     # the same, when a watch had told it


class Watch:
    """When each session of the namespace was first seen as ending, by one WatchSessions."""

    def __init__(self, system, loop):
        self._loop = loop
        self._seen = {}  # name -> future of (wall clock, session)
        self._call = system.api.sessions.WatchSessions(api.sessions_pb2.WatchSessionsRequest(
            parent="namespaces/" + system.namespace))

    def future(self, name, epoch):
        return self._seen.setdefault((name, epoch), self._loop.create_future())

    def read(self):
        """In a thread of its own, until close()."""
        try:
            for event in self._call:
                session = event.session
                if session.state >= api.session_pb2.TERMINATING:
                    self._loop.call_soon_threadsafe(self._note, time.time(), session)
        except grpc.RpcError as error:
            if error.code() != grpc.StatusCode.CANCELLED:
                raise

    def _note(self, now, session):
        future = self.future(session.name, session.epoch)
        if not future.done():
            future.set_result((now, session))

    def close(self):
        self._call.cancel()


class Refused(Exception):
    """The answer was neither 200 nor 101."""

    def __init__(self, status, text):
        super().__init__("%d: %s" % (status, text))
        self.status = status


async def _open(system, connected, path, proxy, head):
    url = urllib.parse.urlsplit(system.url(connected, path, proxy, token=False))
    reader, writer = await asyncio.open_connection(url.hostname, url.port)
    writer.write(head(url.path + ("?" + url.query if url.query else "")).replace(
        b"\r\n\r\n", b"\r\nAuthorization: Bearer %s\r\n\r\n" % connected.token.encode()))
    text = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), FIRST_BYTE_S)
    status = int(text.split()[1])
    if status not in (101, 200):
        writer.transport.abort()
        raise Refused(status, text)
    return reader, writer


def open_websocket(system, connected, proxy):
    """(reader, writer) behind the 101 of a WebSocket that says nothing; Refused otherwise."""
    return _open(system, connected, "ws/silent", proxy, _upgrade)


def _upgrade(path):
    return UPGRADE_REQUEST % path.encode()


def _get(path):
    return b"GET %s HTTP/1.1\r\nHost: h\r\n\r\n" % path.encode()


async def _fin(_, writer):
    writer.transport.abort()  # nothing is unsent: a FIN


async def _reset(_, writer):
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def _close_frame(reader, writer):
    writer.write(b"\x88\x82\0\0\0\0" + struct.pack(">H", 1000))  # RFC 6455 5.5.1, masked with 0
    await reader.read()  # the server closes first (7.1.1)
    writer.transport.abort()


# How a client leaves: (path, request's head, what it does from its last act on).
KINDS = {
    "websocket, close frame": ("ws", _upgrade, _close_frame),
    "websocket, FIN": ("ws/silent", _upgrade, _fin),
    "websocket, RST": ("ws/silent", _upgrade, _reset),
    "event stream, FIN": ("sse?n=0&interval_ms=50", _get, _fin),
    "download, FIN": ("bytes?n=1000000&rate=1024", _get, _fin),
}


async def _run(system, watch, number, seed):
    chance = random.Random("%s-%d" % (seed, number))
    kind = sorted(KINDS)[number % len(KINDS)]
    path, head, leave = KINDS[kind]
    connected = await asyncio.to_thread(
        system.connect, "grace-%s-%d" % (seed, number), grace=GRACE_S, retention=30)
    name, epoch = connected.session.name, connected.session.epoch
    reader, writer = await _open(system, connected, path, chance.randrange(len(system.proxies)), head)
    await asyncio.sleep(chance.uniform(0.05, 1.0))
    left = time.time()
    await leave(reader, writer)
    seen, session = await asyncio.wait_for(watch.future(name, epoch), END_S)
    assert reason_name(session) == "IDLE", session
    decided = session.end_time.ToNanoseconds() / 1e9
    return Run(kind, (decided - left - GRACE_S) * 1e3, (seen - left - GRACE_S) * 1e3)


async def _measure(system, runs, at_once, seed):
    watch = Watch(system, asyncio.get_running_loop())
    reading = asyncio.create_task(asyncio.to_thread(watch.read))
    turn = asyncio.Semaphore(at_once)

    async def one(number):
        async with turn:
            return await _run(system, watch, number, seed)

    try:
        return await asyncio.gather(*(one(number) for number in range(runs)))
    finally:
        watch.close()
        await reading


def measure(system, runs, at_once=12, seed=None):
    """[Run] of so many sessions, at_once of them at a time."""
    return asyncio.run(_measure(system, runs, at_once, seed or random.SystemRandom().randrange(1 << 32)))


def late(runs):
    """Those that break the promise: later than ERROR_MAX_MS, or before the grace was over."""
    return [run for run in runs if not 0 <= run.decided_ms <= ERROR_MAX_MS]
