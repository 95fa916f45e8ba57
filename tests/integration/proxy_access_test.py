"""Who may connect: revocations, renewal, caps and the controller's time, through the proxy's binary."""

import asyncio
import time

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.fake_controller import FakeController
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"


@pytest.fixture(scope="module")
def echo():
    with Backend(ECHO) as backend:
        yield backend


@pytest.fixture
def controller():
    with FakeController() as fake:
        fake.renewal_secret = b"s" * 32
        yield fake


@pytest.fixture
def proxy(controller, tmp_path):
    with Proxy(controller.address, tmp_path / "proxy.log", ["--workers=2"]) as running:
        wait_for(lambda: running.request("/readyz", admin=True)[0] == 200, running.log)
        yield running


def guarded(controller, echo, public=False, **access):
    route = controller.route("a", "OPEN", echo.address, public=public)
    for name, value in access.items():
        if isinstance(value, list):
            getattr(route.access, name).extend(value)
        else:
            setattr(route.access, name, value)
    controller.acked(controller.put(route))
    return route


def bearer(token):
    return {"Authorization": "Bearer " + token}


def test_a_pushed_revocation_closes_that_grants_connections_within_a_second(controller, proxy, echo):
    route = guarded(controller, echo)
    ada = controller.key.token("a", grant="g-ada")
    ben = controller.key.token("a", user="ben", grant="g-ben")

    async def visit():
        url = proxy.websocket_url("a", "ws/silent")
        sockets = [await websockets.connect(url, extra_headers=bearer(ada)) for _ in range(8)]
        stays = await websockets.connect(proxy.websocket_url("a"), extra_headers=bearer(ben))
        route.revoked_grants.append("g-ada")
        start = time.monotonic()
        version = controller.put(route)
        await asyncio.gather(*(asyncio.wait_for(socket.wait_closed(), 5) for socket in sockets))
        took = time.monotonic() - start
        assert {socket.close_code for socket in sockets} == {4003}
        await stays.send("still here")
        assert await stays.recv() == "still here"
        await stays.close()
        await asyncio.to_thread(controller.acked, version)
        return took

    took = asyncio.run(visit())
    print("closed %d ms after the push" % (took * 1000))
    assert took < 1
    assert proxy.request("/s/a/", headers=bearer(ada))[0] == 401
    assert proxy.request("/s/a/?spawner_token=" + ada)[0] == 401
    assert proxy.request("/s/a/", headers=bearer(ben))[0] == 200
    # A proxy that comes later knows it too, with its first table.
    controller.cut()
    wait_for(lambda: proxy.metric("spawner_proxy_link_up") == 1)
    assert proxy.request("/s/a/", headers=bearer(ada))[0] == 401


def test_a_browser_stays_in_past_its_tokens_end_and_is_renewed(controller, proxy, echo):
    guarded(controller, echo)
    token = controller.key.token("a", ttl_s=2)
    status, headers, _ = proxy.request("/s/a/?spawner_token=" + token, headers={"Accept": "text/html"})
    assert status == 302
    cookie = headers["Set-Cookie"].split(";")[0]
    assert "Max-Age=604800" in headers["Set-Cookie"]
    time.sleep(2.1)  # the token's end, in whole seconds of a wall clock
    assert proxy.request("/s/a/", headers=bearer(token))[0] == 401
    assert proxy.request("/s/a/", headers={"Cookie": "spawner=" + token})[0] == 401
    status, headers, text = proxy.request("/s/a/headers", headers={"Cookie": cookie})
    assert status == 200 and "ada" in text and token not in text
    assert "Set-Cookie" not in headers
    # Four days later by the controller's clock it is renewed; eight days later it is too late.
    controller.clock_ahead_s = 4 * 86400
    controller.cut()
    wait_for(lambda: "Set-Cookie" in proxy.request("/s/a/", headers={"Cookie": cookie})[1])
    renewed = proxy.request("/s/a/", headers={"Cookie": cookie})[1]["Set-Cookie"].split(";")[0]
    controller.clock_ahead_s = 8 * 86400
    controller.cut()
    wait_for(lambda: proxy.request("/s/a/", headers={"Cookie": cookie})[0] == 401)
    assert proxy.request("/s/a/", headers={"Cookie": renewed})[0] == 200


@pytest.mark.parametrize("ahead_s", [-3600, 3600])
def test_expiry_is_judged_in_the_controllers_time(ahead_s, tmp_path, echo):
    with FakeController() as controller:
        controller.clock_ahead_s = ahead_s  # this machine's clock, and so the proxy's, is wrong by an hour
        with Proxy(controller.address, tmp_path / "proxy.log") as proxy:
            wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
            guarded(controller, echo)
            true_now = time.time() + ahead_s
            good = controller.key.token("a", now_s=true_now, ttl_s=60)
            over = controller.key.token("a", now_s=true_now - 61, ttl_s=60)
            assert proxy.request("/s/a/", headers=bearer(good))[0] == 200
            assert proxy.request("/s/a/", headers=bearer(over))[0] == 401


def test_the_cap_is_exact_over_all_workers(controller, proxy, echo):
    guarded(controller, echo, public=True, max_connections=5)

    async def visit():
        async def enter():
            socket = await websockets.connect(proxy.websocket_url("a"))
            try:
                await socket.send("x")
                await asyncio.wait_for(socket.recv(), 5)
                return socket, None
            except websockets.ConnectionClosed:
                return socket, socket.close_code

        entered = await asyncio.gather(*(enter() for _ in range(40)))
        codes = [code for _, code in entered]
        assert codes.count(None) == 5 and codes.count(1013) == 35, codes
        status, headers, _ = await asyncio.to_thread(proxy.request, "/s/a/")
        assert status == 429 and headers["Retry-After"]
        for socket, _ in entered:
            await socket.close()

    asyncio.run(visit())
    wait_for(lambda: proxy.request("/s/a/")[0] == 200)


def test_a_flood_of_bad_tokens_is_cut_short(controller, proxy, echo):
    guarded(controller, echo)
    token = controller.key.token("a")
    assert proxy.request("/s/a/", headers=bearer(token))[0] == 200
    statuses = [proxy.request("/s/a/", headers=bearer(token[:-10] + "%010d" % i))[0] for i in range(300)]
    assert set(statuses) == {401, 429}
    assert statuses.count(429) > 100
    # On the worker that knows it; the other may have to say 429 as well, and no user is a flood.
    assert 200 in {proxy.request("/s/a/", headers=bearer(token))[0] for _ in range(10)}
