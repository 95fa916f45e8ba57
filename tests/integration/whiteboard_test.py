"""The whiteboard's program without a proxy and without a browser: page, protocol, bounds, end."""

import asyncio
import contextlib
import json
import re
import signal
import socket
import time
import urllib.error
import urllib.request

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.websocket import UPGRADE_REQUEST, close_code

PROGRAM = "deploy/examples/whiteboard/whiteboard"
PEOPLE_MAX = 64
MESSAGE_BYTES_MAX = 16 * 1024
OUTBOX_BYTES_MAX = 4 * 1024 * 1024


@pytest.fixture
def whiteboard():
    with Backend(PROGRAM, env={"SPAWNER_SESSION": "s-1", "SPAWNER_KEY": "Launch plan"}) as backend:
        yield backend


@contextlib.asynccontextmanager
async def person(backend, name):
    """(link, welcome) of somebody at the board."""
    async with websockets.connect(backend.websocket_url(), compression=None, ping_interval=None,
                                  max_size=None, max_queue=None) as link:
        await send(link, t="hello", key="key of " + name, name=name)
        welcome = await receive(link)
        assert welcome["t"] == "welcome"
        yield link, welcome


async def receive(link):
    return json.loads(await asyncio.wait_for(link.recv(), 5))


async def send(link, **message):
    await link.send(json.dumps(message))


async def drain(link):
    with contextlib.suppress(websockets.ConnectionClosed):
        async for _ in link:
            pass


def open_bare_websocket(backend):
    client = socket.create_connection(backend.address, timeout=5)
    client.sendall(UPGRADE_REQUEST % b"/ws")
    answer = b""
    while not answer.endswith(b"\r\n\r\n"):
        answer += client.recv(1)
    assert b" 101 " in answer
    return client


def test_the_page_is_whole_and_every_reference_is_relative(whiteboard):
    def fetch(name):
        with urllib.request.urlopen(whiteboard.url(name)) as answer:
            return answer.headers.get_content_type(), answer.read().decode()

    kind, text = fetch("?anything=1")
    assert kind == "text/html" and "<title>" in text
    names = [n for n in re.findall(r'(?:src|href)="([^"]+)"', text) if not n.startswith("data:")]
    assert sorted(names) == ["app.js", "style.css"]
    _, script = fetch("app.js")
    imports = re.findall(r'from "\./([^"]+)"', script)
    assert sorted(imports) == ["board.js", "link.js", "reactions.js"]
    for name in names + imports:
        kind, more = fetch(name)
        assert kind == ("text/css" if name.endswith(".css") else "text/javascript")
        text += more
    urls = set(re.findall(r"""(?:https?:)?//[a-z][^\s"')]*""", text))
    assert urls == {"http://www.w3.org/2000/svg"}, "a name, not an address; nothing else"


@pytest.mark.parametrize("path, method, status", [
    ("nowhere", "GET", 404), ("", "POST", 405), ("ws", "GET", 404)])
def test_other_requests_are_refused(whiteboard, path, method, status):
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(urllib.request.Request(whiteboard.url(path), method=method))
    assert error.value.code == status


def test_two_people_see_each_other(whiteboard):
    async def run():
        async with person(whiteboard, "Ann") as (ann, welcome):
            assert (welcome["board"], welcome["people"], welcome["items"]) == ("Launch plan", [], [])
            async with person(whiteboard, "Ben") as (ben, welcome):
                assert [p["name"] for p in welcome["people"]] == ["Ann"]
                assert (await receive(ann))["name"] == "Ben"
                await send(ann, t="begin", n=1, c=2, w=40, p=[10, 20])
                await send(ann, t="points", n=1, p=[30, 40])
                assert await receive(ben) == {"t": "begin", "by": 1, "n": 1, "c": 2, "w": 40, "p": [10, 20]}
                assert await receive(ben) == {"t": "points", "by": 1, "n": 1, "p": [30, 40]}
                await send(ben, t="cursor", p=[5, 6])
                assert await receive(ann) == {"t": "cursor", "by": 2, "p": [5, 6]}
            assert await receive(ann) == {"t": "leave", "id": 2}

    asyncio.run(run())


def test_a_joiner_gets_the_board_and_its_author_can_undo_after_coming_back(whiteboard):
    async def run():
        async with person(whiteboard, "Ann") as (ann, _):
            await send(ann, t="begin", n=1, c=2, w=40, p=[10, 20])
            await send(ann, t="points", n=1, p=[30, 40])
        async with person(whiteboard, "Ben") as (ben, welcome):
            assert welcome["items"] == [{"by": 1, "n": 1, "c": 2, "w": 40, "p": [10, 20, 30, 40]}]
            async with person(whiteboard, "Ann") as (ann, welcome):
                assert (welcome["you"], welcome["next"]) == (1, 2)
                assert (await receive(ben))["t"] == "join"
                await send(ann, t="undo")
                assert await receive(ben) == {"t": "remove", "by": 1, "n": 1}

    asyncio.run(run())


def test_an_idle_socket_is_silent(whiteboard):
    with open_bare_websocket(whiteboard) as client:
        client.settimeout(1.5)
        with pytest.raises(socket.timeout):
            client.recv(1)


@pytest.mark.parametrize("message, code", [
    ("x" * (MESSAGE_BYTES_MAX + 1), 1009),
    ("not json", 1008),
    (b"binary", 1008),
    (json.dumps({"t": "undo"}), 1008),
], ids=["too big", "not json", "binary", "before hello"])
def test_a_wrong_message_closes_only_its_own_connection(whiteboard, message, code):
    async def run():
        async with person(whiteboard, "Ann") as (ann, _):
            assert (await close_code(whiteboard.websocket_url(), message))[0] == code
            async with person(whiteboard, "Ben"):
                assert (await receive(ann))["name"] == "Ben"

    asyncio.run(run())


def test_text_that_is_not_utf_8_closes_with_1007(whiteboard):
    with open_bare_websocket(whiteboard) as client:
        client.sendall(b"\x81\x81\x00\x00\x00\x00\xff")
        frame = client.recv(100)
        assert frame[0] == 0x88 and int.from_bytes(frame[2:4], "big") == 1007


def test_one_person_too_many_gets_1013_and_a_place_when_one_leaves(whiteboard):
    async def run():
        async with contextlib.AsyncExitStack() as stack:
            people = [await stack.enter_async_context(person(whiteboard, "P%d" % n))
                      for n in range(PEOPLE_MAX)]
            assert await close_code(whiteboard.websocket_url()) == (1013, "the board is full")
            await people[0][0].close()
            async with person(whiteboard, "late") as (_, welcome):
                assert len(welcome["people"]) == PEOPLE_MAX - 1

    asyncio.run(run())


def test_a_slow_client_is_dropped_and_the_others_are_served(whiteboard):
    """One person never reads while another draws; Ben sees all of it, and in time the slow one leave."""

    async def run():
        async with person(whiteboard, "Ann") as (ann, _), person(whiteboard, "Ben") as (ben, _):
            before = whiteboard.resident_kib()
            hello = json.dumps({"t": "hello", "key": "slow", "name": "Slow"}).encode()
            with open_bare_websocket(whiteboard) as slow:
                slow.sendall(b"\x81" + bytes([0x80 | len(hello)]) + b"\0\0\0\0" + hello)
                assert (await receive(ben))["name"] == "Slow"
                sent = seen = 0
                while True:
                    sent += 1
                    assert sent < 5000, "never dropped"
                    await send(ann, t="begin", n=sent, c=0, w=40, p=[16000, 10000] * 1000)
                    message = await receive(ben)
                    if message["t"] == "remove":  # the board is full: the oldest gives way
                        message = await receive(ben)
                    if message["t"] == "leave":
                        break
                    assert (message["t"], message["n"]) == ("begin", sent)
                    seen += len(json.dumps(message["p"]))
                assert seen > OUTBOX_BYTES_MAX
                assert whiteboard.resident_kib() - before < 64 * 1024

    asyncio.run(run())


def test_the_board_is_bounded(whiteboard):
    """Far more strokes than it keeps: a joiner gets the newest, and memory stays small."""

    async def run():
        async with person(whiteboard, "Ann") as (ann, _):
            reader = asyncio.create_task(drain(ann))
            for number in range(1, 3001):
                await send(ann, t="begin", n=number, c=0, w=40, p=[1, 2] * 60)
            await ann.close()  # after all of it was taken
            await reader
        async with person(whiteboard, "Ben") as (_, welcome):
            items = welcome["items"]
            assert len(items) == 100_000 // 60  # points, at 60 a stroke
            assert items[-1]["n"] == 3000
        assert whiteboard.resident_kib() < 64 * 1024

    asyncio.run(run())


def test_sigterm_closes_with_1001_and_exits_0_at_once(whiteboard):
    async def run():
        async with person(whiteboard, "Ann") as (ann, _), person(whiteboard, "Ben") as (ben, _):
            start = time.monotonic()
            whiteboard.process.send_signal(signal.SIGTERM)
            await asyncio.gather(drain(ann), drain(ben))
            assert await asyncio.to_thread(whiteboard.wait) == 0
            assert (ann.close_code, ben.close_code) == (1001, 1001)
            assert time.monotonic() - start < 0.8

    asyncio.run(run())


def test_sigterm_does_not_wait_for_someone_who_never_answers(whiteboard):
    with open_bare_websocket(whiteboard) as client:
        start = time.monotonic()
        assert whiteboard.stop() == 0
        assert time.monotonic() - start < 2.0
        frame = client.recv(100)
        assert frame[0] == 0x88 and int.from_bytes(frame[2:4], "big") == 1001


def test_sigterm_right_after_it_says_that_it_listens():
    for _ in range(20):
        with Backend(PROGRAM) as backend:
            assert backend.stop() == 0


def test_it_starts_quickly_and_small(whiteboard):
    print("listening after %.3f s, resident %d KiB" % (whiteboard.start_s, whiteboard.resident_kib()))
    assert whiteboard.start_s < 2.0
    assert whiteboard.resident_kib() < 32 * 1024
