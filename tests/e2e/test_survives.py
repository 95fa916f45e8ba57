"""Live connections outlive the death of everything but their own proxy and backend."""

import asyncio
import contextlib
import time

import aiohttp
import grpc

from cluster import wait_until
from host_programs import watching
from tests.support import api, traffic
from tests.support.system import reason_name

SOCKETS = 200
SESSIONS = 4
GRACE_S = 3.0
# Far from GRACE_S: a session that was used never waits for it, whoever forgot that it was.
INITIAL_GRACE_S = 120
CUT_S = 30


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
        """Until the block ends; `left` is when the last one had gone."""
        stop = asyncio.Event()
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0),
                                         timeout=traffic.TIMEOUT) as client:
            tasks = [asyncio.ensure_future(self._one(client, n, url, stop))
                     for n, url in enumerate(self.urls)]
            try:
                while self.received < len(tasks) and not self.faults:
                    await asyncio.sleep(0.05)
                yield
            finally:
                stop.set()
                await asyncio.gather(*tasks)
                self.left = time.monotonic()

    async def go_on(self, seconds):
        received = self.received
        await asyncio.sleep(seconds)
        assert self.received >= received + len(self.urls), "they are silent"
        assert not self.faults, self.faults[:5]


def sessions(system, prefix, count=SESSIONS):
    return [system.connect("%s-%d" % (prefix, n), grace=GRACE_S, initial_grace=INITIAL_GRACE_S,
                           retention=30) for n in range(count)]


def echoes_over(system, connected, each, proxy=None):
    """`each` sockets to every session, by turns over all proxies or all over one."""
    return Echoes([system.url(c, "ws", websocket=True,
                              proxy=n % len(system.proxies) if proxy is None else proxy)
                   for n, c in enumerate(connected)], each)


def assert_lives(system, connected, connections=None):
    session = system.get(connected.session.name)
    assert session.state == api.session_pb2.READY, session
    assert session.epoch == connected.session.epoch, "it ended and ran anew"
    assert connections is None or session.connections == connections, session


def assert_ends_idle(system, connected, since, within=1.0, at_least=GRACE_S):
    """It ends for its idleness: `at_least` after `since`, GRACE_S and `within` at the most."""
    patience = GRACE_S + within + 15  # to see how late it was
    ended = system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=patience)
    took = time.monotonic() - since
    assert ended.epoch == connected.session.epoch, "it ended early and ran anew"
    assert reason_name(ended) == "IDLE", ended
    assert at_least - 0.1 <= took <= GRACE_S + within, took
    return took


def survive(system, prefix, break_it, seconds):
    """Runs echoes over both proxies while `break_it` happens; then the sessions end as idle."""
    connected = sessions(system, prefix)
    echoes = echoes_over(system, connected, SOCKETS // SESSIONS)

    async def run():
        async with echoes.running():
            await asyncio.to_thread(break_it)
            await echoes.go_on(seconds)

    asyncio.run(run())
    assert not echoes.faults, echoes.faults[:5]
    took = [assert_ends_idle(system, c, echoes.left) for c in connected]
    print("%s: %d messages over %d sockets, none lost; idle ends after %.2f to %.2f s" % (
        prefix, echoes.received, SOCKETS, min(took), max(took)))


def kill_controllers(system):
    before = system.leadership()
    for pod in system.controller_pods():
        system.kill_container("spawner-system", pod["metadata"]["name"])
    return before


def test_both_controllers_killed(system):
    system.replace_controllers()

    def kill():
        system.await_leader(above=kill_controllers(system))
        system.await_proxies()

    survive(system, "controllers", kill, seconds=4)


def test_everybody_leaves_while_no_controller_lives(system):
    system.replace_controllers()
    connected = sessions(system, "orphans")
    echoes = echoes_over(system, connected, 5)

    async def run():
        async with echoes.running():
            before = await asyncio.to_thread(kill_controllers, system)
            await echoes.go_on(0.5)
        return before

    before = asyncio.run(run())
    assert not echoes.faults, echoes.faults[:5]
    system.await_leader(above=before)
    # Grace runs anew when the last proxy has found the new leader, some seconds later at most.
    seen = time.monotonic()
    took = [assert_ends_idle(system, c, seen, within=8, at_least=GRACE_S - 1) for c in connected]
    print("orphans: idle ends %.2f to %.2f s after the new leader was seen" % (min(took), max(took)))


def test_the_leading_controller_killed(system):
    system.replace_controllers()

    def kill():
        before = system.leadership()
        system.kill_container("spawner-system", system.leader_pod())
        system.await_leader(above=before)
        system.await_proxies()

    survive(system, "leader", kill, seconds=4)


def test_spawnctl_watch_goes_on_when_the_leader_dies(system):
    """Asked are the leader itself, the standby that relays from it, and whichever the Service takes."""
    system.replace_controllers()
    leader = system.leader_pod()
    addresses = [pod["status"]["podIP"] + ":9090" for pod in system.controller_pods()]
    with contextlib.ExitStack() as stack:
        watches = [stack.enter_context(watching(system, address)) for address in addresses + [None]]

        def all_say(key, state):
            wait_until(lambda: all(state in watch.states(key) for watch in watches), 30,
                       "every watch says %s of %s" % (state, key))

        connected = [connects(system, "watched")]
        all_say("watched", "READY")
        before = system.leadership()
        system.kill_container("spawner-system", leader)
        system.await_leader(above=before)
        system.await_proxies()
        for key in ("watched-then", "watched-last"):
            connected.append(wait_until(lambda: connects(system, key), 15,
                                        "the new leader takes sessions"))
            all_say(key, "READY")
        for watch in watches:
            print(watch.address, watch.notices, watch.states("watched"))
            assert watch.process.poll() is None
            assert set(watch.states("watched")) <= {"PENDING", "STARTING", "READY"}
            # Whoever comes back before there is a new leader is sent away by it once more.
            lost, back = watch.notices[::2], watch.notices[1::2]
            assert len(lost) == len(back) <= 2, watch.notices
            assert all(line.startswith("watch: lost the controller: ") for line in lost), lost
            assert all(line == "watch: connected again\n" for line in back), back
        assert any(watch.notices for watch in watches)
        for c in connected:
            system.terminate(c.session.name, hard=True)


def connects(system, key):
    try:
        return system.connect(key, grace=600, initial_grace=600)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.UNAVAILABLE, error
        return None


def test_kube_apiserver_killed(system):
    def kill():
        system.cluster.program("kill", "kube-apiserver")
        wait_until(lambda: system.cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok",
                   60, "the API server is ready again")
        # It may have been away for longer than the leader can go without its Lease.
        system.leader_pod()
        system.await_proxies()

    survive(system, "apiserver", kill, seconds=4)


def test_one_proxy_killed_leaves_the_others_users_alone(system):
    """Its death is not proven before its next process reports: nothing ends as idle until then."""
    system.replace_proxy(1)
    others, mine = sessions(system, "proxy", 2)
    echoes = echoes_over(system, [others], 20, proxy=0)
    doomed = echoes_over(system, [mine], 5, proxy=1)
    kubelet = "kubelet.node2"

    async def run():
        async with echoes.running():
            async with doomed.running():
                system.cluster.program("hold", kubelet)  # so that nobody starts it again
                await asyncio.to_thread(system.kill_container, "spawner-proxy", system.proxy_pod(1))
                await echoes.go_on(1)
            await echoes.go_on(2 * GRACE_S)
            assert_lives(system, others, connections=20)
        assert doomed.faults, "its users notice, of course"

    try:
        asyncio.run(run())
        assert not echoes.faults, echoes.faults[:5]
        time.sleep(2 * GRACE_S)  # nobody is there, but who knows
        assert_lives(system, others)
        assert_lives(system, mine)
        assert system.lost_proxies() == [system.proxy_pod(1)]
    finally:
        system.cluster.program("release", kubelet)
    system.await_proxies(60)
    proven = time.monotonic()
    # Grace runs anew from the proof: its users may come back by the other proxy.
    for connected in (others, mine):
        assert_ends_idle(system, connected, proven, at_least=0)


def test_a_dead_proxy_is_proven_by_its_pod_being_gone(system):
    """Its successor has another name, so it proves nothing: the controller has to look."""
    connected = sessions(system, "gone", 1)[0]
    pod = system.proxy_pod(1)
    doomed = echoes_over(system, [connected], 5, proxy=1)

    async def run():
        async with doomed.running():
            # A second for users whose connections would stay: it is killed with them open.
            await asyncio.to_thread(system.cluster.kubectl, "delete", "pod", pod, "-n",
                                    "spawner-proxy", "--grace-period=1", "--timeout=60s")

    asyncio.run(run())
    gone = time.monotonic()
    took = assert_ends_idle(system, connected, gone, within=5, at_least=0)
    print("idle end %.2f s after the pod was gone" % took)
    lost = system.lost_proxies()
    assert lost is not None and pod not in lost, lost
    system.cluster.await_rollout()
    system.await_proxies()


def cut_off_for(system, prefix, meanwhile):
    """One proxy can't reach any controller for CUT_S, with users on it, and on the other one."""
    behind, beside, nobodys = sessions(system, prefix, 3)
    cut = echoes_over(system, [behind], 50, proxy=1)
    free = echoes_over(system, [beside], 20, proxy=0)

    async def run():
        assert (await traffic.fetch(system.url(nobodys)))[0] == 200
        async with cut.running(), free.running():
            with system.cut_off(1):
                until = time.monotonic() + CUT_S
                await asyncio.to_thread(meanwhile)
                await cut.go_on(max(until - time.monotonic(), GRACE_S))
                assert system.lost_proxies() == [system.proxy_pod(1)]
                assert system.is_proxy_ready(0) and not system.is_proxy_ready(1)
                # Known sessions are served, old users and new.
                assert (await traffic.fetch(system.url(behind, proxy=1)))[0] == 200
                # Nobody is connected to this one, but the proxy that is cut off can't say so.
                for connected in (behind, beside, nobodys):
                    assert_lives(system, connected)
            healed = time.monotonic()
            await asyncio.to_thread(system.await_proxies)
            assert_lives(system, behind, connections=50)
            took = await asyncio.to_thread(assert_ends_idle, system, nobodys, healed, 5, 0)
            print("%s: the idle one ended %.2f s after the cut was healed" % (prefix, took))
            wait_until(lambda: system.is_proxy_ready(1), 5, "it is ready again")
            await cut.go_on(GRACE_S)

    asyncio.run(run())
    assert not cut.faults + free.faults, (cut.faults + free.faults)[:5]
    for connected, echoes in ((behind, cut), (beside, free)):
        assert_ends_idle(system, connected, echoes.left)


def test_a_proxy_cut_off_from_the_controllers(system):
    system.await_proxies()
    cut_off_for(system, "cut", lambda: None)


def test_controllers_restarted_while_a_proxy_is_cut_off(system):
    system.replace_controllers()
    cut_off_for(system, "cut-restart",
                lambda: system.await_leader(above=kill_controllers(system)))
