"""Every end has its reason, exit code and message, within its deadline."""

import asyncio
import time

import aiohttp
import grpc
import pytest

from tests.support import traffic
from tests.support.system import reason_name


@pytest.mark.parametrize("path,reason,codes", [
    ("exit?code=0", "EXITED", [0]), ("exit?code=3", "CRASHED", [3]),
    # SIGABRT; as pid 1 of a container, which that signal does not end, abort() faults: SIGSEGV.
    ("crash", "CRASHED", [134, 139])])
def test_backend_leaves(system, path, reason, codes):
    connected = system.connect("leaves-" + path)

    async def trigger():
        assert (await traffic.fetch(system.url(connected)))[0] == 200
        return await traffic.fetch(system.url(connected, path))

    status, _ = asyncio.run(trigger())
    # exit answers before it leaves; of a crash the proxy hears by its connection, or by the session's end.
    assert status == 200 if path.startswith("exit") else status in (502, 410)
    ended = system.wait_ended(connected.session.name, timeout=10)
    assert reason_name(ended) == reason
    assert ended.exit_code in codes
    assert ended.message


def test_a_waiting_browser_hears_of_a_crash_at_start(system):
    connected = system.connect("crash-at-start", env={
        "START_DELAY_MS": "60000", "EXIT_AFTER_MS": "700", "EXIT_CODE": "9"})
    status, text = asyncio.run(traffic.fetch(system.url(connected)))
    assert status == 410, text
    ended = system.wait_ended(connected.session.name, timeout=10)
    assert (reason_name(ended), ended.exit_code) == ("CRASHED", 9)


def test_what_a_backend_wrote_is_for_callers_of_the_api_not_for_visitors(system):
    connected = system.connect("talks", env={"START_DELAY_MS": "confidential"})
    status, text = asyncio.run(traffic.fetch(system.url(connected)))
    assert status == 410 and "exit code 2" in text and "confidential" not in text, text
    ended = system.wait_ended(connected.session.name, timeout=10)
    assert "START_DELAY_MS=confidential is not a number" in ended.message


def test_start_timeout(system):
    begin = time.monotonic()
    connected = system.connect("never-ready", env={"START_DELAY_MS": "60000"}, start_timeout=2)
    status, text = asyncio.run(traffic.fetch(system.url(connected)))
    assert status == 410, text
    assert time.monotonic() - begin < 6
    ended = system.wait_ended(connected.session.name, timeout=10)
    assert reason_name(ended) == "START_TIMEOUT"


def test_terminate_soft_then_sigkill_after_stop_grace(system):
    connected = system.connect("stubborn", env={"IGNORE_SIGTERM": "1"}, stop_grace=1)
    assert asyncio.run(traffic.fetch(system.url(connected)))[0] == 200
    system.terminate(connected.session.name)
    ended = system.wait_ended(connected.session.name, timeout=12)
    assert (reason_name(ended), ended.exit_code) == ("REQUESTED", 137)


async def close_code(system, connected, then=None):
    """The code of the close frame that ends a silent WebSocket once `then` was done."""
    async with aiohttp.ClientSession() as client:
        async with client.ws_connect(
                system.url(connected, "ws/silent", websocket=True)) as socket:
            if then:
                await asyncio.to_thread(then)
            message = await asyncio.wait_for(socket.receive(), 8)
            assert message.type == aiohttp.WSMsgType.CLOSE, message
            return message.data


def test_terminate_closes_websockets_with_1001(system):
    connected = system.connect("closes")
    code = asyncio.run(close_code(
        system, connected, lambda: system.terminate(connected.session.name)))
    assert code == 1001
    assert reason_name(system.wait_ended(connected.session.name)) == "REQUESTED"


def test_hard_terminate_does_not_wait(system):
    connected = system.connect("hard", env={"IGNORE_SIGTERM": "1"}, stop_grace=30)
    assert asyncio.run(traffic.fetch(system.url(connected)))[0] == 200
    system.terminate(connected.session.name, hard=True)
    assert reason_name(system.wait_ended(connected.session.name, timeout=8)) == "REQUESTED"


def test_max_lifetime_ends_a_used_session(system):
    # A backend that closes its own sockets on SIGTERM may be faster than the proxy.
    connected = system.connect("limited", max_lifetime=2, env={"IGNORE_SIGTERM": "1"})

    code = asyncio.run(close_code(system, connected))
    assert reason_name(system.wait_ended(connected.session.name)) == "MAX_LIFETIME"
    assert code == 4002


def test_an_ended_session_is_gone_after_its_retention(system):
    connected = system.connect("forgotten", retention=1)
    assert asyncio.run(traffic.fetch(system.url(connected)))[0] == 200
    system.terminate(connected.session.name)
    system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=5)
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            system.get(connected.session.name)
        except grpc.RpcError as error:
            assert error.code() == grpc.StatusCode.NOT_FOUND
            return
        time.sleep(0.05)
    raise AssertionError("still there 10 s after a retention of 1 s")
