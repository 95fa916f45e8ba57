"""Live connections outlive the death of everything but their own proxy and backend."""

import asyncio
import contextlib
import time

import aiohttp

from cluster import wait_until
from tests.support import api, traffic
from tests.support.system import reason_name

SOCKETS = 200
SESSIONS = 4
GRACE_S = 3.0


class Echoes:
    """Many WebSockets that each send a numbered message every 100 ms and check the answers."""

    def __init__(self, urls, each):
        self.urls = [url for url in urls for _ in range(each)]
        self.received = 0
        self.faults = []

    async def _one(self, client, number, url, stop):
        try:
            async with client.ws_connect(url, autoping=False) as socket:
                sequence = 0
                while not stop.is_set():
                    text = "%d:%d" % (number, sequence)
                    await socket.send_str(text)
                    answer = await asyncio.wait_for(socket.receive(), 15)
                    if answer.type != aiohttp.WSMsgType.TEXT or answer.data != text:
                        self.faults.append((number, sequence, answer))
                        return
                    sequence += 1
                    self.received += 1
                    await asyncio.sleep(0.1)
        except Exception as error:  # noqa: BLE001 - each is a fault to show
            self.faults.append((number, repr(error)))

    @contextlib.asynccontextmanager
    async def running(self):
        stop = asyncio.Event()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0),
                                         timeout=traffic.TIMEOUT) as client:
            tasks = [asyncio.ensure_future(self._one(client, n, url, stop))
                     for n, url in enumerate(self.urls)]
            while self.received < len(tasks) and not self.faults:
                await asyncio.sleep(0.05)
            yield
            stop.set()
            await asyncio.gather(*tasks)


def sessions(system, prefix, count=SESSIONS):
    return [system.connect("%s-%d" % (prefix, n), grace=GRACE_S, retention=30)
            for n in range(count)]


def survive(system, prefix, break_it, seconds):
    """Runs echoes over both proxies while `break_it` happens; then the sessions end as idle."""
    connected = sessions(system, prefix)
    urls = [system.url(c, "ws", proxy=n % len(system.proxies), websocket=True)
            for n, c in enumerate(connected)]
    echoes = Echoes(urls, SOCKETS // SESSIONS)

    async def run():
        async with echoes.running():
            await asyncio.to_thread(break_it)
            begin, received = time.monotonic(), echoes.received
            while time.monotonic() - begin < seconds:
                await asyncio.sleep(0.2)
            assert echoes.received > received

    asyncio.run(run())
    assert not echoes.faults, echoes.faults[:5]
    print("%s: %d messages over %d sockets, none lost" % (prefix, echoes.received, SOCKETS))
    for c in connected:
        ended = system.wait_state(c.session.name, "TERMINATING", "TERMINATED", timeout=GRACE_S + 20)
        assert ended.epoch == c.session.epoch, "it ended early and ran anew"
        assert reason_name(ended) == "IDLE", ended


def test_both_controllers_killed(system):
    def kill():
        for pod in system.controller_pods():
            system.kill_container("spawner-system", pod["metadata"]["name"])
        system.cluster.await_rollout()
        system.leader_pod()

    survive(system, "controllers", kill, seconds=4)


def test_the_leading_controller_killed(system):
    def kill():
        before = system.leader_pod()
        system.kill_container("spawner-system", before)
        system.leader_pod()

    survive(system, "leader", kill, seconds=4)


def test_kube_apiserver_killed(system):
    def kill():
        system.cluster.program("kill", "kube-apiserver")
        wait_until(lambda: system.cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok",
                   60, "the API server is ready again")

    survive(system, "apiserver", kill, seconds=4)


def test_one_proxy_killed_leaves_the_others_users_alone(system):
    connected = sessions(system, "proxy", 1)[0]
    echoes = Echoes([system.url(connected, "ws", proxy=0, websocket=True)], 20)

    async def run():
        async with echoes.running():
            pods = [pod for pod in system.pods("spawner-proxy")
                    if pod["status"]["hostIP"] == system.cluster.node_address(2)]
            await asyncio.to_thread(system.kill_container, "spawner-proxy",
                                    pods[0]["metadata"]["name"])
            await asyncio.sleep(2 * GRACE_S)
            session = system.get(connected.session.name)
            assert session.state == api.session_pb2.READY and session.connections == 20

    asyncio.run(run())
    assert not echoes.faults, echoes.faults[:5]
    # The killed one is a new process of its id by now, which proves that the old one is dead.
    ended = system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=40)
    assert reason_name(ended) == "IDLE"
