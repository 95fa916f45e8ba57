"""The echo backend itself, without a proxy: what other tests build upon must hold."""

import asyncio
import http.client
import json
import os
import re
import signal
import socket
import time
import urllib.error
import urllib.request
import zlib

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.websocket import UPGRADE_REQUEST, EchoFleet, close_code

PROGRAM = "deploy/examples/echo/echo"
MESSAGE_BYTES_MAX = 16 * 1024 * 1024


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


@pytest.fixture(scope="module")
def echo(files):
    with Backend(PROGRAM, env={
            "SPAWNER_SESSION": "s-1", "SPAWNER_KEY": "doc/ä", "FILES": str(files)}) as backend:
        yield backend


def fetch(backend, path, **options):
    """(status, headers, body) of one request."""
    request = urllib.request.Request(backend.url(path), **options)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


def raw(backend, request):
    """All that comes back for these bytes until the server closes the connection."""
    with socket.create_connection(backend.address, timeout=5) as client:
        client.sendall(request)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
        return answer


def closing(request_line, *headers):
    """A request's head after which the server shall close."""
    return "\r\n".join([request_line, "Host: h", "Connection: close", *headers, "", ""]).encode()


def test_index_tells_the_session(echo):
    status, _, body = fetch(echo, "")
    assert status == 200
    assert "SPAWNER_SESSION: s-1\n" in body.decode()
    assert "SPAWNER_KEY: doc/ä\n" in body.decode()


def test_headers_keep_order_case_and_repetitions(echo):
    answer = raw(echo, closing("GET /headers?a=%2F HTTP/1.1", "X-Two: 1", "x-two: 2"))
    seen = json.loads(answer.split(b"\r\n\r\n", 1)[1])
    assert seen["headers"] == [["Host", "h"], ["Connection", "close"], ["X-Two", "1"], ["x-two", "2"]]
    assert (seen["method"], seen["target"], seen["version"]) == ("GET", "/headers?a=%2F", "1.1")
    assert seen["env"]["SPAWNER_SESSION"] == "s-1"
    assert seen["pid"] == echo.pid


def test_a_file_is_kept_in_its_folder(echo, files):
    assert fetch(echo, "file?name=notes")[0] == 404
    assert fetch(echo, "file?name=notes", data=b"one\n", method="PUT")[0] == 200
    assert (files / "notes").read_bytes() == b"one\n"
    assert fetch(echo, "file?name=notes")[2] == b"one\n"
    for name in ("", "../notes", "a/b", "%2e%2e", "."):
        assert fetch(echo, "file?name=" + name, data=b"x", method="PUT")[0] == 400, name


@pytest.mark.parametrize("size", [0, 1, 65536, 200_000])
def test_echo_with_a_content_length(echo, size):
    body = os.urandom(size)
    status, headers, back = fetch(echo, "echo", data=body, method="POST")
    assert (status, back) == (200, body)
    assert headers["Content-Length"] == str(size)


def test_echo_chunked_streams_while_the_body_arrives(echo):
    with socket.create_connection(echo.address, timeout=5) as client:
        client.sendall(b"POST /echo HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nfirst\r\n")
        answer = b""
        while b"first\r\n" not in answer:  # before the request has ended
            answer += client.recv(65536)
        assert b"Transfer-Encoding: chunked" in answer
        client.sendall(b"6\r\nsecond\r\n0\r\n\r\n")
        while not answer.endswith(b"0\r\n\r\n"):
            answer += client.recv(65536)
        assert answer.split(b"\r\n\r\n", 1)[1] == b"5\r\nfirst\r\n6\r\nsecond\r\n0\r\n\r\n"


def test_one_connection_takes_many_requests(echo):
    connection = http.client.HTTPConnection(*echo.address, timeout=5)
    for number in range(20):
        connection.request("POST", "/echo", body=b"x" * number)
        if number == 0:
            kept = connection.sock
        assert connection.getresponse().read() == b"x" * number
        assert connection.sock is kept
    connection.close()


def test_a_body_that_nobody_reads_does_not_end_the_connection(echo):
    connection = http.client.HTTPConnection(*echo.address, timeout=5)
    for _ in range(3):
        connection.request("POST", "/nowhere", body=b"x" * 100_000)
        answer = connection.getresponse()
        answer.read()
        assert (answer.status, answer.will_close) == (404, False)
    connection.close()


def test_pipelined_requests_are_answered_in_order(echo):
    answer = raw(echo, b"POST /echo HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\none"
                 + closing("GET /bytes?n=3 HTTP/1.1"))
    assert [part.split(b"HTTP/1.1")[0] for part in answer.split(b"\r\n\r\n")[1:]] == [b"one", b"000"]


def test_expect_continue_is_answered(echo):
    with socket.create_connection(echo.address, timeout=5) as client:
        client.sendall(closing("POST /upload HTTP/1.1", "Content-Length: 2", "Expect: 100-continue"))
        assert client.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        client.sendall(b"hi")
        assert client.recv(100).startswith(b"HTTP/1.1 200 OK\r\n")


def test_http_1_0_gets_a_body_without_chunks(echo):
    answer = raw(echo, b"GET /sse?n=2&interval_ms=0 HTTP/1.0\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"chunked" not in head
    assert body == b'id: 0\ndata: {"n":0}\n\nid: 1\ndata: {"n":1}\n\n'


def test_head_has_no_body(echo):
    answer = raw(echo, closing("HEAD / HTTP/1.1"))
    assert answer.endswith(b"\r\n\r\n")
    assert re.search(rb"Content-Length: [1-9]", answer)


@pytest.mark.parametrize("request_bytes, status", [
    (b"GARBAGE\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nBad Name: x\r\n\r\n", b"400"),
    (b"GET / HTTP/1.1\r\nX: " + b"x" * 70_000 + b"\r\n\r\n", b"431"),
    (closing("GET /nowhere HTTP/1.1"), b"404"),
    (closing("GET /bytes?n=-1 HTTP/1.1"), b"400"),
    (closing("GET /longpoll?ms=1x HTTP/1.1"), b"400"),
    (closing("GET /ws HTTP/1.1"), b"426"),
], ids=["no request", "bad header name", "huge head", "no such path", "negative", "no number", "no upgrade"])
def test_wrong_requests_are_refused_and_the_connection_closed(echo, request_bytes, status):
    assert raw(echo, request_bytes).startswith(b"HTTP/1.1 " + status)


def test_bytes_are_the_pattern(echo):
    _, headers, body = fetch(echo, "bytes?n=200005")
    assert headers["Content-Length"] == "200005"
    assert body == b"".join(b"%015d\n" % offset for offset in range(0, 200_016, 16))[:200_005]


def test_slow_bytes_keep_their_rate(echo):
    start = time.monotonic()
    _, _, body = fetch(echo, "bytes?n=600&rate=1000")
    assert body == b"".join(b"%015d\n" % offset for offset in range(0, 608, 16))[:600]
    assert 0.4 < time.monotonic() - start < 3.0


def test_sse_sends_numbered_events_in_their_time(echo):
    start = time.monotonic()
    _, headers, body = fetch(echo, "sse?n=4&interval_ms=100")
    assert headers["Content-Type"] == "text/event-stream"
    assert re.findall(rb'data: {"n":(\d)}', body) == [b"0", b"1", b"2", b"3"]
    assert 0.25 < time.monotonic() - start < 3.0


def test_long_poll_answers_after_its_time(echo):
    start = time.monotonic()
    assert json.loads(fetch(echo, "longpoll?ms=300")[2]) == {"waited_ms": 300}
    assert 0.28 < time.monotonic() - start < 3.0


@pytest.mark.parametrize("rate, size, least_s", [("", 3_000_000, 0.0), ("?rate=1000", 400, 0.2)])
def test_upload_counts_and_sums(echo, rate, size, least_s):
    body = os.urandom(size)
    start = time.monotonic()
    answer = json.loads(fetch(echo, "upload" + rate, data=body, method="POST")[2])
    assert answer == {"bytes": size, "crc32": "%08x" % zlib.crc32(body)}
    assert time.monotonic() - start > least_s


def test_status(echo):
    assert fetch(echo, "status?code=503")[0] == 503
    answer = raw(echo, closing("GET /status?code=204 HTTP/1.1"))
    assert answer.startswith(b"HTTP/1.1 204 No Content\r\n") and answer.endswith(b"\r\n\r\n")


def test_close_early_breaks_its_promise(echo):
    answer = raw(echo, b"GET /close-early HTTP/1.1\r\nHost: h\r\n\r\n")
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"Content-Length: 1000" in head
    assert body == b"x" * 100


def test_trailers(echo):
    answer = raw(echo, closing("GET /trailers HTTP/1.1"))
    head, body = answer.split(b"\r\n\r\n", 1)
    text = b"a body with a trailer\n"
    assert b"Trailer: X-Checksum" in head
    assert body == b"16\r\n%s\r\n0\r\nX-Checksum: %d\r\n\r\n" % (text, zlib.crc32(text))


def test_hog_holds_what_it_takes():
    with Backend(PROGRAM) as backend:
        before = backend.resident_kib()
        assert fetch(backend, "hog?mb=64")[2] == b"64 MiB held\n"
        assert backend.resident_kib() - before > 64 * 1024
        assert fetch(backend, "hog?mb=1")[2] == b"65 MiB held\n"


def test_exit_with_a_code():
    with Backend(PROGRAM) as backend:
        assert fetch(backend, "exit?code=7")[2] == b"bye\n"
        assert backend.wait() == 7


def test_crash():
    with Backend(PROGRAM) as backend:
        with pytest.raises((ConnectionError, http.client.RemoteDisconnected)):
            fetch(backend, "crash")
        assert backend.wait() == -signal.SIGABRT


def test_start_delay_and_exit_by_itself():
    environment = {"START_DELAY_MS": "400", "EXIT_AFTER_MS": "900", "EXIT_CODE": "3"}
    with Backend(PROGRAM, env=environment) as backend:
        assert backend.start_s > 0.4
        assert backend.wait() == 3


def test_it_can_end_before_it_ever_listened():
    environment = {"START_DELAY_MS": "60000", "EXIT_AFTER_MS": "100", "EXIT_CODE": "9"}
    with pytest.raises(AssertionError, match="exited with 9 "):
        Backend(PROGRAM, env=environment)


@pytest.mark.parametrize("name, value", [
    ("PORT", "70000"), ("PORT", "x"), ("HOST", "nowhere"), ("START_DELAY_MS", "-1"), ("EXIT_CODE", "256")])
def test_a_wrong_environment_is_an_error(name, value, capfd):
    with pytest.raises(AssertionError, match="exited with 2 "):
        Backend(PROGRAM, env={name: value})
    assert "%s=%s is not" % (name, value) in capfd.readouterr().err


def test_a_port_in_use_is_an_error(echo, capfd):
    with pytest.raises(AssertionError, match="exited with 1 "):
        Backend(PROGRAM, env={"PORT": str(echo.address[1])})
    assert "cannot listen on 127.0.0.1:%d: Address already in use" % echo.address[1] in capfd.readouterr().err


def test_ignored_sigterm():
    with Backend(PROGRAM, env={"IGNORE_SIGTERM": "1"}) as backend:
        backend.process.send_signal(signal.SIGTERM)
        assert fetch(backend, "healthz")[2] == b"ok\n"
        assert backend.stop(signal.SIGKILL) == -signal.SIGKILL


@pytest.mark.parametrize("size", [0, 1, 125, 126, 65535, 65536, 5_000_000, MESSAGE_BYTES_MAX])
def test_websocket_echoes_any_size(echo, size):
    async def run():
        async with websockets.connect(echo.websocket_url(), compression=None, max_size=None) as link:
            for message in (os.urandom(size), "x" * size):
                await link.send(message)
                assert await asyncio.wait_for(link.recv(), 20) == message

    asyncio.run(run())


def test_websocket_message_above_the_bound_closes_with_1009(echo):
    assert asyncio.run(close_code(echo.websocket_url(), b"x" * (MESSAGE_BYTES_MAX + 1)))[0] == 1009


def test_websocket_closes_with_the_code_asked_for(echo):
    url = echo.websocket_url("ws/close?code=4005")
    assert asyncio.run(close_code(url, "now")) == (4005, "as you asked")


def test_silent_websocket_sends_nothing_and_stays(echo):
    """On the bare socket, so that a ping would show as well."""
    with socket.create_connection(echo.address, timeout=5) as client:
        client.sendall(UPGRADE_REQUEST % b"/ws/silent")
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            answer += client.recv(1)
        assert b" 101 " in answer and b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" in answer
        client.sendall(b"\x81\x82\x00\x00\x00\x00hi")
        client.settimeout(1.5)
        with pytest.raises(socket.timeout):
            client.recv(1)


def test_many_sockets_lose_nothing(echo):
    async def run():
        fleet = EchoFleet([echo.websocket_url()] * 200, interval_s=0.05, payload_bytes=200)
        async with fleet.running():
            await asyncio.sleep(2)
        print(fleet.summary())
        fleet.check()
        assert fleet.received == fleet.sent

    asyncio.run(run())


def test_the_fleet_notices_a_death():
    """The helper itself: were it blind, the tests that use it could not fail."""

    async def run():
        with Backend(PROGRAM) as backend:
            fleet = EchoFleet([backend.websocket_url()] * 3, interval_s=0.01)
            async with fleet.running():
                backend.stop(signal.SIGKILL)
                await asyncio.sleep(0.2)
        assert sorted(fault.socket for fault in fleet.faults) == [0, 1, 2]
        with pytest.raises(AssertionError, match="closed"):
            fleet.check()

    asyncio.run(run())


@pytest.mark.parametrize("fault", ["lost", "repeated", "changed"])
def test_the_fleet_notices_a_message_that_is(fault):
    async def serve(link):
        count = 0
        async for message in link:
            count += 1
            if count == 5 and fault == "lost":
                continue
            await link.send(b"x" if count == 5 and fault == "changed" else message)
            if count == 5 and fault == "repeated":
                await link.send(message)

    async def run():
        async with websockets.serve(serve, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            fleet = EchoFleet(["ws://127.0.0.1:%d/" % port], interval_s=0.01)
            async with fleet.running():
                await asyncio.sleep(0.5)
            with pytest.raises(AssertionError, match="expected"):
                fleet.check()

    asyncio.run(run())


def test_sigterm_closes_websockets_and_idle_connections_and_exits_at_once():
    async def run():
        with Backend(PROGRAM) as backend:
            idle = http.client.HTTPConnection(*backend.address, timeout=5)
            idle.request("GET", "/healthz")
            idle.getresponse().read()
            async with websockets.connect(backend.websocket_url("ws/silent")) as one, \
                    websockets.connect(backend.websocket_url("ws")) as two:
                start = time.monotonic()
                backend.process.send_signal(signal.SIGTERM)
                await asyncio.gather(one.wait_closed(), two.wait_closed())
                code = await asyncio.to_thread(backend.wait)
                assert (one.close_code, two.close_code, code) == (1001, 1001, 0)
                assert time.monotonic() - start < 0.8
            assert idle.sock.recv(1) == b""
            idle.close()

    asyncio.run(run())


def test_sigterm_waits_for_answers_but_not_for_long():
    with Backend(PROGRAM) as backend:
        with socket.create_connection(backend.address, timeout=5) as quick, \
                socket.create_connection(backend.address, timeout=5) as endless:
            quick.sendall(b"GET /longpoll?ms=300 HTTP/1.1\r\nHost: h\r\n\r\n")
            endless.sendall(b"GET /sse HTTP/1.1\r\nHost: h\r\n\r\n")
            assert endless.recv(100).startswith(b"HTTP/1.1 200")
            start = time.monotonic()
            assert backend.stop() == 0
            assert 0.9 < time.monotonic() - start < 3.0
            answer = b""
            while piece := quick.recv(1000):
                answer += piece
            assert answer.endswith(b'{"waited_ms":300}\n')


def test_sigterm_during_the_start_delay_ends_it():
    environment = {"START_DELAY_MS": "60000"}
    with pytest.raises(AssertionError, match="exited with 0 "):
        Backend(PROGRAM, env=environment, terminate_after_s=0.3)
