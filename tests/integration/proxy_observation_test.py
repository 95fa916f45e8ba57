"""What the proxy's binary tells of itself: the access log, its rotation, /debug/connections, metrics."""

import asyncio
import json
import os
import signal
import socket
import threading

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.fake_controller import FakeController
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"
TRACE = "0af7651916cd43dd8448eb211c80319c"


class World:
    def __init__(self, proxy, controller, echo, log):
        self.proxy, self.controller, self.echo, self.log = proxy, controller, echo, log

    def route(self, session, state, **fields):
        address = self.echo.address if state == "OPEN" else None
        route = self.controller.route(session, state, address, **fields)
        self.controller.acked(self.controller.put(route))

    def lines(self, path=None):
        """All lines so far; each must be whole and JSON."""
        with open(path or self.log, encoding="utf-8") as log:
            return [json.loads(line) for line in log.read().splitlines()]

    def line(self, **wanted):
        """The line for which these fields are so."""
        found = []

        def is_there():
            found[:] = [line for line in self.lines() if wanted.items() <= line.items()]
            return found

        wait_for(is_there, lambda: self.lines()[-5:])
        return found[-1]


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    directory = tmp_path_factory.mktemp("proxy")
    log = str(directory / "access.log")
    with Backend(ECHO) as echo, FakeController() as controller, \
            Proxy(controller.address, directory / "proxy.log",
                  ["--workers=2", "--access-log=" + log, "--traceparent=make", "--server-timing"]) as proxy:
        wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
        yield World(proxy, controller, echo, log)


async def greet(url, token):
    async with websockets.connect(url, subprotocols=["spawner", token]) as stream:
        await stream.send("hello")
        assert await stream.recv() == "hello"


def test_a_line_per_request_and_no_secret_in_it(world):
    world.route("a", "OPEN", public=False)
    token = world.controller.key.token("a")
    secret = token.rsplit(".", 1)[1]
    for target, headers in (
            ("/s/a/headers?spawner_token=" + token, {}),
            ("/s/a/headers?" + token, {"Cookie": "spawner=" + token}),
            ("/s/a/headers", {"Authorization": "Bearer " + token}),
            ("/s/a/headers?spawner_token=" + token, {"Accept": "text/html"})):
        status, answered, text = world.proxy.request(target, headers=headers)
        assert status in (200, 302)
        if status == 200:
            assert answered["Server-Timing"].startswith("backend;dur=")
            seen = text
    line = world.line(path="/s/a/headers", status=200)
    assert (line["session"], line["method"], line["client"], line["protocol"], line["tls"]) == (
        "a", "GET", "127.0.0.1", "HTTP/1.1", False)
    assert line["bytes_in"] == 0 and line["bytes_out"] == len(seen)
    assert line["total_ms"] >= line["upstream_ms"] >= 0
    # A trace began here: the backend has its id.
    assert "-%s-" % line["trace"] in seen
    assert world.line(path="/s/a/headers?spawner_token=*", status=302)["session"] == "a"
    assert world.line(path="/s/a/headers?*")["status"] == 200
    asyncio.run(greet(world.proxy.websocket_url("a"), token))
    assert world.line(path="/s/a/ws", status=101)["session"] == "a"
    # 401 without a token is the proxy's own.
    assert world.proxy.request("/s/a/")[0] == 401
    assert world.line(status=401)["reason"] == "TOKEN_INVALID"
    with open(world.log, encoding="utf-8") as log:
        assert secret not in log.read()
    assert secret not in world.proxy.log()


def test_a_clients_trace_is_passed_on(world):
    world.route("b", "OPEN")
    parent = "00-%s-b7ad6b7169203331-00" % TRACE
    _, _, text = world.proxy.request("/s/b/headers", headers={"traceparent": parent, "tracestate": "x=1"})
    assert parent in text and "x=1" in text
    assert world.line(trace=TRACE)["session"] == "b"


def test_lines_stay_json_whatever_bytes_come(world):
    world.route("g", "OPEN")
    for target in (b"/s/g/\xc3\x28\xff", b"/s/g/\\\"x", b"/s/g/\x01", b"/s/g/%0d%0a%22", b"/s/g/?\xe2\x82"):
        with socket.create_connection(world.proxy.address, timeout=10) as client:
            client.sendall(b"GET " + target + b" HTTP/1.1\r\nHost: g\r\nConnection: close\r\n\r\n")
            while client.recv(4096):
                pass

    def statuses():
        return [line["status"] for line in world.lines()
                if line.get("session") == "g" or line.get("reason") == "MALFORMED_REQUEST"]

    wait_for(lambda: len(statuses()) == 5, statuses)
    assert set(statuses()) <= {200, 400, 404} and 400 in statuses()


def test_a_held_request_and_a_websocket_are_seen_while_they_last_and_logged_at_their_end(world):
    world.route("c", "OPEN")
    world.route("d", "HOLD", phase="PULLING")
    held = threading.Thread(target=lambda: world.proxy.request("/s/d/headers"))
    held.start()

    def debug(query=""):
        status, headers, text = world.proxy.request("/debug/connections" + query, admin=True)
        assert (status, headers["Content-Type"]) == (200, "application/json")
        return json.loads(text)

    async def talk():
        async with websockets.connect(world.proxy.websocket_url("c")) as stream:
            await stream.send("hello")
            assert await stream.recv() == "hello"
            return await asyncio.to_thread(debug)

    wait_for(lambda: world.proxy.metric("spawner_proxy_held_requests") == 1)
    seen = asyncio.run(talk())
    assert sorted((c["session"], c["kind"], c["phase"]) for c in seen["connections"]) == [
        ("c", "websocket", "open"), ("d", "request", "held")]
    assert not seen["has_more"] and [w["worker"] for w in seen["workers"]] == [0, 1]
    assert sum(w["held"] for w in seen["workers"]) == 1
    (one,) = debug("?session=d")["connections"]
    assert (one["client"], one["session"]) == ("127.0.0.1", "d") and one["age_s"] >= 0
    assert debug("?session=nobody")["connections"] == []
    world.route("d", "OPEN")
    held.join()
    line = world.line(session="d")
    assert line["held_ms"] > 0 and line["status"] == 200
    line = world.line(session="c", status=101)
    assert line["bytes_in"] > 5 and line["bytes_out"] > 5


def test_sighup_opens_the_file_anew(world):
    world.route("e", "OPEN")
    assert world.proxy.request("/s/e/headers")[0] == 200
    world.line(session="e")
    os.rename(world.log, world.log + ".1")
    world.proxy.process.send_signal(signal.SIGHUP)
    wait_for(lambda: os.path.exists(world.log))
    assert world.proxy.request("/s/e/headers?second")[0] == 200
    assert world.line(path="/s/e/headers?*")["session"] == "e"
    assert [line["session"] for line in world.lines()] == ["e"]


def test_metrics_of_each_worker_and_of_the_log(world):
    text = world.proxy.request("/metrics", admin=True)[2]
    for name in ("clients", "tunnels", "upstreams", "cpu_seconds_total"):
        for worker in (0, 1):
            assert "\nspawner_proxy_worker_%s{worker=\"%d\"} " % (name, worker) in text
    assert '\nspawner_proxy_access_log_lines_total{outcome="dropped"} 0\n' in text


def test_the_last_lines_are_written_before_it_ends(world):
    world.route("f", "OPEN")
    assert world.proxy.request("/s/f/headers?last")[0] == 200
    world.proxy.process.send_signal(signal.SIGTERM)
    assert world.proxy.process.wait(10) == 0
    assert world.lines()[-1]["session"] == "f"
