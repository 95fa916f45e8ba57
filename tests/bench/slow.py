"""Clients and backends that are slow on purpose, and what they cost the proxy and everybody else.

    with Stage("bazel-bin", folder) as stage:
        figures = slowloris(stage, clients=5000, seconds=13)

The proxy runs with one worker and static routes; "others" are 16 keep-alive clients of a quick backend
at a fixed rate, by tests/bench/load. Everything is on loopback.
"""

import contextlib
import json
import os
import re
import selectors
import socket
import subprocess
import sys
import threading
import time

FAST, LARGE, DEAF = "s0000.example.test", "large.example.test", "deaf.example.test"
OTHERS = ["--connections=16", "--rate=500", "--hosts=1", "--warm-up=0.2"]
PATIENCE_S = 20
FILL_PATIENCE_S = 40
CHUNK = 256 * 1024
# Another process's connections, since its limit of open files is the proxy's as well: says how many
# it has, and leaves when its input ends.
CROWD = """
import socket, sys
port, count = map(int, sys.argv[1:])
held = [socket.create_connection(("127.0.0.1", port), %d) for _ in range(count)]
print(len(held), flush=True)
sys.stdin.read()
""" % PATIENCE_S


class Stage:
    """The proxy, a quick backend, one that sends as much as is asked for, one that never reads."""

    def __init__(self, programs, folder, flags=(), prefix=()):
        """`prefix`: a command that starts the proxy, such as prlimit."""
        self._programs, self._folder = programs, str(folder)
        self._flags, self._prefix = flags, prefix
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            quick = stack.enter_context(self._start("tests/bench/backend"))
            large = stack.enter_context(_Listener(_answer_large))
            deaf = stack.enter_context(_Listener(_hold))
            routes = self._folder + "/routes"
            with open(routes, "w", encoding="ascii") as file:
                for name, port in ((FAST, int(quick.stdout.readline())), (LARGE, large.port),
                                   (DEAF, deaf.port)):
                    file.write("%s 127.0.0.1:%d\n" % (name, port))
            self.log = stack.enter_context(open(self._folder + "/proxy.log", "w+b"))
            self.proxy = stack.enter_context(self._start(
                "proxy/proxy", "--listen=127.0.0.1:0", "--admin-listen=127.0.0.1:0", "--workers=1",
                "--static-routes=" + routes, *self._flags, prefix=self._prefix,
                stdout=self.log, stderr=self.log))
            self.port = self._port_of("proxy_listening")
            self.admin_port = self._port_of("admin_listening")
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    @contextlib.contextmanager
    def _start(self, name, *arguments, prefix=(), stdout=subprocess.PIPE, stderr=None):
        process = subprocess.Popen([*prefix, os.path.join(self._programs, name), *arguments],
                                   stdout=stdout, stderr=stderr)
        try:
            yield process
        finally:
            process.kill()
            process.wait()

    def _port_of(self, event):
        deadline = time.monotonic() + PATIENCE_S
        while True:
            self.log.seek(0)
            found = re.search(rb'"event":"%s","address":"[\d.]+:(\d+)"' % event.encode(), self.log.read())
            if found:
                return int(found[1])
            if self.proxy.poll() is not None or time.monotonic() > deadline:
                self.log.seek(0)
                raise RuntimeError("the proxy did not start: %r" % self.log.read())
            time.sleep(0.02)

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), PATIENCE_S)

    def metrics(self):
        """{"name" or "name{labels}": value}."""
        with socket.create_connection(("127.0.0.1", self.admin_port), PATIENCE_S) as connection:
            connection.sendall(b"GET /metrics HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
        return {name: float(value) for name, value in re.findall(r"^(spawner\S+) (\S+)$", text, re.M)}

    def resident_bytes(self):
        with open("/proc/%d/statm" % self.proxy.pid, encoding="ascii") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

    def sockets(self):
        """What the kernel says that the proxy has open."""
        folder = "/proc/%d/fd" % self.proxy.pid
        links = []
        for name in os.listdir(folder):
            with contextlib.suppress(OSError):
                links.append(os.readlink(os.path.join(folder, name)))
        return sum(link.startswith("socket:") for link in links)

    def others(self, seconds):
        """Begins their load; the result's communicate() gives the figures."""
        return subprocess.Popen(
            [os.path.join(self._programs, "tests/bench/load"), "--port=%d" % self.port,
             "--seconds=%g" % seconds, *OTHERS], stdout=subprocess.PIPE, text=True)


def others_p99_ms(load):
    out, _ = load.communicate(timeout=PATIENCE_S + 120)
    figures = json.loads(out.splitlines()[-1])
    assert figures["n"] > 0 and figures["errors"] == figures["bad"] == 0, figures
    return figures["p99_us"] / 1000


class Watch:
    """Samples the proxy while something runs: the peaks of its memory, and the others' p99."""

    def __init__(self, stage, seconds, others=True):
        self._stage, self._seconds, self._has_others = stage, seconds, others
        self._load = None
        self.figures = {}

    def __enter__(self):
        if self._has_others:
            self.figures["p99_alone_ms"] = others_p99_ms(self._stage.others(min(3, self._seconds)))
        self._before = self._stage.metrics()
        self._resident = self._peak = self._stage.resident_bytes()
        self._held = 0
        self._is_over = threading.Event()
        self._sampler = threading.Thread(target=self._sample)
        self._sampler.start()
        if self._has_others:
            self._load = self._stage.others(self._seconds)
        return self

    def _sample(self):
        while not self._is_over.wait(0.1):
            self._peak = max(self._peak, self._stage.resident_bytes())
            self._held = max(self._held, self._stage.metrics()["spawner_proxy_held_bytes"])

    def __exit__(self, kind, *_):
        if kind is None and self._load:
            self.figures["p99_ms"] = others_p99_ms(self._load)
        self._is_over.set()
        self._sampler.join()
        if self._load and self._load.poll() is None:
            self._load.kill()
            self._load.wait()
        self.figures.update(resident_mib=self._resident / 2**20, peak_mib=self._peak / 2**20,
                            held_mib=self._held / 2**20)

    def since(self, name):
        return int(self._stage.metrics().get(name, 0) - self._before.get(name, 0))


def slowloris(stage, clients, seconds):
    """Heads that come byte by byte, one a second: each is given up after --head-timeout."""
    head = b"GET / HTTP/1.1\r\nHost: " + FAST.encode() + b"\r\nX-Filler: " + b"x" * 200
    with Watch(stage, seconds) as watch, contextlib.ExitStack() as stack:
        open_ones = [stack.enter_context(stage.connect()) for _ in range(clients)]
        deadline = time.monotonic() + seconds
        timed_out = position = peak = 0
        while open_ones and time.monotonic() < deadline:
            began = time.monotonic()
            still = []
            for connection in open_ones:
                try:
                    connection.send(head[position:position + 1])
                    connection.setblocking(False)
                    timed_out += connection.recv(4096).startswith(b"HTTP/1.1 408 ")
                    connection.close()
                except BlockingIOError:
                    still.append(connection)
                except OSError:
                    connection.close()
            open_ones, position = still, position + 1
            peak = max(peak, stage.metrics()['spawner_proxy_connections{kind="client"}'])
            time.sleep(max(0, began + 1 - time.monotonic()))
    return {**watch.figures, "clients": int(peak), "answered_408": timed_out,
            "timeouts": watch.since('spawner_proxy_client_timeouts_total{kind="head"}'),
            "left_open": len(open_ones)}


def never_reading_clients(stage, clients, size, seconds, pause_s=0.0, others=True, refusals=0):
    """Each asks for `size` bytes, `pause_s` after the one before, and takes none. Then more of them,
    until so many were refused for memory: a busy machine takes its time to fill buffers."""
    with Watch(stage, seconds, others) as watch, contextlib.ExitStack() as stack:

        def refused():
            return watch.since('spawner_proxy_requests_refused_total{reason="memory"}')

        def ask_for_much():
            connection = stack.enter_context(stage.connect())
            connection.sendall(b"GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (size, LARGE.encode()))
            time.sleep(pause_s)

        for _ in range(clients):
            ask_for_much()
        time.sleep(seconds)
        deadline = time.monotonic() + FILL_PATIENCE_S
        while refused() < refusals and time.monotonic() < deadline:
            ask_for_much()
            clients += 1
        found = refused()
    return {**watch.figures, "clients": clients, "refused": found}


def never_reading_backend(stage, clients, size, seconds):
    """Each uploads `size` bytes to a backend that accepts and reads nothing."""
    body = b"x" * CHUNK
    sent = 0
    with Watch(stage, seconds) as watch, contextlib.ExitStack() as stack:
        selector = stack.enter_context(selectors.DefaultSelector())
        for _ in range(clients):
            connection = stack.enter_context(stage.connect())
            connection.sendall(b"POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n\r\n" %
                               (DEAF.encode(), size))
            connection.setblocking(False)
            selector.register(connection, selectors.EVENT_WRITE)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for key, _ in selector.select(0.2):
                with contextlib.suppress(BlockingIOError):
                    sent += key.fileobj.send(body)
    return {**watch.figures, "clients": clients, "sent_mib": sent / 2**20}


@contextlib.contextmanager
def crowd(port, count):
    """`count` connections that say nothing; in the kernel's backlog at least."""
    with subprocess.Popen([sys.executable, "-c", CROWD, str(port), str(count)],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            if process.stdout.readline() != b"%d\n" % count:
                raise RuntimeError("%d connections could not be made" % count)
            yield
        finally:
            process.stdin.close()
            process.wait()


def ask(connection):
    """The beginning of the answer to a small request, on a connection that stays."""
    connection.sendall(b"GET / HTTP/1.1\r\nHost: %s\r\n\r\n" % FAST.encode())
    return connection.recv(4096)


def until(done, what, timeout_s=PATIENCE_S):
    deadline = time.monotonic() + timeout_s
    while not done():
        if time.monotonic() > deadline:
            raise RuntimeError(what)
        time.sleep(0.05)


def at_descriptor_limit(stage, seconds):
    """More clients than descriptors: those that are in are served, the others wait; when some go,
    others come in; in the end nothing is open. What is counted is what the kernel has."""
    client_count = 'spawner_proxy_connections{kind="client"}'

    def counted(metrics):
        kinds = {"client": 1, "upstream": 1, "tunnel": 2}
        return sum(metrics['spawner_proxy_connections{kind="%s"}' % kind] * each
                   for kind, each in kinds.items())

    def agrees():
        """Others are both listeners, and perhaps the connection that asked. Within a few looks: the
        two are not asked at one moment."""
        return any(stage.sockets() - counted(stage.metrics()) in (2, 3) for _ in range(20))

    with Watch(stage, seconds) as watch, contextlib.ExitStack() as stack:
        room = int(stage.metrics()["spawner_proxy_descriptors_max"])
        early = stack.enter_context(stage.connect())
        leaving = stack.enter_context(contextlib.ExitStack())
        half = room * 21 // 40  # one of them fits; what is too many for both, into the backlog
        leaving.enter_context(crowd(stage.port, half))
        stack.enter_context(crowd(stage.port, half))
        until(lambda: watch.since("spawner_proxy_accept_pauses_total") > 0, "it did not stop accepting")
        most = int(stage.metrics()[client_count])
        files = stage.sockets()
        assert ask(early).startswith(b"HTTP/1.1 200 ") and agrees(), (files, counted(stage.metrics()))
        leaving.close()
        until(lambda: stage.metrics()[client_count] > half, "it did not go on accepting")
        until(agrees, "what is open is not what is counted")
        with stage.connect() as new:
            assert ask(new).startswith(b"HTTP/1.1 200 ")
        refused = watch.since('spawner_proxy_connections_refused_total{reason="room"}')
    until(lambda: counted(stage.metrics()) == 0 and agrees(), "something is left open", 30)
    return {**watch.figures, "clients": most, "descriptors_max": room, "sockets": files,
            "refused": refused, "pauses": watch.since("spawner_proxy_accept_pauses_total"),
            "left_open": int(counted(stage.metrics()))}


def slow_download(stage, size, bytes_per_s, seconds):
    """One client takes `size` bytes at its own pace; at the end it has them all."""
    got = 0
    with Watch(stage, seconds) as watch, stage.connect() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, CHUNK)
        connection.sendall(b"GET /%d HTTP/1.1\r\nHost: %s\r\n\r\n" % (size, LARGE.encode()))
        began = time.monotonic()
        head = b""
        while b"\r\n\r\n" not in head:
            head += connection.recv(1)
        while got < size:
            got += len(connection.recv(min(CHUNK, size - got)))
            time.sleep(max(0, began + got / bytes_per_s - time.monotonic()))
        took_s = time.monotonic() - began
    return {**watch.figures, "clients": 1, "got_mib": got / 2**20, "took_s": took_s}


class _Listener:
    """A backend in this process: `serve(connection)` in a thread for each connection."""

    def __init__(self, serve):
        self._serve = serve
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._connections = []
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                self._connections.append(connection)
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()


def _answer_large(connection):
    """GET /N: N bytes, once. Backends are on other machines: hundreds of threads that fill buffers must
    not take the processors from the proxy and the others."""
    os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))  # this thread's
    with contextlib.suppress(OSError, IndexError):  # closed, perhaps without a request
        head = connection.recv(65536)
        left = int(head.split()[1][1:])
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % left)
        chunk = b"x" * CHUNK
        while left > 0:
            left -= connection.send(chunk[:left])


def _hold(_):
    """Reads nothing."""
