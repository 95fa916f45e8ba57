"""SIGTERM to the controller while clients keep their channels, watches and links open: nobody who
only waits holds it up."""

import datetime
import json
import signal
import time

import grpc
import pytest

from tests.support import api
from tests.support.system import LocalSystem

END_MAX_S = 1.0
RELEASE_MAX_S = 0.3  # of that, until another controller may lead


@pytest.fixture
def system(tmp_path):
    with LocalSystem(tmp_path) as running:
        yield running


def events(log):
    """{event: time of the first one} of the lines of a log."""
    found = {}
    for line in filter(lambda text: text.startswith("{"), log.splitlines()):
        entry = json.loads(line)
        at = datetime.datetime.fromisoformat(entry["time"].replace("Z", "+00:00")).timestamp()
        if entry["event"] == "leadership_changed" and not entry["leads"]:
            found.setdefault("released", at)
        found.setdefault(entry["event"], at)
    return found


def end(system):
    """Seconds from SIGTERM to the end; the exit code must be 0."""
    process = system.processes["controller"]
    start = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    return time.monotonic() - start


def test_idle_channels_watches_and_links_do_not_hold_up_the_end(system):
    session = system.connect("k", grace=30.0).session
    watch = system.api.sessions.WatchSessions(
        api.sessions_pb2.WatchSessionsRequest(parent="namespaces/default"))
    assert next(watch).session.name == session.name
    health = system.api.channel.unary_stream("/grpc.health.v1.Health/Watch")(b"")
    next(health)
    with grpc.insecure_channel(system.grpc) as idle:
        idle.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5)
        took = end(system)
    seen = events(system.log("controller"))
    assert took < END_MAX_S
    # The Lease goes first: another controller leads while this one still says goodbye.
    assert seen["released"] - seen["signal_received"] < RELEASE_MAX_S
    with pytest.raises(grpc.RpcError) as error:
        for _ in watch:
            pass
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert api.reason_of(error.value) == "NO_LEADER"


def test_a_call_that_waits_gets_an_answer(system):
    request = api.sessions_pb2.ConnectRequest(
        parent="namespaces/default", key=api.session_pb2.SessionKey(name="slow"),
        spec=system.spec(env={"START_DELAY_MS": "20000"}), wait_for=api.sessions_pb2.WAIT_FOR_READY)
    call = system.api.sessions.Connect.future(request, timeout=30)
    deadline = time.monotonic() + 10
    while not system.api.sessions.ListSessions(api.sessions_pb2.ListSessionsRequest(
            parent="namespaces/default"), timeout=5).sessions:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert end(system) < 4.0
    assert call.exception(timeout=5).code() in (
        grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)
