"""RFC 6455 through the proxy: each case of the table is played against a backend alone and through the
proxy, and what the client sees must be the same, frame by frame, whether the case is right or wrong.

The backends: a strict one (python3-websockets), and one that sends back every byte, of whatever sense.
"""

import asyncio
import base64
import hashlib
import threading

import pytest
import websockets

from tests.conformance.websocket.cases import BYE, CASES
from tests.conformance.websocket.frames import FENCE, converse, parse
from tests.support.proxy import Proxy

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
MESSAGE_MAX = 8 << 20


async def echo_messages(peer):
    try:
        async for message in peer:
            await peer.send(message)
    except websockets.ConnectionClosed:
        pass


async def echo_bytes(reader, writer):
    """Shakes hands, then knows nothing of frames: the proxy has to pass both ways what no endpoint sends."""
    head = await reader.readuntil(b"\r\n\r\n")
    key = next(line.split(b": ", 1)[1] for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key"))
    accept = base64.b64encode(hashlib.sha1(key + GUID).digest())
    writer.write(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                 b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n")
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


class Backends:
    """Both, in a thread of their own."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._loop.run_forever, daemon=True).start()
        self.strict = self._run(self._serve_strict())
        self.bytes = self._run(self._serve_bytes())

    def _run(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(20)

    async def _serve_strict(self):
        server = await websockets.serve(
            echo_messages, "127.0.0.1", 0, max_size=MESSAGE_MAX, ping_interval=None, subprotocols=["echo"],
            compression="deflate", close_timeout=2)
        return server.sockets[0].getsockname()

    async def _serve_bytes(self):
        server = await asyncio.start_server(echo_bytes, "127.0.0.1", 0)
        return server.sockets[0].getsockname()


@pytest.fixture(name="world", scope="module")
def fixture_world(tmp_path_factory):
    backends = Backends()
    folder = tmp_path_factory.mktemp("websocket")
    routes = folder / "routes"
    routes.write_text("strict.test %s:%d\nbytes.test %s:%d\n" % (*backends.strict, *backends.bytes))
    with Proxy(None, str(folder / "proxy.log"), ["--static-routes=%s" % routes]) as proxy:
        yield backends, proxy


def test_the_table_has_every_kind_and_enough():
    assert len(CASES) >= 185


@pytest.mark.parametrize("name", CASES)
def test_a_strict_backend_answers_alike(world, name):
    backends, proxy = world
    case = CASES[name]
    pieces = (*case.pieces[:-1], FENCE, BYE) if case.pieces[-1:] == (BYE,) else case.pieces
    alone = converse(backends.strict, "strict.test", pieces, case.headers, case.finish)
    through = converse(proxy.address, "strict.test", pieces, case.headers, case.finish)
    assert through.status == alone.status == b"HTTP/1.1 101 Switching Protocols"
    assert through.headers == alone.headers
    assert parse(through.stream) == parse(alone.stream)


@pytest.mark.parametrize("name", CASES)
def test_every_byte_passes_both_ways(world, name):
    _, proxy = world
    case = CASES[name]
    pieces = [piece for piece in case.pieces if piece is not FENCE]
    through = converse(proxy.address, "bytes.test", pieces, case.headers, finish=True)
    assert through.stream == b"".join(pieces)


def test_the_backend_is_as_strict_as_the_rfc(world):
    """The comparison would say nothing if the backend let everything pass."""
    backends, _ = world
    expected = {"rsv4_text": 1002, "opcode_3": 1002, "unmasked_text": 1002, "utf8_wrong_ff": 1007,
                "ping_126": 1002, "continuation_of_nothing": 1002, "close_999": 1002, "text_125": 1000}
    for name, code in expected.items():
        case = CASES[name]
        last = parse(converse(backends.strict, "x", case.pieces).stream)[-1]
        assert (last.opcode, int.from_bytes(last.payload[:2], "big")) == (8, code), name
