"""A session whose backend is a gRPC server, from Connect to its idle end: spec, route, hold, call, count."""

import grpc
import pytest

from tests.support import api
from tests.support.system import LocalSystem, reason_name

LIMIT_S = 20
SERVER = """
import concurrent.futures, grpc, os, time
class Handler(grpc.GenericRpcHandler):
    def service(self, details):
        return grpc.stream_stream_rpc_method_handler(self.talk)
    def talk(self, requests, context):
        metadata = dict(context.invocation_metadata())
        yield ("%s %s" % (metadata["spawner-user"], metadata.get("authorization"))).encode()
        for request in requests:
            yield request[::-1]
time.sleep(1)
server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
server.add_generic_rpc_handlers((Handler(),))
assert server.add_insecure_port(os.environ["HOST"] + ":" + os.environ["PORT"])
server.start()
server.wait_for_termination()
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def test_a_session_that_speaks_grpc(system):
    spec = system.spec(grace=2.0, protocol="H2C")
    spec.command[:] = ["/usr/bin/python3", "-c", SERVER]
    connected = system.connect("grpc", spec=spec)
    session = connected.session.name
    path = "/s/%s/t.T/Talk" % session.rsplit("/", 1)[1]
    address = system.proxies[0].removeprefix("http://")
    with grpc.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as refused:
            list(channel.stream_stream(path)(iter([]), timeout=LIMIT_S))
        assert refused.value.code() == grpc.StatusCode.UNAUTHENTICATED
        # Held until the backend is there; then a call that stays open is use.
        call = channel.stream_stream(path)(
            iter([b"abc"]), timeout=LIMIT_S, metadata=[("authorization", "Bearer " + connected.token)])
        assert list(call) == [b"ada None", b"cba"]
        assert system.get(session).spec.protocol == api.session_pb2.H2C
    system.wait_ended(session)
    assert reason_name(system.get(session)) == "IDLE"
