"""Quotas, rates and the queue of starts, with the real controller and real processes."""

import threading
import time

import grpc
import pytest

from tests.support import api
from tests.support.system import LocalSystem


@pytest.fixture
def start(tmp_path):
    systems = []

    def started(*flags):
        systems.append(LocalSystem(tmp_path, controller_flags=flags))
        return systems[-1].__enter__()

    yield started
    for system in systems:
        system.close()


def refused(call):
    """(reason, message, seconds of RetryInfo or None)."""
    with pytest.raises(grpc.RpcError) as caught:
        call()
    error = caught.value
    assert error.code() == grpc.StatusCode.RESOURCE_EXHAUSTED, error
    retry = None
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in api.error_details_pb2.Status.FromString(value).details:
                info = api.error_details_pb2.RetryInfo()
                if detail.Unpack(info):
                    retry = info.retry_delay.ToNanoseconds() / 1e9
    return api.reason_of(error), error.details(), retry


def quotas(system):
    answer = system.api.admin.GetQuotas(
        api.admin_pb2.GetQuotasRequest(parent="namespaces/default"), timeout=10)
    return {quota.resource: (quota.used, quota.allowed) for quota in answer.quotas if not quota.user}


def test_a_namespace_has_no_more_sessions_than_its_quota(start):
    system = start("--quota-sessions-per-namespace=2")
    first = system.connect("one")
    system.connect("two")
    reason, message, _ = refused(lambda: system.connect("three"))
    assert reason == "QUOTA_SESSIONS"
    assert message.startswith("connect: namespace default has 2 sessions, and may have 2; end some")
    assert system.connect("one").session.name == first.session.name, "a live one costs nothing"
    assert quotas(system)["sessions"] == (2, 2)
    system.terminate(first.session.name)
    system.wait_ended(first.session.name)
    system.connect("three")
    assert quotas(system)["sessions"] == (2, 2)


def test_a_user_has_no_more_sessions_than_the_quota_of_that_namespace(start):
    system = start("--quota-sessions-per-namespace=9,elsewhere=1", "--quota-sessions-per-user=1",
                   "--quota-sessions-per-user=default=2")
    first = system.connect("one", user="ada")
    assert first.session.user == "ada"
    system.connect("two", user="ada")
    reason, message, _ = refused(lambda: system.connect("three", user="ada"))
    assert reason == "QUOTA_SESSIONS"
    assert message.startswith("connect: user ada has 2 sessions in namespace default, and may have 2; end")
    system.connect("three", user="ben")
    system.connect("three", user="ada")  # of ben's
    answer = system.api.admin.GetQuotas(
        api.admin_pb2.GetQuotasRequest(parent="namespaces/default"), timeout=10)
    of = {(q.resource, q.user): (q.used, q.allowed) for q in answer.quotas}
    assert of["sessions", ""] == (3, 9)
    assert of["sessions", "ada"] == (2, 2)
    assert of["sessions", "ben"] == (1, 2)
    system.terminate(first.session.name)
    system.wait_ended(first.session.name)
    system.connect("four", user="ada")


def test_a_retry_has_its_answer_though_there_is_no_room_for_another(start):
    system = start("--quota-sessions-per-namespace=1")

    def connect(request_id, **spec):
        return system.api.sessions.Connect(api.sessions_pb2.ConnectRequest(
            parent="namespaces/default", spec=system.spec(**spec), request_id=request_id), timeout=20)

    first = connect("mine")
    assert first.created
    again = connect("mine")
    assert again.session.name == first.session.name and again.created
    reason, _, _ = refused(lambda: connect("another"))
    assert reason == "QUOTA_SESSIONS"
    with pytest.raises(grpc.RpcError) as caught:
        connect("mine", labels={"another": "payload"})
    assert api.reason_of(caught.value) == "REQUEST_ID_REUSED"


def test_the_wait_of_a_refused_connect_is_true(start):
    system = start("--rate-connects-per-namespace=2")
    system.connect("one")
    system.connect("one")
    for _ in range(3):
        reason, _, wait = refused(lambda: [system.connect("one") for _ in range(5)])
        assert reason == "RATE_LIMITED" and 0 < wait <= 0.5
        time.sleep(wait)
        system.connect("one")


def test_starts_wait_for_their_turn_instead_of_failing(start):
    system = start("--quota-starts=1")
    slow = system.spec()
    system.slow_down(slow, 1)
    system.connect("warm-up")
    connected = [system.connect("slow", slow)]
    order = []

    def connect(key):
        connected.append(system.connect(key))
        order.append(key)

    threads = [threading.Thread(target=connect, args=("next-%d" % i,)) for i in range(3)]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    assert order == [], "one is starting"
    assert quotas(system)["starts"][0] >= 1
    for thread in threads:
        thread.join(15)
    assert len(order) == 3 and time.monotonic() - began > 0.6
    system.connect("slow-2", slow)
    reason, _, wait = refused(lambda: system.connect("late", timeout=0.5))
    assert reason == "QUOTA_STARTS" and wait == 1
