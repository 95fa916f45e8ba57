"""A running Spawner for tests: `LocalSystem` is controller and proxies as processes on loopback with
the embedded Kubernetes. tests/e2e has the same on a real cluster. Test bodies in tests/system run on both.
"""

import contextlib
import os
import signal
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request

from tests.support import api
from tests.support.ports import free_port

ROOT = api.ROOT
BIN = os.environ.get("SPAWNER_BIN", ROOT)  # under Bazel programs stand at their path in the tree
START_S = 10


def seconds(value):
    """A google.protobuf.Duration of `value` seconds, or None."""
    if value is None:
        return None
    from google.protobuf import duration_pb2
    duration = duration_pb2.Duration()
    duration.FromNanoseconds(int(value * 1e9))
    return duration


class System:
    """What the test bodies use. `proxies` are base URLs: "http://127.0.0.1:8080"."""

    namespace = "default"
    share = 1.0  # of the sessions that a test of many starts

    def __init__(self):
        self.api = None
        self.proxies = []

    def spec(self, env=None, args=(), grace=2.0, initial_grace=None, start_timeout=60,
             stop_grace=2, retention=60, max_lifetime=None, public=False, port=8080,
             backend="echo", **fields):
        """SessionSpec of an example backend."""
        pb = api.session_pb2
        spec = pb.SessionSpec(
            env=env or {}, args=list(args), port=port,
            idle=pb.IdlePolicy(grace=seconds(grace), initial_grace=seconds(
                30 if initial_grace is None else initial_grace)),
            lifetime=pb.Lifetime(start_timeout=seconds(start_timeout), stop_grace=seconds(stop_grace),
                                 retention=seconds(retention), max=seconds(max_lifetime)),
            access=pb.Access(mode=pb.PUBLIC if public else pb.TOKEN))
        self.set_backend(spec, backend)
        spec.MergeFrom(pb.SessionSpec(**fields))
        return spec

    def set_backend(self, spec, name):
        """Sets what runs the example backend of this name."""
        raise NotImplementedError

    def slow_down(self, spec, seconds):
        """Makes the start take at least this long, where it would not by itself."""
        raise NotImplementedError

    def connect(self, key, spec=None, user="ada", timeout=20, **spec_options):
        """Connect with the echo backend; spec=False sends none."""
        pb = api.sessions_pb2
        request = pb.ConnectRequest(
            parent="namespaces/" + self.namespace, key=api.session_pb2.SessionKey(name=key),
            grant=pb.GrantSpec(user=user))
        if spec is not False:
            request.spec.CopyFrom(spec or self.spec(**spec_options))
        return self.api.sessions.Connect(request, timeout=timeout)

    def get(self, name, epoch=0):
        return self.api.sessions.GetSession(
            api.sessions_pb2.GetSessionRequest(name=name, epoch=epoch), timeout=10)

    def terminate(self, name, **options):
        return self.api.sessions.TerminateSession(
            api.sessions_pb2.TerminateSessionRequest(name=name, **options), timeout=10)

    def wait(self, name, condition, timeout, epoch=0, what="the condition"):
        """The session once condition(session) holds; an error that shows its last state otherwise."""
        deadline = time.monotonic() + timeout
        while True:
            session = self.get(name, epoch)
            if condition(session):
                return session
            if time.monotonic() > deadline:
                raise AssertionError("no %s within %g s: %s" % (what, timeout, session))
            time.sleep(0.02)

    def wait_state(self, name, *states, timeout=30, epoch=0):
        numbers = [api.session_pb2.SessionState.Value(state) for state in states]
        return self.wait(name, lambda s: s.state in numbers, timeout, epoch, "/".join(states))

    def wait_ended(self, name, timeout=30, epoch=0):
        return self.wait_state(name, "TERMINATED", timeout=timeout, epoch=epoch)

    def url(self, connected, path="", proxy=0, websocket=False, token=True):
        """The session's URL in path form through one proxy; `path` is below it ("sse?n=0")."""
        base = urllib.parse.urlsplit(self.proxies[proxy])
        extra = urllib.parse.urlsplit(path)
        query = "&".join(filter(None, (
            extra.query, "spawner_token=" + connected.token if token else "")))
        session_id = connected.session.name.rsplit("/", 1)[1]
        return urllib.parse.urlunsplit(("ws" if websocket else "http", base.netloc,
                                        "/s/%s/%s" % (session_id, extra.path), query, ""))


def reason_name(session):
    return api.session_pb2.EndReason.Name(session.reason)


class LocalSystem(System):
    """Processes on loopback. Ends only what it started."""

    def __init__(self, log_dir, proxies=1, controller_flags=(), proxy_flags=()):
        super().__init__()
        self.log_dir = str(log_dir)
        self.controller_flags = list(controller_flags)
        self.proxy_flags = list(proxy_flags)
        self.processes = {}
        self.grpc = "127.0.0.1:%d" % free_port()
        self.http = "127.0.0.1:%d" % free_port()
        self.admin = []
        for _ in range(proxies):
            self.proxies.append("http://127.0.0.1:%d" % free_port())
            self.admin.append("127.0.0.1:%d" % free_port())

    def __enter__(self):
        try:
            self.start_controller()
            for index in range(len(self.proxies)):
                self.start_proxy(index)
        except BaseException:
            self.close()
            raise
        self.api = api.Api(self.grpc)
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        if self.api:
            self.api.close()
        for name in sorted(self.processes, reverse=True):  # proxies before the controller
            self.stop(name)

    def set_backend(self, spec, name):
        spec.command.append(os.path.join(BIN, "deploy/examples", name, name))

    def slow_down(self, spec, seconds):
        spec.command[:] = ["/bin/sh", "-c", 'sleep %g; exec "$0" "$@"' % seconds, *spec.command]

    def start_controller(self):
        self._start("controller", "controller/controller", [
            "--local", "--listen=" + self.grpc, "--http-listen=" + self.http,
            "--public-url=" + self.proxies[0]] + self.controller_flags)
        self.wait_ready("controller", self.http)

    def start_proxy(self, index):
        name = "proxy%d" % index
        self._start(name, "proxy/proxy", [
            "--listen=" + urllib.parse.urlsplit(self.proxies[index]).netloc,
            "--admin-listen=" + self.admin[index], "--controller=" + self.grpc] + self.proxy_flags)
        self.wait_ready(name, self.admin[index])

    def _start(self, name, program, flags):
        log = open(os.path.join(self.log_dir, name + ".log"), "ab")
        with log:
            self.processes[name] = subprocess.Popen(
                [os.path.join(BIN, program)] + flags, stdout=log, stderr=log,
                stdin=subprocess.DEVNULL)

    def log(self, name):
        with open(os.path.join(self.log_dir, name + ".log"), encoding="utf-8", errors="replace") as f:
            return f.read()

    def wait_ready(self, name, address):
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline and self.processes[name].poll() is None:
            with contextlib.suppress(OSError, urllib.error.URLError):
                with urllib.request.urlopen("http://%s/readyz" % address, timeout=1):
                    return
            time.sleep(0.02)
        raise AssertionError("%s is not ready after %d s:\n%s" % (name, START_S, self.log(name)[-4000:]))

    def kill(self, name):
        """SIGKILL; returns when the process is gone."""
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name, timeout=15):
        """SIGTERM; returns the exit code."""
        process = self.processes.pop(name)
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            return process.wait(timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError("%s did not end within %d s of SIGTERM:\n%s" % (
                name, timeout, self.log(name)[-4000:]))
