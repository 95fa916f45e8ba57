"""Connections that stay open the ways real ones do. Each is an async context manager that yields once
traffic flows and closes at exit; `hold(kind, system, connected)` picks one by name."""

import asyncio
import contextlib

import aiohttp

FIRST_BYTE_S = 30

TIMEOUT = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=FIRST_BYTE_S)


async def fetch(url, **options):
    """(status, text) of one GET on a connection of its own."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as client:
        async with client.get(url, **options) as answer:
            return answer.status, await answer.text()


async def echo_once(url, text="hello"):
    """Sends one WebSocket message and returns the answer."""
    async with aiohttp.ClientSession(timeout=TIMEOUT) as client:
        async with client.ws_connect(url) as socket:
            await socket.send_str(text)
            return await asyncio.wait_for(socket.receive_str(), FIRST_BYTE_S)


@contextlib.asynccontextmanager
async def silent_websocket(system, connected, proxy=0):
    async with aiohttp.ClientSession(timeout=TIMEOUT) as client:
        async with client.ws_connect(
                system.url(connected, "ws/silent", proxy, websocket=True), autoping=False) as socket:
            yield socket
            assert not socket.closed


@contextlib.asynccontextmanager
async def _streamed(url):
    async with aiohttp.ClientSession(timeout=TIMEOUT) as client:
        async with client.get(url) as answer:
            assert answer.status == 200
            await answer.content.readany()
            yield
            assert not answer.content.at_eof()


def sse(system, connected):
    return _streamed(system.url(connected, "sse?n=0&interval_ms=200"))


def slow_download(system, connected):
    return _streamed(system.url(connected, "bytes?n=1000000&rate=1024"))


@contextlib.asynccontextmanager
async def _pending(request):
    """A request that must not be answered before the block ends."""
    task = asyncio.ensure_future(request)
    await asyncio.sleep(0.3)
    yield
    assert not task.done(), task
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError, aiohttp.ClientError):
        await task


def long_poll(system, connected):
    return _pending(fetch(system.url(connected, "longpoll?ms=600000")))


@contextlib.asynccontextmanager
async def slow_upload(system, connected):
    async def body():
        while True:
            yield b"x" * 100
            await asyncio.sleep(0.1)

    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=None)) as client:
        async with _pending(client.post(system.url(connected, "upload"), data=body())):
            yield


def held(system, connected):
    """Waits for a backend that does not start; see START_DELAY_MS."""
    return _pending(fetch(system.url(connected)))


KINDS = {"silent_websocket": silent_websocket, "sse": sse, "slow_download": slow_download,
         "slow_upload": slow_upload, "long_poll": long_poll, "held": held}
