"""Grants on a running Spawner: further users, links for one use, and access that is taken back."""

import asyncio
import itertools
import time
import urllib.error
import urllib.request

import grpc
import pytest
import websockets

from tests.support import api

CLOSED_S = 1.0  # at each connected proxy
USERS = 40
unique = itertools.count()


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


OPENER = urllib.request.build_opener(NoRedirect)


def get(url, headers=None):
    """(status, headers, body)."""
    try:
        with OPENER.open(urllib.request.Request(url, headers=headers or {}), timeout=15) as answer:
            return answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def create_grant(system, connected, user="ben", request_id="", **grant):
    pb = api.sessions_pb2
    answer = system.api.sessions.CreateGrant(pb.CreateGrantRequest(
        name=connected.session.name, request_id=request_id,
        grant=pb.GrantSpec(user=user, **grant)), timeout=10)
    return answer


def revoke(system, connected, **what):
    return system.api.sessions.RevokeGrant(api.sessions_pb2.RevokeGrantRequest(
        name=connected.session.name, **what), timeout=10)


def url(system, connected, token, path="", proxy=0, websocket=False):
    address = system.url(connected, path, proxy, websocket, token=False)
    return address + ("&" if "?" in address else "?") + "spawner_token=" + token


def ready(system, key, **options):
    connected = system.connect("%s-%d" % (key, next(unique)), **options)
    system.wait_state(connected.session.name, "READY")
    return connected


def test_a_further_user_gets_in_and_a_retry_gives_the_same_grant(system):
    connected = ready(system, "further")
    first = create_grant(system, connected, request_id="r1")
    again = create_grant(system, connected, request_id="r1")
    other = create_grant(system, connected, request_id="r2")
    assert first.grant_id == again.grant_id != other.grant_id
    assert 3590 < first.expire_time.seconds - time.time() < 3610
    status, _, body = get(url(system, connected, first.token))
    assert status == 200, body
    with pytest.raises(grpc.RpcError) as reused:
        create_grant(system, connected, user="eve", request_id="r1")
    assert api.reason_of(reused.value) == "REQUEST_ID_REUSED"
    system.terminate(connected.session.name)
    with pytest.raises(grpc.RpcError) as ended:
        create_grant(system, connected)
    assert api.reason_of(ended.value) == "SESSION_ENDING"
    assert ended.value.code() == grpc.StatusCode.FAILED_PRECONDITION


def test_what_is_revoked_stays_so_in_the_next_incarnation(system):
    connected = ready(system, "incarnation")
    grants = {user: create_grant(system, connected, user) for user in ("ben", "eve", "joe")}

    def statuses(proxy):
        return {user: get(url(system, connected, grant.token, proxy=proxy))[0]
                for user, grant in grants.items()}

    everybody = range(len(system.proxies))
    for proxy in everybody:
        assert set(statuses(proxy).values()) == {200}
    assert list(revoke(system, connected, grant_id=grants["ben"].grant_id).pending_proxies) == []
    for proxy in everybody:
        assert statuses(proxy) == {"ben": 401, "eve": 200, "joe": 200}
    assert list(revoke(system, connected, user="eve").pending_proxies) == []
    for proxy in everybody:
        assert statuses(proxy) == {"ben": 401, "eve": 401, "joe": 200}
    # A grant that comes after it is good, in the same second too.
    grants["new"] = create_grant(system, connected, "eve")
    assert statuses(0) == {"ben": 401, "eve": 401, "joe": 200, "new": 200}
    system.terminate(connected.session.name)
    system.wait_ended(connected.session.name)
    key = connected.session.key.name
    again = system.connect(key)
    assert again.session.epoch > connected.session.epoch
    system.wait_state(again.session.name, "READY")
    for proxy in everybody:
        assert statuses(proxy) == {"ben": 401, "eve": 401, "joe": 200, "new": 200}
    assert list(revoke(system, connected, all=True).pending_proxies) == []
    for proxy in everybody:
        assert set(statuses(proxy).values()) == {401}
        assert get(url(system, connected, again.token, proxy=proxy))[0] == 401
    assert get(url(system, connected, create_grant(system, again).token))[0] == 200


def test_a_link_for_one_use(system):
    connected = ready(system, "once")
    link = url(system, connected, create_grant(system, connected, one_time=True).token, "?a=1")
    page = {"Accept": "text/html,application/xhtml+xml"}
    status, headers, _ = get(link, page)
    assert status == 302
    cookie = headers["Set-Cookie"].split(";")[0]
    assert get(link, page)[0] == 401
    assert get(link.replace(*[address.split("//")[1] for address in system.proxies[:2]]), page)[0] == 401
    # The browser goes on, and may reload the link.
    for address in (system.url(connected, token=False), link):
        status, _, body = get(address, {"Cookie": cookie})
        assert status in (200, 302), body
    # Of many at once one gets in.
    token = create_grant(system, connected, one_time=True).token

    async def rush():
        return await asyncio.gather(*[
            asyncio.to_thread(get, url(system, connected, token, proxy=number % len(system.proxies)))
            for number in range(20)])

    answers = [status for status, _, _ in asyncio.run(rush())]
    assert sorted(answers) == [200] + 19 * [401]


def test_live_connections_are_closed_within_a_second_at_each_proxy(system, capsys):
    """Prints how long it takes from the call to the close frame at the client."""
    connected = ready(system, "latency")

    async def closed(socket):
        with pytest.raises(websockets.ConnectionClosed):
            while True:
                await socket.recv()
        return socket.close_code, time.monotonic()

    async def one(number):
        user = "user-%d" % number
        grant = await asyncio.to_thread(create_grant, system, connected, user)
        sockets = [await websockets.connect(
            url(system, connected, grant.token, "ws", proxy, websocket=True), compression=None,
            ping_interval=None) for proxy in range(len(system.proxies))]
        waiting = [asyncio.create_task(closed(socket)) for socket in sockets]
        what = {"grant_id": grant.grant_id} if number % 2 else {"user": user}
        begin = time.monotonic()
        answer = await asyncio.to_thread(revoke, system, connected, **what)
        returned = time.monotonic() - begin
        assert list(answer.pending_proxies) == []
        ends = await asyncio.gather(*waiting)
        assert [code for code, _ in ends] == len(sockets) * [4003]
        return returned, [end - begin for _, end in ends]

    async def run():
        bystander = create_grant(system, connected, "bystander")
        async with websockets.connect(url(system, connected, bystander.token, "ws",
                                          websocket=True)) as socket:
            measured = [await one(number) for number in range(USERS)]
            await socket.send("still there")
            assert await asyncio.wait_for(socket.recv(), 5) == "still there"
        return measured

    measured = asyncio.run(run())
    closes = sorted(close for _, each in measured for close in each)
    returns = sorted(returned for returned, _ in measured)
    with capsys.disabled():
        print("\nrevoke -> close frame, %d WebSockets at %d proxies; revoke -> answer, %d calls:" % (
            len(closes), len(system.proxies), len(returns)))
        print("  %-12s %8s %8s" % ("up to", "closed", "answered"))
        for bound_ms in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000):
            print("  %6d ms    %8d %8d" % (bound_ms, sum(c * 1e3 <= bound_ms for c in closes),
                                           sum(r * 1e3 <= bound_ms for r in returns)))
            if bound_ms >= 1e3 * max(closes[-1], returns[-1]):
                break
        print("  median %.1f ms, p99 %.1f ms, greatest %.1f ms" % (
            1e3 * closes[len(closes) // 2], 1e3 * closes[len(closes) * 99 // 100], 1e3 * closes[-1]))
    assert closes[-1] < CLOSED_S
    assert returns[-1] < 2.0


def test_keys_rotate_under_open_connections(system):
    connected = ready(system, "keys", grace=30.0)
    before = connected.token
    status, headers, _ = get(url(system, connected, before), {"Accept": "text/html"})
    assert status == 302
    cookie = {"Cookie": headers["Set-Cookie"].split(";")[0]}
    pb = api.admin_pb2

    async def run():
        async with websockets.connect(url(system, connected, before, "ws", websocket=True)) as socket:
            rotation = await asyncio.to_thread(
                system.api.admin.RotateKeys, pb.RotateKeysRequest(), timeout=20)
            assert 86390 < rotation.retire_time.seconds - time.time() < 86410
            after = create_grant(system, connected).token
            assert before.split(".")[0] != after.split(".")[0]
            for proxy in range(len(system.proxies)):
                for token in (before, after):
                    assert get(url(system, connected, token, proxy=proxy))[0] == 200
                assert get(system.url(connected, proxy=proxy, token=False), cookie)[0] == 200
            # At once: what the former keys signed, and the cookies of it, is over.
            request = pb.RotateKeysRequest()
            request.overlap.SetInParent()
            await asyncio.to_thread(system.api.admin.RotateKeys, request, timeout=20)
            # A controller that does not lead signs with the former key for 5 s more.
            deadline = time.monotonic() + 8
            last = create_grant(system, connected).token
            while get(url(system, connected, last))[0] == 401 and time.monotonic() < deadline:
                await asyncio.sleep(0.1)
                last = create_grant(system, connected).token
            for proxy in range(len(system.proxies)):
                assert get(url(system, connected, last, proxy=proxy))[0] == 200
                for token in (before, after):
                    assert get(url(system, connected, token, proxy=proxy))[0] == 401
            await socket.send("still there")
            assert await asyncio.wait_for(socket.recv(), 5) == "still there"

    asyncio.run(run())
    assert get(system.url(connected, token=False), cookie)[0] == 401
