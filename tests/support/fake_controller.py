"""A controller that does what a test says: the other end of a proxy's link, and its signing key.

    with FakeController() as controller:
        controller.put(controller.route("k7x2", "OPEN", address=echo.address))
        ack = controller.wait(lambda m: m.HasField("ack") and m.ack.version >= 2)
"""

import base64
import concurrent.futures
import contextlib
import json
import os
import queue
import subprocess
import tempfile
import threading
import time

import grpc

from tests.support import api  # makes the stubs
from spawner.v1 import proxy_link_pb2 as pb
from spawner.v1 import proxy_link_pb2_grpc
from spawner.v1 import session_pb2

WAIT_S = 10


def _base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class SigningKey:
    """An Ed25519 key of its own, by openssl."""

    def __init__(self, key_id="k1"):
        self.id = key_id
        self._directory = tempfile.TemporaryDirectory(prefix="spawner-key-")
        self._path = os.path.join(self._directory.name, "key.pem")
        subprocess.check_call(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self._path])
        der = subprocess.check_output(["openssl", "pkey", "-in", self._path, "-pubout", "-outform", "DER"])
        self.public_key = der[-32:]

    def token(self, session, user="ada", claims=None, ttl_s=600, now_s=None, namespace="default",
              grant="g-1"):
        """A grant as base/token.h has it."""
        now = int(time.time() if now_s is None else now_s)
        header = {"alg": "EdDSA", "kid": self.id, "typ": "JWT"}
        payload = {"iss": "spawner", "sub": user, "sid": session, "ns": namespace, "jti": grant,
                   "iat": now, "exp": now + ttl_s}
        if claims:
            payload["claims"] = claims
        text = ".".join(_base64url(json.dumps(part).encode()) for part in (header, payload))
        data = os.path.join(self._directory.name, "data")
        with open(data, "w", encoding="ascii") as file:
            file.write(text)
        signature = subprocess.check_output(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self._path, "-in", data])
        return text + "." + _base64url(signature)


class FakeController(proxy_link_pb2_grpc.ProxyLinkServicer):
    """Serves one link at a time. Attributes may be changed at any time between links."""

    def __init__(self, leadership=1, key=None):
        self.leadership = leadership
        self.key = key or SigningKey()
        self.clock_ahead_s = 0       # of this controller before the machine's clock
        self.renewal_secret = b""    # of VerificationKey
        self.refuses = False         # new links
        self.not_leader = None       # answer with this NotLeader
        self.sends_table = True
        self.routes = {}
        self.version = 1
        self.known = {}              # id -> Route: answers to queries
        self.received = []           # (time.monotonic(), ProxyMessage), over all links
        self._changed = threading.Condition()
        self._outbox = None
        self._context = None
        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        proxy_link_pb2_grpc.add_ProxyLinkServicer_to_server(self, self._server)
        self.address = "127.0.0.1:%d" % self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self.cut()
        self._server.stop(0).wait()

    # --- what a test does ---

    @staticmethod
    def route(session, state, address=None, epoch=1, public=True, **fields):
        route = pb.Route(session_id=session, namespace="default", epoch=epoch, state=state,
                         access=session_pb2.Access(
                             mode=session_pb2.PUBLIC if public else session_pb2.TOKEN), **fields)
        if address:
            route.ip, route.port = address
        return route

    def put(self, *routes):
        """Publishes them as one version, which it returns."""
        with self._changed:
            self.version += 1
            self.routes.update({route.session_id: route for route in routes})
            self._send(pb.ControllerMessage(routes=pb.Routes(version=self.version, routes=routes)))
            return self.version

    def send_table(self):
        with self._changed:
            self._send(self._table())

    def inspect(self, sequence, session, most=20):
        """The answer comes as `inspected` with the same sequence."""
        with self._changed:
            self._send(pb.ControllerMessage(inspect=pb.Inspect(
                sequence=sequence, session_id=session, connections_max=most)))

    def drain(self, seconds):
        drain = pb.Drain()
        drain.deadline.FromMilliseconds(int(1000 * seconds))
        with self._changed:
            self._send(pb.ControllerMessage(drain=drain))

    def cut(self):
        """The link breaks now; the proxy dials again unless `refuses`."""
        with self._changed:
            context, self._context, self._outbox = self._context, None, None
        if context:
            context.cancel()

    def wait(self, condition, since=0.0, timeout_s=WAIT_S):
        """The first message received after `since` for which condition(message) holds, with its time."""
        deadline = time.monotonic() + timeout_s
        with self._changed:
            while True:
                for at, message in self.received:
                    if at >= since and condition(message):
                        return at, message
                if not self._changed.wait(deadline - time.monotonic()) and time.monotonic() >= deadline:
                    raise AssertionError("not received: %s" % [str(m) for _, m in self.received[-5:]])

    def gate(self, session, version, timeout_s=WAIT_S):
        """The count of a gate closed at `version`."""
        _, message = self.wait(lambda m: any(g.session_id == session and g.gate_version == version
                                             for g in m.ack.gates), timeout_s=timeout_s)
        return next(g for g in message.ack.gates if g.session_id == session)

    def acked(self, version):
        self.wait(lambda m: m.HasField("ack") and m.ack.version >= version)

    # --- the other side ---

    def Connect(self, request_iterator, context):
        if self.refuses:
            context.abort(grpc.StatusCode.UNAVAILABLE, "refuses")
        self._take(next(request_iterator))
        if self.not_leader is not None:
            yield pb.ControllerMessage(not_leader=self.not_leader)
            return
        outbox = queue.Queue()
        with self._changed:
            self._outbox, self._context = outbox, context
            self._send(self._welcome())
            if self.sends_table:
                self._send(self._table())
        threading.Thread(target=self._read, args=(request_iterator, outbox), daemon=True).start()
        sequence = 0
        while context.is_active():
            with contextlib.suppress(queue.Empty):
                message = outbox.get(timeout=0.5)
                if message is None:
                    return
                yield message
                continue
            sequence += 1
            heartbeat = pb.ControllerHeartbeat(sequence=sequence)
            heartbeat.now.FromMicroseconds(self._now_us())
            yield pb.ControllerMessage(heartbeat=heartbeat)

    def _read(self, requests, outbox):
        with contextlib.suppress(grpc.RpcError, Exception):  # however the link ends
            for message in requests:
                self._take(message)
                if message.HasField("query"):
                    self._answer(message.query.session_id)
        outbox.put(None)  # the proxy has closed its side

    def _answer(self, session):
        route = self.known.get(session)
        if route:
            self.put(route)
        else:
            with self._changed:
                self._send(pb.ControllerMessage(unknown=pb.RouteUnknown(session_id=session)))

    def _take(self, message):
        with self._changed:
            self.received.append((time.monotonic(), message))
            self._changed.notify_all()

    def _send(self, message):
        if self._outbox is not None:
            self._outbox.put(message)

    def _now_us(self):
        return int((time.time() + self.clock_ahead_s) * 1e6)

    def _welcome(self):
        welcome = pb.Welcome(controller_id="fake", leadership=self.leadership, keys=[
            pb.VerificationKey(id=self.key.id, public_key=self.key.public_key,
                               renewal_secret=self.renewal_secret)])
        welcome.now.FromMicroseconds(self._now_us())
        welcome.heartbeat_interval.FromMilliseconds(500)
        return pb.ControllerMessage(welcome=welcome)

    def _table(self):
        return pb.ControllerMessage(routes=pb.Routes(
            snapshot=True, last=True, version=self.version, routes=self.routes.values()))
