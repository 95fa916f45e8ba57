"""The proxy's binary between a scripted controller and a real backend."""

import asyncio
import json
import signal
import threading
import time

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.fake_controller import FakeController, pb, session_pb2
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"


@pytest.fixture(scope="module")
def echo():
    with Backend(ECHO) as backend:
        yield backend


@pytest.fixture
def controller():
    with FakeController() as fake:
        yield fake


@pytest.fixture
def proxy(controller, tmp_path):
    with Proxy(controller.address, tmp_path / "proxy.log", ["--workers=2"]) as running:
        wait_for(lambda: running.request("/readyz", admin=True)[0] == 200, running.log)
        yield running


class Later:
    """A request on a thread of its own; result() waits for it."""

    def __init__(self, proxy, path, **options):
        self._answer = None
        self._thread = threading.Thread(
            target=lambda: setattr(self, "_answer", proxy.request(path, **options)), daemon=True)
        self._thread.start()

    def is_waiting(self):
        return self._thread.is_alive()

    def result(self, timeout_s=10):
        self._thread.join(timeout_s)
        assert self._answer is not None, "no answer"
        return self._answer


def opens(session, count):
    """For FakeController.wait: a report that has `count` open."""
    def condition(message):
        reports = list(message.usage.sessions) + list(message.hello.usage.sessions)
        return any(s.session_id == session and s.open == count for s in reports)
    return condition


def test_is_ready_with_the_first_table_only(tmp_path):
    with FakeController() as controller:
        controller.sends_table = False
        with Proxy(controller.address, tmp_path / "proxy.log", env={
                "POD_NAME": "proxy-7", "POD_UID": "u-1", "POD_NAMESPACE": "edge"}) as proxy:
            _, message = controller.wait(lambda m: m.HasField("hello"))
            hello = message.hello
            assert (hello.proxy_id, hello.pod_name, hello.pod_uid, hello.pod_namespace) == (
                "proxy-7", "proxy-7", "u-1", "edge")
            assert hello.usage.complete and hello.generation > 10**18
            wait_for(lambda: proxy.metric("spawner_proxy_link_up") == 1)
            assert proxy.request("/readyz", admin=True)[0] == 503
            controller.send_table()
            controller.acked(1)
            wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200)
            assert proxy.metric("spawner_proxy_route_version") == 1


def test_holds_until_the_backend_is_there(controller, proxy, echo):
    controller.put(controller.route("a", "HOLD"))
    held = Later(proxy, "/s/a/headers")
    _, report = controller.wait(opens("a", 1))
    assert report.usage.sessions[0].held == 1
    assert held.is_waiting()
    controller.put(controller.route("a", "OPEN", echo.address))
    status, _, text = held.result()
    assert status == 200
    seen = dict(json.loads(text)["headers"])
    assert {k.lower(): v for k, v in seen.items()}["spawner-session"] == "a"


def test_asks_for_an_id_it_does_not_know(controller, proxy, echo):
    status, _, _ = proxy.request("/s/nobody/")
    assert status == 404
    controller.known["young"] = controller.route("young", "OPEN", echo.address)
    assert proxy.request("/s/young/")[0] == 200


def test_a_closed_gate_counts_what_is_open_and_holds_what_comes(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address))

    async def visit():
        async with websockets.connect(proxy.websocket_url("a")) as socket:
            await asyncio.to_thread(controller.wait, opens("a", 1))
            version = controller.put(controller.route("a", "GATED", echo.address))
            gate = await asyncio.to_thread(controller.gate, "a", version)
            assert (gate.open, gate.waiting) == (1, 0)
            waiting = Later(proxy, "/s/a/")
            await socket.send("through the gate")
            assert await socket.recv() == "through the gate"
            assert waiting.is_waiting()
            controller.put(controller.route("a", "OPEN", echo.address))
            assert waiting.result()[0] == 200
        return time.monotonic()

    closed = asyncio.run(visit())
    at, _ = controller.wait(opens("a", 0), since=closed - 0.5)
    assert at - closed < 0.5, "a session that is not used any more is reported at once"
    version = controller.put(controller.route("a", "GATED", echo.address))
    assert controller.gate("a", version).open == 0


def test_an_ended_session_is_gone_and_its_connections_closed(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address))

    async def visit():
        async with websockets.connect(proxy.websocket_url("a", "ws/silent")) as socket:
            controller.put(controller.route("a", "ENDED", reason=session_pb2.IDLE, message="nobody came"))
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            return socket.close_code

    assert asyncio.run(visit()) == 1001
    status, headers, text = proxy.request("/s/a/")
    assert (status, headers["Spawner-Reason"]) == (410, "IDLE")
    controller.acked(controller.put(controller.route("a", "OPEN", echo.address, epoch=2)))
    assert proxy.request("/s/a/")[0] == 200
    controller.acked(controller.put(controller.route("a", "ENDED", epoch=1)))  # an older incarnation
    assert proxy.request("/s/a/")[0] == 200


def test_with_the_link_down_everything_goes_on(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address))

    async def visit():
        async with websockets.connect(proxy.websocket_url("a")) as socket:
            await asyncio.to_thread(controller.wait, opens("a", 1))
            controller.refuses = True
            cut_at = time.monotonic()
            controller.cut()
            await asyncio.to_thread(wait_for, lambda: proxy.metric("spawner_proxy_link_up") == 0)
            while time.monotonic() < cut_at + 3:
                await socket.send("hello")
                assert await asyncio.wait_for(socket.recv(), 5) == "hello"
                assert (await asyncio.to_thread(proxy.request, "/s/a/"))[0] == 200
                await asyncio.sleep(0.1)
            status, headers, _ = await asyncio.to_thread(proxy.request, "/s/stranger/")
            assert status == 503 and int(headers["Retry-After"]) >= 1
            assert proxy.request("/readyz", admin=True)[0] == 200
            controller.refuses = False
            _, message = await asyncio.to_thread(
                controller.wait, lambda m: m.HasField("hello"), cut_at)
            assert message.hello.leadership == 1
            assert message.hello.route_version == controller.version
            assert opens("a", 1)(message)
            await asyncio.to_thread(wait_for, lambda: proxy.metric("spawner_proxy_link_up") == 1)
            await socket.send("still here")
            assert await socket.recv() == "still here"

    asyncio.run(visit())


def test_finds_the_leader_behind_a_standby(echo, tmp_path):
    with FakeController(leadership=3) as leader, FakeController(leadership=3) as standby:
        leader.put(leader.route("a", "OPEN", echo.address))
        standby.not_leader = pb.NotLeader(leader_address=leader.address, leadership=3)
        with Proxy(standby.address, tmp_path / "proxy.log") as proxy:
            wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
            assert proxy.request("/s/a/")[0] == 200


def test_leaves_when_its_last_connection_is_closed(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address))

    async def visit():
        async with websockets.connect(proxy.websocket_url("a")) as socket:
            await asyncio.to_thread(controller.wait, opens("a", 1))
            proxy.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(controller.wait, lambda m: m.HasField("leaving"))
            await socket.send("last words")
            assert await socket.recv() == "last words"
            assert proxy.process.poll() is None

    asyncio.run(visit())
    controller.wait(opens("a", 0))
    assert proxy.process.wait(5) == 0


# --- grants ---


@pytest.fixture
def guarded(controller, proxy, echo):
    """Session "a", which needs a token."""
    controller.acked(controller.put(controller.route("a", "OPEN", echo.address, public=False)))
    return controller


def test_a_browser_gets_a_cookie_for_its_token(guarded, proxy):
    token = guarded.key.token("a", user="ada", claims={"role": "editor"}, ttl_s=600)
    status, headers, _ = proxy.request("/s/a/headers?x=1&spawner_token=%s&y" % token,
                                       headers={"Accept": "text/html,*/*;q=0.8"})
    assert (status, headers["Location"]) == (302, "/s/a/headers?x=1&y")
    cookie, *attributes = headers["Set-Cookie"].split("; ")
    assert cookie == "spawner=" + token
    assert sorted(a for a in attributes if not a.startswith("Max-Age=")) == [
        "HttpOnly", "Path=/s/a/", "SameSite=Lax"]

    status, _, text = proxy.request(headers["Location"], headers={
        "Cookie": "theme=dark; " + cookie, "Spawner-User": "root", "X-Verified-Username": "root"})
    assert status == 200
    seen = json.loads(text)
    fields = [(name.lower(), value) for name, value in seen["headers"]]
    assert seen["target"] == "/headers?x=1&y"
    assert [v for k, v in fields if k == "cookie"] == ["theme=dark"]
    assert [v for k, v in fields if k == "spawner-user"] == ["ada"]
    assert [v for k, v in fields if k == "x-verified-username"] == ["ada"]
    assert [json.loads(v) for k, v in fields if k == "spawner-claims"] == [{"role": "editor"}]
    assert [v for k, v in fields if k == "x-verified-path"] == ["/s/a/headers"]
    assert token not in text and token not in proxy.log()


def test_programs_bring_it_with_each_request(guarded, proxy):
    token = guarded.key.token("a")
    status, _, text = proxy.request("/s/a/headers", headers={"Authorization": "Bearer " + token})
    assert status == 200 and token not in text
    status, _, text = proxy.request("/s/a/headers?spawner_token=" + token)
    assert status == 200 and json.loads(text)["target"] == "/headers"

    async def visit(**options):
        async with websockets.connect(proxy.websocket_url("a"), **options) as socket:
            await socket.send("hello")
            return await socket.recv(), socket.subprotocol

    assert asyncio.run(visit(subprotocols=["spawner", token])) == ("hello", "spawner")
    assert asyncio.run(visit(extra_headers={"Cookie": "spawner=" + token}))[0] == "hello"
    with pytest.raises(websockets.InvalidStatusCode) as refused:
        asyncio.run(visit())
    assert refused.value.status_code == 401


def test_what_is_no_good_token_is_refused(guarded, proxy):
    forged = guarded.key.token("a")[:-4] + "AAAA"
    for token, status in [("", 401), ("x", 401), (forged, 401),
                          (guarded.key.token("a", ttl_s=0), 401), (guarded.key.token("b"), 403),
                          (guarded.key.token("a", namespace="other"), 403)]:
        for answer in (proxy.request("/s/a/?spawner_token=" + token),
                       proxy.request("/s/a/", headers={"Authorization": "Bearer " + token})):
            assert answer[0] == status, token
            assert len(token) < 9 or token not in answer[2]


@pytest.mark.parametrize("ahead_s", [3600, -3600])
def test_expiry_is_judged_in_the_controllers_time(ahead_s, echo, tmp_path):
    with FakeController() as controller:
        controller.clock_ahead_s = ahead_s
        controller.put(controller.route("a", "OPEN", echo.address, public=False))
        with Proxy(controller.address, tmp_path / "proxy.log") as proxy:
            wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
            for offset_s, status in [(-600, 401), (600, 200)]:  # from the controller's now
                token = controller.key.token("a", now_s=time.time() + ahead_s + offset_s, ttl_s=0)
                assert proxy.request("/s/a/?spawner_token=" + token)[0] == status


def test_tells_the_controller_what_is_open(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address, public=False),
                   controller.route("b", "HOLD"))
    token = controller.key.token("a", user="ada")

    async def visit():
        url = proxy.websocket_url("a") + "?spawner_token=" + token
        async with websockets.connect(url) as socket:
            await asyncio.to_thread(controller.wait, opens("a", 1))
            await socket.send("hello")
            await socket.recv()
            held = Later(proxy, "/s/b/")
            await asyncio.to_thread(controller.wait, opens("b", 1))
            await asyncio.sleep(1)
            controller.inspect(7, "a")
            controller.inspect(8, "b")
            _, message = await asyncio.to_thread(
                controller.wait, lambda m: m.HasField("inspected") and m.inspected.sequence == 7)
            (found,) = message.inspected.connections
            assert (found.kind, found.user, found.peer) == (2, "ada", "127.0.0.1")  # a WebSocket
            assert found.bytes > 10
            assert found.age.ToTimedelta() >= found.idle_for.ToTimedelta() >= found.age.ToTimedelta() / 2
            _, message = await asyncio.to_thread(
                controller.wait, lambda m: m.HasField("inspected") and m.inspected.sequence == 8)
            assert [c.kind for c in message.inspected.connections] == [4]  # held
            controller.put(controller.route("b", "OPEN", echo.address))
            assert held.result()[0] == 200

    asyncio.run(visit())


def test_leaves_when_the_controller_tells_it_to(controller, proxy, echo):
    controller.put(controller.route("a", "OPEN", echo.address))

    async def visit():
        async with websockets.connect(proxy.websocket_url("a")) as socket:
            await asyncio.to_thread(controller.wait, opens("a", 1))
            controller.drain(1)
            await asyncio.to_thread(controller.wait, lambda m: m.HasField("leaving"))
            await socket.send("last words")
            assert await socket.recv() == "last words"
            assert (await asyncio.to_thread(proxy.request, "/readyz", admin=True))[0] == 503
            with pytest.raises(websockets.ConnectionClosed):
                await asyncio.wait_for(socket.recv(), 5)
            return socket.close_code

    assert asyncio.run(visit()) == 1012
    assert proxy.process.wait(5) == 0
