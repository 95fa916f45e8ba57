"""Messages as bytes: in files of one JSON object a line ("what", "bytes", and "text" for people), and over
gRPC without a contract."""

import base64
import concurrent.futures
import json
import queue

import grpc

from tests.support import api  # noqa: F401, makes the stubs

from spawner.v1 import proxy_link_pb2


def write_json(path, value):
    path.write_text(json.dumps(value, indent=1, sort_keys=True) + "\n")


def write_lines(path, lines):
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def write_messages(path, messages):
    write_lines(path, [{"what": what, "bytes": base64.b64encode(m.SerializeToString(deterministic=True)).decode(),
                        "text": str(m)} for what, m in messages])


def read(path):
    """[(what, bytes)]"""
    with open(path, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    return [(line["what"], base64.b64decode(line["bytes"])) for line in lines]


class Link:
    """The proxy's end of a link, in bytes or messages. `received` are the controller's messages."""

    def __init__(self, channel):
        self._out = queue.Queue()
        self.received = []
        self.error = None
        self._call = channel.stream_stream("/spawner.v1.ProxyLink/Connect")(iter(self._out.get, None))
        self._thread = concurrent.futures.ThreadPoolExecutor(1)
        self._reading = self._thread.submit(self._read)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._out.put(None)
        self._call.cancel()
        self._thread.shutdown()

    def send(self, message):
        self._out.put(message if isinstance(message, bytes) else message.SerializeToString())

    def _read(self):
        try:
            for data in self._call:
                message = proxy_link_pb2.ControllerMessage.FromString(data)
                self.received.append(message)
                if message.HasField("heartbeat"):
                    self.send(proxy_link_pb2.ProxyMessage(heartbeat=proxy_link_pb2.ProxyHeartbeat(
                        sequence=message.heartbeat.sequence)))
                if message.HasField("routes"):
                    leadership = [m.welcome.leadership for m in self.received if m.HasField("welcome")][-1]
                    self.send(proxy_link_pb2.ProxyMessage(ack=proxy_link_pb2.Ack(
                        leadership=leadership, version=message.routes.version)))
        except grpc.RpcError as error:
            self.error = error


class Recorder:
    """A server of any method: keeps the requests, answers UNIMPLEMENTED, or as `answers` ({method: bytes}) say."""

    def __init__(self, answers=None):
        self.requests = []
        self.answers = answers or {}
        recorder = self

        class Handler(grpc.GenericRpcHandler):
            def service(self, details):
                def serve(request, context):
                    recorder.requests.append((details.method, request))
                    if details.method not in recorder.answers:
                        context.abort(grpc.StatusCode.UNIMPLEMENTED, "recorded")
                    yield recorder.answers[details.method]
                return grpc.unary_stream_rpc_method_handler(serve)

        self._server = grpc.server(concurrent.futures.ThreadPoolExecutor(4), handlers=[Handler()])
        self.address = "127.0.0.1:%d" % self._server.add_insecure_port("127.0.0.1:0")

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *_):
        self._server.stop(0).wait()
