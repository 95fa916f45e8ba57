"""What only a real kubelet and scheduler can do to a session: each end has its reason, exit code and
message in `spawnctl describe`, within its deadline, and a browser that waits is told."""

import asyncio
import time

import aiohttp
import pytest

from host_programs import describe, spawnctl
from tests.support import traffic
from tests.support.system import reason_name

# To the very request that ends the backend. exit answers first, so its answer is there before the
# connection breaks. A backend that dies at work answers nothing: 502. But a GET on a connection that
# was kept from before is sent once more, over a new one, and the pod's network may go away without a
# word (no refusal, only silence): then the news of the session's end is what comes first.
BROKEN = (502, 410)
LAST_ANSWERS = {"exit": (200,), "crash": BROKEN}


def browse(system, connected, path=""):
    """What a browser that waited is shown in the end: (status, Spawner-Reason, page)."""
    async def run():
        # The token becomes a cookie by a redirect; browsers take cookies of bare addresses, too.
        async with aiohttp.ClientSession(timeout=traffic.TIMEOUT,
                                         cookie_jar=aiohttp.CookieJar(unsafe=True)) as client:
            while True:
                async with client.get(system.url(connected, path), headers={
                        "Accept": "text/html,*/*;q=0.8", "Sec-Fetch-Mode": "navigate"}) as answer:
                    # The progress page, without JavaScript: it loads itself again.
                    if "Spawner-Phase" not in answer.headers:
                        return answer.status, answer.headers.get("Spawner-Reason"), await answer.text()
    return asyncio.run(run())


def assert_told(answer, reason, part):
    """The page of a waiting browser says that and why the session has ended, in our words alone."""
    status, named, page = answer
    assert (status, named) == (410, reason), answer
    assert page.startswith("<!doctype html>") and part in page, page
    for word in ("no-such-image", "Insufficient", "container backend", "pod ", "TerminateSession"):
        assert word not in page, page


def assert_described(system, connected, reason, exit_code, part, seconds):
    """`spawnctl describe` tells of the end `seconds` from now at the latest."""
    system.wait_ended(connected.session.name, timeout=seconds)
    said = describe(system, connected.session.name)
    assert said["State"] == "TERMINATED"
    assert (said["Reason"], said.get("Exit code")) == (reason, exit_code), said
    assert part in said["Message"], said
    assert said["Ended"] and said["Pod"] == connected.session.pod


@pytest.mark.parametrize("path, reason, code, part, told", [
    ("exit?code=0", "EXITED", "0", "the backend left with exit code 0", "has left (exit code 0)"),
    ("exit?code=3", "CRASHED", "3", "the backend left with exit code 3", "crashed (exit code 3)"),
    # abort() as a container's pid 1
    ("crash", "CRASHED", "139", "exit code 139 (signal 11)", "crashed (exit code 139)"),
])
def test_backend_that_leaves(system, path, reason, code, part, told):
    connected = system.connect("leaves-described-" + path)
    assert browse(system, connected)[0] == 200
    assert browse(system, connected, path)[0] in LAST_ANSWERS[path.partition("?")[0]]
    assert_described(system, connected, reason, code, part, seconds=10)
    assert_told(browse(system, connected), reason, told)


def test_backend_over_its_memory_limit(system):
    spec = system.spec()
    spec.resources.limits["memory"] = "48Mi"
    connected = system.connect("hog", spec=spec)
    assert browse(system, connected)[0] == 200
    assert browse(system, connected, "hog?mb=200")[0] in BROKEN
    assert_described(system, connected, "OOM_KILLED", "137", "raise resources.limits.memory", 15)
    assert_told(browse(system, connected), "OOM_KILLED", "needed more memory")


def test_image_that_does_not_exist(system):
    spec = system.spec(start_timeout=30)
    spec.image = "localhost/spawner/no-such-image:dev"
    connected = system.connect("no-image", spec=spec)
    assert_told(browse(system, connected), "IMAGE_PULL_FAILED", "image could not be fetched")
    assert_described(system, connected, "IMAGE_PULL_FAILED", None, "no-such-image", seconds=10)


def test_image_that_never_becomes_ready(system):
    begin = time.monotonic()
    connected = system.connect("never-ready-described", env={"START_DELAY_MS": "60000"},
                               start_timeout=3)
    assert_told(browse(system, connected), "START_TIMEOUT", "not ready within 3s")
    assert 3 <= time.monotonic() - begin < 7
    assert_described(system, connected, "START_TIMEOUT", "0", "hung in STARTED", seconds=10)


def test_pod_that_fits_no_node(system):
    spec = system.spec(start_timeout=3)
    spec.resources.requests["cpu"] = "1000"
    connected = system.connect("too-big", spec=spec)
    assert_told(browse(system, connected), "UNSCHEDULABLE", "the cluster had no room")
    assert_described(system, connected, "UNSCHEDULABLE", None, "Insufficient cpu", seconds=5)


def test_pod_deleted_by_somebody_else(system):
    connected = system.connect("deleted")
    assert browse(system, connected)[0] == 200
    system.cluster.kubectl("delete", "pod", connected.session.pod, "-n", system.namespace,
                           "--wait=true", "--timeout=20s")
    # Nobody's delete waits for our retention; the record is in memory only from here on.
    part = "the pod was deleted, and not by Spawner"
    assert_described(system, connected, "DELETED", "0", part, seconds=5)
    assert_told(browse(system, connected), "DELETED", "somebody deleted it")


@pytest.mark.parametrize("scheduled", [True, False])
def test_deletion_is_not_held_up_and_told_to_who_waits(system, scheduled):
    spec = system.spec(env={"START_DELAY_MS": "60000"})
    if not scheduled:
        spec.resources.requests["cpu"] = "1000"
    connected = system.connect("deleted-at-start-%s" % scheduled, spec=spec)

    async def wait_and_delete():
        waiting = asyncio.ensure_future(asyncio.to_thread(browse, system, connected))
        await asyncio.sleep(1)
        assert not waiting.done()
        await asyncio.to_thread(
            system.cluster.kubectl, "delete", "pod", connected.session.pod, "-n",
            system.namespace, "--wait=true", "--timeout=15s")
        return await waiting

    part = "the pod was deleted, and not by Spawner"
    assert_told(asyncio.run(wait_and_delete()), "DELETED", "somebody deleted it")
    assert_described(system, connected, "DELETED", "0" if scheduled else None, part, seconds=5)


def test_session_that_is_not_there(system):
    code, out, err = spawnctl(system, "describe", "session", "nosuchsession")
    assert (code, out) == (3, "") and "nosuchsession" in err, err


def test_reasons_of_the_api_are_those_that_are_described(system):
    connected = system.connect("asked")
    assert browse(system, connected)[0] == 200
    system.terminate(connected.session.name)
    ended = system.wait_ended(connected.session.name, timeout=15)
    said = describe(system, connected.session.name)
    assert (said["Reason"], said["Exit code"]) == (reason_name(ended), str(ended.exit_code))
