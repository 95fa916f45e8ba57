"""WebSocket clients that notice everything: many echo sockets at once, each message numbered.

    fleet = EchoFleet([url] * 200, interval_s=0.1)
    async with fleet.running():          # every socket has had its first answer
        await restart_something()
    fleet.check()                        # raises with the first faults; fleet.summary() for the log

A fault is a message that was lost, repeated, changed or out of order, an answer that took longer than
answer_s, or a connection that closed (with its code and reason).
"""

import asyncio
import contextlib
import dataclasses
import hashlib
import time

import websockets

CONNECT_S = 30.0

# For tests that speak on a bare socket: UPGRADE_REQUEST % b"/ws" (the key is RFC 6455's example).
UPGRADE_REQUEST = (b"GET %s HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                   b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")


@dataclasses.dataclass
class Fault:
    socket: int
    sequence: int
    what: str
    at_s: float  # since the fleet started


class EchoFleet:
    """Sockets that send a numbered message each `interval_s` and expect it back.

    `window` messages may be on their way in each socket at a time; `payload_bytes` of each are filled with
    bytes that depend on its number. Memory does not grow with time.
    """

    FAULTS_MAX = 100

    def __init__(self, urls, interval_s=0.1, answer_s=15.0, window=4, payload_bytes=32, headers=None):
        self._urls = list(urls)
        self._interval_s = interval_s
        self._answer_s = answer_s
        self._window = window
        self._payload_bytes = payload_bytes
        self._headers = headers or {}
        self._start = time.monotonic()
        self._stop = asyncio.Event()
        self._answered = 0
        self.sent = 0
        self.received = 0
        self.slowest_s = 0.0
        self.faults = []

    @contextlib.asynccontextmanager
    async def running(self):
        """Connects all sockets, yields once each was answered, then closes them in order."""
        tasks = [asyncio.create_task(self._one(number, url)) for number, url in enumerate(self._urls)]
        try:
            while self._answered < len(tasks) and not self.faults:
                await asyncio.sleep(0.01)
            yield self
        finally:
            self._stop.set()
            await asyncio.gather(*tasks)

    def check(self):
        """Raises AssertionError if there was any fault, or no traffic at all."""
        assert not self.faults, "%d faults in %s, the first: %s" % (
            len(self.faults), self.summary(), self.faults[:5])
        assert self.received > 0, "no message came back"

    def summary(self):
        return "%d sockets, %d sent, %d back, slowest %.3f s" % (
            len(self._urls), self.sent, self.received, self.slowest_s)

    def _fault(self, socket, sequence, what):
        # A socket ends with its first fault, which both its reader and its writer may see.
        if len(self.faults) < self.FAULTS_MAX and all(fault.socket != socket for fault in self.faults):
            self.faults.append(Fault(socket, sequence, what, round(time.monotonic() - self._start, 3)))

    def message(self, socket, sequence):
        """What this socket sends as its sequence-th message: text and binary in turn."""
        head = "%d:%d:" % (socket, sequence)
        seed = hashlib.sha256(head.encode()).hexdigest()
        text = head + (seed * (self._payload_bytes // len(seed) + 1))[: self._payload_bytes]
        return text if sequence % 2 == 0 else text.encode()

    async def _one(self, number, url):
        sequence = 0
        try:
            # Without compression, size limit, or pings of the client's own.
            async with websockets.connect(
                url, compression=None, max_size=None, ping_interval=None, open_timeout=CONNECT_S,
                extra_headers=self._headers
            ) as socket:
                pending = asyncio.Queue(self._window)
                reader = asyncio.create_task(self._read(number, socket, pending))
                while not self._stop.is_set() and not reader.done():
                    message = self.message(number, sequence)
                    await self._until(reader, pending.put((sequence, message, time.monotonic())))
                    if reader.done():
                        break
                    await socket.send(message)
                    self.sent += 1
                    sequence += 1
                    with contextlib.suppress(asyncio.TimeoutError):
                        await asyncio.wait_for(self._stop.wait(), self._interval_s)
                if not reader.done():
                    await self._until(reader, pending.put(None))
                await reader
        except websockets.ConnectionClosed as closed:
            self._fault(number, sequence, "closed: %s" % closed)
        except (OSError, asyncio.TimeoutError, websockets.InvalidHandshake) as error:
            self._fault(number, sequence, "did not connect: %r" % error)

    @staticmethod
    async def _until(reader, waiting):
        """Awaits `waiting`, or the end of the reader if that comes first."""
        task = asyncio.ensure_future(waiting)
        await asyncio.wait({task, reader}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            task.cancel()

    async def _read(self, number, socket, pending):
        first = True
        while True:
            entry = await pending.get()
            if entry is None:
                return
            sequence, expected, sent = entry
            try:
                answer = await asyncio.wait_for(socket.recv(), self._answer_s)
            except asyncio.TimeoutError:
                self._fault(number, sequence, "no answer for %.0f s" % self._answer_s)
                return
            except websockets.ConnectionClosed as closed:
                self._fault(number, sequence, "closed: %s" % closed)
                return
            if answer != expected:
                self._fault(number, sequence, "expected %r, got %r" % (expected[:40], answer[:40]))
                return
            self.received += 1
            self.slowest_s = max(self.slowest_s, time.monotonic() - sent)
            self._answered += first
            first = False


async def close_code(url, message=None, within_s=10.0, **options):
    """Connects, sends `message` if given, and returns the (code, reason) with which the server closes."""
    async with websockets.connect(url, compression=None, max_size=None, ping_interval=None, **options) as socket:
        with contextlib.suppress(websockets.ConnectionClosed):
            if message is not None:
                await socket.send(message)
        await asyncio.wait_for(socket.wait_closed(), within_s)
        return socket.close_code, socket.close_reason
