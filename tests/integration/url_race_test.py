"""A URL works at once at every proxy, also at one that hears of everything late.

Goal: 1,000 Connects, the first request at once to a random one of two proxies: no 404, no 5xx.
Method: the second proxy's link goes through a relay that keeps every byte for 150 ms, longer than
the controller waits for acknowledgements; the backend takes a moment to start.
"""

import asyncio
import collections
import concurrent.futures
import random
import threading
import urllib.error
import urllib.request

from tests.support.system import LocalSystem

SESSIONS = 1000
AT_ONCE = 12
DELAY_S = 0.15


class SlowRelay:
    """Forwards TCP to `target` ("IP:PORT"), each direction `delay_s` late. Runs on its own thread."""

    def __init__(self, target, delay_s):
        self._target = target.rsplit(":", 1)
        self._delay_s = delay_s
        self._loop = asyncio.new_event_loop()
        started = concurrent.futures.Future()
        self._thread = threading.Thread(target=self._run, args=(started,), daemon=True)
        self._thread.start()
        self.address = "127.0.0.1:%d" % started.result(10)

    def close(self):
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self, started):
        asyncio.set_event_loop(self._loop)
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0))
        started.set_result(server.sockets[0].getsockname()[1])
        self._loop.run_forever()

    async def _serve(self, reader, writer):
        other_reader, other_writer = await asyncio.open_connection(*self._target)
        await asyncio.gather(self._pump(reader, other_writer), self._pump(other_reader, writer),
                             return_exceptions=True)

    async def _pump(self, reader, writer):
        while data := await reader.read(65536):
            self._loop.call_later(self._delay_s, writer.write, data)
        self._loop.call_later(self._delay_s, writer.close)


class SystemWithASlowLink(LocalSystem):
    """Its second proxy's link is slow."""

    relay = None

    def start_proxy(self, index):
        fast = self.grpc
        if index == 1:
            self.relay = SlowRelay(fast, DELAY_S)
            self.grpc = self.relay.address
        try:
            super().start_proxy(index)
        finally:
            self.grpc = fast

    def close(self):
        super().close()
        if self.relay:
            self.relay.close()


def test_the_url_works_at_once_at_every_proxy(tmp_path):
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    proxies = [chance.randrange(2) for _ in range(SESSIONS)]
    answers = collections.Counter()

    with SystemWithASlowLink(tmp_path, proxies=2) as system:
        def visit(number):
            connected = system.connect("race-%d" % number, env={"START_DELAY_MS": "30"})
            try:
                with urllib.request.urlopen(system.url(connected, proxy=proxies[number]), timeout=60) as answer:
                    status, text = answer.status, answer.read().decode()
                assert "SPAWNER_KEY: race-%d\n" % number in text
            except urllib.error.HTTPError as error:
                status, text = error.code, error.read().decode()
            system.terminate(connected.session.name, hard=True)
            return proxies[number], status, text if status != 200 else ""

        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            for answer in pool.map(visit, range(SESSIONS)):
                answers[answer] += 1

    print(answers)
    assert {status for _, status, _ in answers} == {200}, answers
    assert all(answers[proxy, 200, ""] > SESSIONS // 3 for proxy in range(2))
