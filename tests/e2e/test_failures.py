"""What only a real kubelet and scheduler can do to a session: each end has its right reason."""

import asyncio

import pytest

from tests.support import traffic
from tests.support.system import reason_name


def wait_and_fetch(system, connected):
    """What a browser that waited is told: (status, text)."""
    return asyncio.run(traffic.fetch(system.url(connected)))


def test_image_that_does_not_exist(system):
    spec = system.spec(start_timeout=30)
    spec.image = "localhost/spawner/no-such-image:dev"
    connected = system.connect("no-image", spec=spec)
    status, text = wait_and_fetch(system, connected)
    assert status == 410, text
    ended = system.wait_ended(connected.session.name, timeout=30)
    assert reason_name(ended) == "IMAGE_PULL_FAILED"
    assert "no-such-image" in ended.message


def test_pod_that_fits_no_node(system):
    spec = system.spec(start_timeout=3)
    spec.resources.requests["cpu"] = "1000"
    connected = system.connect("too-big", spec=spec)
    status, text = wait_and_fetch(system, connected)
    assert status == 410, text
    ended = system.wait_ended(connected.session.name, timeout=15)
    assert reason_name(ended) == "UNSCHEDULABLE"
    assert "cpu" in ended.message.lower()


def test_backend_over_its_memory_limit(system):
    spec = system.spec()
    spec.resources.limits["memory"] = "48Mi"
    connected = system.connect("hog", spec=spec)

    async def trigger():
        assert (await traffic.fetch(system.url(connected)))[0] == 200
        return await traffic.fetch(system.url(connected, "hog?mb=200"))

    # The broken connection is seen here first, or the session's end comes first.
    assert asyncio.run(trigger())[0] in (502, 410)
    ended = system.wait_ended(connected.session.name, timeout=15)
    assert (reason_name(ended), ended.exit_code) == ("OOM_KILLED", 137)


def test_pod_deleted_by_somebody_else(system):
    connected = system.connect("deleted")
    assert wait_and_fetch(system, connected)[0] == 200
    system.cluster.kubectl("delete", "pod", connected.session.pod, "-n", system.namespace,
                           "--wait=true", "--timeout=20s")
    # Nobody's delete waits for our retention; the record is in memory only from here on.
    status, text = wait_and_fetch(system, connected)
    assert status in (404, 410), text


@pytest.mark.parametrize("scheduled", [True, False])
def test_deletion_is_not_held_up(system, scheduled):
    spec = system.spec(env={"START_DELAY_MS": "60000"})
    if not scheduled:
        spec.resources.requests["cpu"] = "1000"
    connected = system.connect("deleted-at-start-%s" % scheduled, spec=spec)
    system.cluster.kubectl("delete", "pod", connected.session.pod, "-n", system.namespace,
                           "--wait=true", "--timeout=15s")
