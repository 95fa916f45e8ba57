"""A session's log: followed from before its start, and read after its end until its retention is over."""

import asyncio
import threading
import time

import grpc
import pytest

from tests.support import api, traffic

WAIT_S = 15


def request(name, **options):
    return api.sessions_pb2.StreamLogsRequest(name=name, **options)


def read(system, name, **options):
    """The whole log as text."""
    stream = system.api.sessions.StreamLogs(request(name, **options), timeout=WAIT_S)
    return b"".join(response.content for response in stream).decode()


class Follower:
    """Reads a followed log on a thread of its own."""

    def __init__(self, system, name):
        self.text = ""
        self.error = None
        self._stream = system.api.sessions.StreamLogs(request(name, follow=True), timeout=60)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self):
        try:
            for response in self._stream:
                self.text += response.content.decode()
        except grpc.RpcError as error:
            self.error = error

    def wait_for(self, text):
        deadline = time.monotonic() + WAIT_S
        while text not in self.text:
            assert time.monotonic() < deadline and self._thread.is_alive(), (self.text, self.error)
            time.sleep(0.02)

    def join(self):
        self._thread.join(WAIT_S)
        assert not self._thread.is_alive(), "the stream does not end"


def say(system, connected, text):
    status, _ = asyncio.run(traffic.fetch(system.url(connected, "print?text=" + text)))
    assert status == 200


def test_is_followed_from_before_the_start_to_the_end_and_kept(system):
    connected = system.connect("logs", env={"START_DELAY_MS": "1000"}, grace=60.0)
    name, epoch = connected.session.name, connected.session.epoch
    follower = Follower(system, name)
    follower.wait_for("listening on ")
    say(system, connected, "first")
    follower.wait_for("first\n")
    say(system, connected, "second")
    assert read(system, name, tail_lines=1) == "second\n"
    assert read(system, name, tail_lines=0) == ""

    system.terminate(name)
    follower.join()
    assert follower.error is None
    assert follower.text.endswith("first\nsecond\n")
    system.wait_ended(name)
    assert read(system, name) == follower.text
    assert read(system, name, tail_lines=2) == "first\nsecond\n"

    again = system.connect("logs", grace=60.0)
    say(system, again, "anew")
    assert "second" not in read(system, name)
    assert read(system, name, epoch=epoch) == follower.text
    assert read(system, name, epoch=again.session.epoch).endswith("anew\n")
    system.terminate(name)


def test_a_crash_leaves_its_log_until_the_retention_is_over(system):
    connected = system.connect("logs-crash", grace=60.0, retention=4)
    name = connected.session.name
    say(system, connected, "last-words")
    asyncio.run(traffic.fetch(system.url(connected, "crash")))
    system.wait_ended(name)
    assert read(system, name).endswith("last-words\n")

    def is_gone():
        try:
            system.get(name)
            return False
        except grpc.RpcError as error:
            return error.code() == grpc.StatusCode.NOT_FOUND

    deadline = time.monotonic() + WAIT_S
    while not is_gone():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    with pytest.raises(grpc.RpcError) as error:
        read(system, name)
    assert api.reason_of(error.value) == "SESSION_NOT_FOUND"


def test_where_there_is_no_log_it_says_why(system):
    with pytest.raises(grpc.RpcError) as error:
        read(system, "namespaces/%s/sessions/nobody" % system.namespace)
    assert api.reason_of(error.value) == "SESSION_NOT_FOUND"
    # A hard end takes the pod away, and with it the log.
    connected = system.connect("logs-hard", grace=60.0)
    name = connected.session.name
    say(system, connected, "gone")
    system.terminate(name, hard=True)
    system.wait_ended(name)

    def reason():
        try:
            return read(system, name)
        except grpc.RpcError as why:
            return api.reason_of(why)

    deadline = time.monotonic() + WAIT_S
    while reason() != "LOG_UNAVAILABLE":
        assert time.monotonic() < deadline, reason()
        time.sleep(0.1)
