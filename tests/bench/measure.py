"""One proxy under one load, measured."""

import contextlib
import json
import os
import socket
import subprocess
import time

from tests.bench import machine
from tests.bench import proxies

PROXY_CORE, LOAD_CORE = 0, 1
WARM_UP_S = 0.7
START_PATIENCE_S = 30
LOAD_PATIENCE_S = 90
OTHERS_MAX = 0.1  # cores; more than that and a figure is marked
RATE_MIN = 0.97  # of the wanted rate; below it the proxy could not hold it


class Bench:
    """The backend, and one proxy at a time. To be entered and left."""

    def __init__(self, programs, routes, folder):
        self._programs, self._routes, self._folder = programs, routes, folder
        self._stack = contextlib.ExitStack()
        self._proxy = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(open(self._folder + "/log", "ab"))
            self._proxy_group = stack.enter_context(machine.Group("proxy"))
            self._load_group = stack.enter_context(machine.Group("load"))
            backend = machine.start([self._programs + "/tests/bench/backend"], LOAD_CORE,
                                    self._load_group, self._log, stdout=subprocess.PIPE)
            stack.callback(machine.reap, backend)
            line = backend.stdout.readline()
            if not line:
                raise machine.Failed("the backend did not start; " + self.log_end())
            self._backend_port = int(line)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stop_proxy()
        self._stack.close()

    def log_end(self):
        return "its log ends:\n" + machine.read(self._folder + "/log")[-2000:]

    def start_proxy(self, name):
        """Ends the one before."""
        self.stop_proxy()
        self._port = machine.free_port()
        setup = proxies.Setup(self._folder, self._port, self._backend_port, self._routes,
                              self._programs)
        self._proxy = machine.start(
            proxies.PEERS[name].command(setup), PROXY_CORE, self._proxy_group, self._log,
            env={**os.environ, "PATH": proxies.SEARCH_PATH}, cwd=self._folder)
        deadline = time.monotonic() + START_PATIENCE_S
        while not self._answers():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                raise machine.Failed("%s did not start; %s" % (name, self.log_end()))
            time.sleep(0.05)

    def stop_proxy(self):
        if self._proxy is not None:
            self._proxy_group.end_all()
            machine.reap(self._proxy)
            self._proxy = None

    def _answers(self):
        request = "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n" % proxies.host(0)
        try:
            with socket.create_connection(("127.0.0.1", self._port), 1) as connection:
                connection.settimeout(3)
                connection.sendall(request.encode())
                return b" 200 " in connection.recv(4096)
        except OSError:
            return False

    def _load(self, flags, seconds):
        return machine.start(
            [self._programs + "/tests/bench/load", "--port=%d" % self._port,
             "--hosts=%d" % self._routes, "--cpu-file=" + self._proxy_group.cpu_file,
             "--warm-up=%g" % WARM_UP_S, "--seconds=%g" % seconds, *flags],
            LOAD_CORE, self._load_group, subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def warm_up(self):
        """Opens upstream connections, and lets the proxy allocate what it keeps."""
        self.run(["--rate=4000"], 0.5)

    def run(self, flags, seconds, at_up=lambda: None):
        """The load's figures; at_up is called when all connections are open."""
        own = (self._proxy_group, self._load_group)
        before = machine.busy_s() - sum(group.cpu_s() for group in own)
        began = time.monotonic()
        load = self._load(flags, seconds)
        try:
            if load.stdout.readline().startswith('{"up"'):
                at_up()
            out, error = load.communicate(timeout=LOAD_PATIENCE_S + seconds)
        except subprocess.TimeoutExpired as expired:
            raise machine.Failed("the load hangs: %s" % expired) from expired
        finally:
            machine.reap(load)
        if load.returncode != 0:
            return {"failed": error.strip()}
        after = machine.busy_s() - sum(group.cpu_s() for group in own)
        return {**json.loads(out), "other_cpu": max(0, after - before) / (time.monotonic() - began)}

    def measure(self, case, seconds):
        if case.is_memory:
            return self._measure_memory(case, seconds)
        figures = self.run(case.load_flags(), seconds)
        if case.rate and "failed" not in figures:
            is_slow = figures["rps"] < RATE_MIN * case.rate
            figures["holds_rate"] = not (is_slow or figures["late"])
        return figures

    def _measure_memory(self, case, seconds):
        """What the connections add to the memory of a proxy that has just started."""
        user, slab = self._proxy_group.memory_bytes(), machine.kernel_slab_bytes()
        found = {}

        def at_up():
            time.sleep(WARM_UP_S)
            found["user"] = self._proxy_group.memory_bytes()
            found["slab"] = machine.kernel_slab_bytes()

        figures = self.run(case.load_flags(), seconds, at_up)
        if "failed" in figures:
            return figures
        count = max(figures["open"], 1)
        return {**figures, "user_bytes": (found["user"] - user) / count,
                "kernel_bytes": (found["slab"] - slab) / count}


def marks(case, figures):
    """What makes one measurement less than sound, in words."""
    if "failed" in figures:
        return ["failed: " + figures["failed"]]
    found = []
    wrong = figures["errors"] + figures["bad"] + figures["dropped"]
    if wrong:
        found.append("%d errors (%s)" % (wrong, figures["first_error"]))
    if figures.get("holds_rate") is False:
        found.append("rate not held")
    if figures["other_cpu"] > OTHERS_MAX and not case.is_memory:
        found.append("others used %.1f cores" % figures["other_cpu"])
    return found
