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
WARM_UP_S = 0.4
START_PATIENCE_S = 30
LOAD_PATIENCE_S = 90
OTHERS_MAX = 0.1  # cores; more than that and a figure is marked
RATE_MIN = 0.97  # of the wanted rate; below it the proxy could not hold it


class Bench:
    """The backend, and one proxy at a time. To be entered and left."""

    def __init__(self, programs, routes, folder):
        self.programs, self.routes, self.folder = programs, routes, folder
        self.memo = {}  # what cases find out once in a run
        self._stack = contextlib.ExitStack()
        self._proxy = None

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            self._log = stack.enter_context(open(self.folder + "/log", "ab"))
            self._proxy_group = stack.enter_context(machine.Group("proxy"))
            self._load_group = stack.enter_context(machine.Group("load"))
            backend = machine.start([self.programs + "/tests/bench/backend"], LOAD_CORE,
                                    self._load_group, self._log, stdout=subprocess.PIPE)
            stack.callback(machine.reap, backend)
            line = backend.stdout.readline()
            if not line:
                raise machine.Failed("the backend did not start; " + self.log_end())
            self.backend_port = int(line)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self.stop_proxy()
        self._stack.close()

    def log_end(self):
        return "its log ends:\n" + machine.read(self.folder + "/log")[-2000:]

    def start_proxy(self, name, command=None, **options):
        """Ends the one before. `command`: another than the peer's; `options`: of Setup."""
        self.stop_proxy()
        self._port = machine.free_port()
        setup = proxies.Setup(**{"folder": self.folder, "port": self._port,
                                 "backend_port": self.backend_port, "routes": self.routes,
                                 "programs": self.programs, **options})
        self._proxy = machine.start(
            (command or proxies.PEERS[name].command)(setup), PROXY_CORE, self._proxy_group, self._log,
            env={**os.environ, "PATH": proxies.SEARCH_PATH}, cwd=self.folder)
        deadline = time.monotonic() + START_PATIENCE_S
        while not self._answers():
            if self._proxy.poll() is not None or time.monotonic() > deadline:
                raise machine.Failed("%s did not start; %s" % (name, self.log_end()))
            time.sleep(0.05)
        return setup

    def has(self, name):
        return name in self.memo.get("peers", ())

    @property
    def proxy_pid(self):
        return self._proxy.pid

    def proxy_pids(self):
        return self._proxy_group.pids()

    def companion(self, argv):
        """A process that counts as load; talks by its standard input and output. To be reaped."""
        return machine.start(argv, LOAD_CORE, self._load_group, self._log, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, text=True)

    def client(self, argv, patience_s):
        """The output of a client that is no program of ours."""
        process = machine.start(argv, LOAD_CORE, self._load_group, subprocess.STDOUT,
                                stdout=subprocess.PIPE, text=True)
        try:
            return process.communicate(timeout=patience_s)[0]
        except subprocess.TimeoutExpired as expired:
            raise machine.Failed("a client hangs: %s" % expired) from expired
        finally:
            machine.reap(process)

    @contextlib.contextmanager
    def watch(self):
        """What the time within the block cost: cpu_s of the proxy, wall_s, other_cpu."""
        own = (self._proxy_group, self._load_group)
        others = machine.busy_s() - sum(group.cpu_s() for group in own)
        cpu, began, found = self._proxy_group.cpu_s(), time.monotonic(), {}
        yield found
        found["wall_s"] = time.monotonic() - began
        found["cpu_s"] = self._proxy_group.cpu_s() - cpu
        others = machine.busy_s() - sum(group.cpu_s() for group in own) - others
        found["other_cpu"] = max(0, others) / found["wall_s"]

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
            [self.programs + "/tests/bench/load", "--port=%d" % self._port,
             "--hosts=%d" % self.routes, "--cpu-file=" + self._proxy_group.cpu_file,
             "--warm-up=%g" % WARM_UP_S, "--seconds=%g" % seconds, *flags],
            LOAD_CORE, self._load_group, subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def warm_up(self):
        """Opens upstream connections, and lets the proxy allocate what it keeps."""
        self.run(["--rate=4000"], 0.5)

    def run(self, flags, seconds, at_up=lambda: None):
        """The load's figures; at_up is called when all connections are open."""
        with self.watch() as found:
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
        return {**json.loads(out), "other_cpu": found["other_cpu"]}

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
    wrong = sum(figures.get(kind, 0) for kind in ("errors", "bad", "dropped"))
    if wrong:
        found.append("%d errors (%s)" % (wrong, figures["first_error"]))
    if figures.get("holds_rate") is False:
        found.append("rate not held")
    if figures["other_cpu"] > OTHERS_MAX and not case.is_memory:
        found.append("others used %.1f cores" % figures["other_cpu"])
    return found
