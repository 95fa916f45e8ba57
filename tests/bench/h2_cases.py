"""HTTP/2 with prior knowledge in front of the proxies: small answers, 100 streams at once (h2load).

The backends get HTTP/1.1 from all of them. The figure is the proxy's CPU time, so a client that is
slower changes it little.
"""

import re

from tests.bench import proxies
from tests.bench.case import Case, Column

PEERS = ("spawner", "nghttpx", "haproxy")
STREAMS = 100
WARM_REQUESTS = 5_000
PATIENCE_S = 120


def _load(bench, setup, connections, requests, flags):
    """How many of the requests got their answer."""
    output = bench.client(
        ["h2load", "-c%d" % connections, "-m%d" % STREAMS, "-n%d" % requests, *flags,
         "-H", ":authority: " + proxies.host(0), "http://127.0.0.1:%d/" % setup.port], PATIENCE_S)
    found = re.search(r"(\d+) 2xx, 0 3xx, 0 4xx, 0 5xx", output)
    return (int(found[1]) if found else 0), output


def measure(bench, setup, connections, seconds, flags=()):
    """Figures of the proxy that was started as `setup`."""
    _load(bench, setup, connections, WARM_REQUESTS, flags)
    requests = int(20_000 * max(1, seconds))
    with bench.watch() as found:
        done, output = _load(bench, setup, connections, requests, flags)
    if done != requests:
        return {"failed": "%d of %d answers: %s" % (done, requests, output[-200:])}
    return {**found, "n": done, "cpu_us": found["cpu_s"] / done * 1e6, "rps": done / found["wall_s"]}


def run_one(bench, peer, _, seconds):
    return measure(bench, bench.start_proxy(peer), 1, seconds)


def run_many(bench, peer, _, seconds):
    return measure(bench, bench.start_proxy(peer), 16, seconds)


_COLUMNS = (Column("rps", "per s"),)
CASES = {
    "h2_get": Case("HTTP/2, small answers, 100 streams of one connection", "CPU us per request",
                   base="nghttpx", peers=PEERS, run=run_one, columns=_COLUMNS),
    "h2_get16": Case("HTTP/2, small answers, 100 streams of each of 16 connections",
                     "CPU us per request", base="nghttpx", peers=PEERS, run=run_many,
                     columns=_COLUMNS),
}
