"""Routes that change under load: how soon a new one serves, and what it costs the others.

Spawner's proxy gets them from a controller (route_sender.cc, on the load's core) over its link;
nginx and HAProxy are told to read their files again, Envoy watches its own.
"""

import contextlib
import json
import os
import signal
import socket
import threading
import time

from tests.bench import machine, measure, proxies
from tests.bench.case import Case, Column

RATE = 4000  # requests a second meanwhile
ADDED = 1000
MANY = 100_000
CHANGES = 10_000  # a second
PATIENCE_S = 20
PAUSE_S = 0.0005
CHANGE_AFTER_S = 0.3  # of the measured time


class Controller:
    """Of the link: what stands at the other end."""

    def __init__(self, bench, routes):
        self._process = bench.companion(
            [bench.programs + "/tests/bench/route_sender", "--backend-port=%d" % bench.backend_port,
             "--hosts=%d" % bench.routes, "--routes=%d" % routes])
        self.address = self._read()["address"]

    def ask(self, *words):
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def answer(self):
        return self._read()

    def _read(self):
        line = self._process.stdout.readline()
        if not line:
            raise machine.Failed("the controller of the benchmark has ended")
        return json.loads(line)

    def close(self):
        machine.reap(self._process)


def linked(address):
    """Spawner's proxy on a link: setup -> argv."""
    return lambda setup: [
        setup.programs + "/proxy/proxy", "--listen=127.0.0.1:%d" % setup.port, "--workers=1",
        "--controller=" + address, "--base-domain=example.test", "--log-level=error"]


def _first_200(port, host, deadline):
    """When a new connection first got a 200 of that host."""
    request = "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % host
    while time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as one:
            one.settimeout(PATIENCE_S)
            one.sendall(request.encode())
            if one.recv(4096).startswith(b"HTTP/1.1 200"):
                return time.monotonic()
        time.sleep(PAUSE_S)
    raise machine.Failed("a route that was added never served")


def _add_by_files(bench, peer, setup):
    """Writes the peer's files with more routes, and tells it. Returns when."""
    more = setup._replace(routes=setup.routes + ADDED)
    proxies.PEERS[peer].command(more)  # Envoy watches its files: it may have seen them now
    at = time.monotonic()
    number = {"nginx": signal.SIGHUP, "haproxy": signal.SIGUSR2}.get(peer)
    if number:
        os.kill(bench.proxy_pid, number)
    return at


def _during(bench, seconds, change):
    """Figures of a load while `change` happens, in a thread of its own."""
    results = []

    def act():
        time.sleep(measure.WARM_UP_S + CHANGE_AFTER_S)
        try:
            results.append(change())
        except machine.Failed as failed:
            results.append({"failed": str(failed)})

    thread = threading.Thread(target=act)
    figures = bench.run(["--rate=%d" % RATE], seconds, at_up=thread.start)
    thread.join()
    return {**figures, **results[0]}


def _with_quiet(bench, seconds, change):
    bench.warm_up()
    quiet = bench.run(["--rate=%d" % RATE], seconds)
    figures = _during(bench, seconds, change)
    if "failed" in quiet:
        return quiet
    return {**figures, "quiet_p99_us": quiet["p99_us"], "quiet_p999_us": quiet["p999_us"]}


def run_added(bench, peer, _, seconds):
    with contextlib.ExitStack() as stack:
        controller = None
        if peer == "spawner":
            controller = Controller(bench, bench.routes)
            stack.callback(controller.close)
            setup = bench.start_proxy(peer, command=linked(controller.address))
        else:
            setup = bench.start_proxy(peer)
        last = proxies.host(bench.routes + ADDED - 1)

        def change():
            before = len(bench.proxy_pids())
            if controller:
                controller.ask("add", ADDED)
                last_name = "x%06d.example.test" % (bench.routes + ADDED - 1)
                served = _first_200(setup.port, last_name, time.monotonic() + PATIENCE_S)
                at = controller.answer()["at"]
            else:
                at = _add_by_files(bench, peer, setup)
                served = _first_200(setup.port, last, at + PATIENCE_S)
            more = len(bench.proxy_pids()) - before
            return {"live_ms": (served - at) * 1e3, "processes": more}

        return _with_quiet(bench, max(seconds, 1), change)


def _run_many(bench, seconds, *words):
    controller = Controller(bench, MANY)
    try:
        bench.start_proxy("spawner", command=linked(controller.address))

        def change():
            controller.ask(*words)
            return controller.answer()

        return _with_quiet(bench, seconds, change)
    finally:
        controller.close()


def run_churn(bench, _, __, seconds):
    seconds = max(seconds, 1.5)
    return _run_many(bench, seconds, "churn", CHANGES, seconds - CHANGE_AFTER_S)


def run_table(bench, _, __, seconds):
    return _run_many(bench, max(seconds, 2.5), "reconnect")


TAILS = (Column("quiet_p99_us", "p99 us before"), Column("p99_us", "p99 us meanwhile"),
         Column("quiet_p999_us", "p99.9 us before"), Column("p999_us", "p99.9 us meanwhile"))

CASES = {
    "routes_added": Case(
        "%d routes added under %d requests/s" % (ADDED, RATE), "ms until the last serves",
        cost="live_ms", base="nginx", peers=("spawner", "nginx", "haproxy", "envoy"),
        columns=(Column("processes", "processes more"), *TAILS), run=run_added),
    "routes_churn": Case(
        "{:,} changes/s of {:,} routes under {:,} requests/s".format(CHANGES, MANY, RATE),
        "p99 us meanwhile", cost="p99_us", base="spawner", peers=("spawner",),
        columns=(Column("changes_per_s", "changes/s"),
                 *(column for column in TAILS if column.key != "p99_us")), run=run_churn),
    "routes_table": Case(
        "the link cut and {:,} routes anew under {:,} requests/s".format(MANY, RATE),
        "ms until all are applied", cost="ack_ms", base="spawner", peers=("spawner",),
        columns=TAILS, run=run_table),
}
