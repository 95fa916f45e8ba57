"""A controller that sends many routes, for route_cases: obeys lines of standard input, answers each
with one of JSON.

    route_sender.py BACKEND_PORT HOSTS ROUTES    prints {"address": ...} and waits for a proxy
    add N            N routes more, in one message; the answer says when it was handed to gRPC
    churn RATE S     S seconds of RATE changes a second, ten in each message
    reconnect        cuts the link; the answer comes when the proxy has the whole table again
"""

import json
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__)))))

from tests.bench import proxies  # noqa: E402
from tests.support.fake_controller import FakeController, pb  # noqa: E402

CHANGES_PER_MESSAGE = 10
PATIENCE_S = 30


def name(i, hosts):
    """Of a session: the hosts of the load come first."""
    return proxies.host(i).split(".")[0] if i < hosts else "x%06d" % i


class Sender:
    def __init__(self, controller, backend_port, hosts, routes):
        self._controller, self._port, self._hosts = controller, backend_port, hosts
        self._count = 0
        controller.routes.update(self._more(routes))

    def _route(self, i):
        return FakeController.route(name(i, self._hosts), "OPEN",
                                    address=(proxies.address(i % 60000), self._port))

    def _more(self, count):
        first, self._count = self._count, self._count + count
        return {route.session_id: route for route in map(self._route, range(first, self._count))}

    def _prepare(self, routes):
        return pb.ControllerMessage(routes=pb.Routes(routes=routes))

    def _send(self, message):
        with self._controller._changed:
            self._controller.version += 1
            message.routes.version = self._controller.version
            self._controller._send(message)
            return self._controller.version

    def add(self, count):
        more = self._more(int(count))
        message = self._prepare(more.values())
        at = time.monotonic()
        version = self._send(message)
        self._controller.routes.update(more)
        acked, _ = self._controller.wait(lambda m: m.ack.version >= version, timeout_s=PATIENCE_S)
        return {"at": at, "ack_ms": (acked - at) * 1e3}

    def churn(self, rate, seconds):
        rate, seconds = float(rate), float(seconds)
        chosen = random.Random(1)
        messages = [self._prepare([self._route(chosen.randrange(self._count))
                                   for _ in range(CHANGES_PER_MESSAGE)]) for _ in range(1000)]
        print(json.dumps({"began": time.monotonic()}), flush=True)
        began, sent, version = time.monotonic(), 0, 0
        while (now := time.monotonic()) < began + seconds:
            while sent * CHANGES_PER_MESSAGE < rate * (now - began):
                message = pb.ControllerMessage()
                message.CopyFrom(messages[sent % len(messages)])
                version = self._send(message)
                sent += 1
            time.sleep(0.002)
        self._controller.wait(lambda m: m.ack.version >= version, timeout_s=PATIENCE_S)
        return {"changes_per_s": sent * CHANGES_PER_MESSAGE / (time.monotonic() - began)}

    def reconnect(self):
        at = time.monotonic()
        self._controller.cut()
        acked, _ = self._controller.wait(lambda m: m.ack.version >= self._controller.version,
                                         since=at, timeout_s=PATIENCE_S)
        return {"at": at, "ack_ms": (acked - at) * 1e3}


def main(arguments):
    backend_port, hosts, routes = map(int, arguments)
    with FakeController() as controller:
        sender = Sender(controller, backend_port, hosts, routes)
        print(json.dumps({"address": controller.address}), flush=True)
        for line in sys.stdin:
            command, *words = line.split()
            found = getattr(sender, command)(*words)
            controller.received.clear()
            print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
