"""The controller's gRPC port as any client meets it: health, reflection, and what is no gRPC. Messages
are bytes, so that nothing but grpcio is needed."""

import socket
import time

import grpc
import pytest

from tests.support.controller import get, running, wait_for

SERVING, NOT_SERVING = b"\x08\x01", b"\x08\x02"


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    with running("--local", tmp_path=tmp_path_factory.mktemp("controller")) as started:
        _, _, web, log = started
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        yield started


@pytest.fixture
def channel(controller):
    with grpc.insecure_channel(controller[1]) as opened:
        yield opened


def call(channel, method, request=b"", **options):
    return channel.unary_unary(method)(request, timeout=5, **options)


def field(number, text):
    """One length-delimited field of a protobuf message (lengths below 128)."""
    data = text if isinstance(text, bytes) else text.encode()
    assert len(data) < 128
    return bytes([number << 3 | 2, len(data)]) + data


@pytest.mark.parametrize("service", ["", "spawner.v1.Sessions", "spawner.v1.Templates",
                                     "spawner.v1.Admin", "spawner.v1.ProxyLink"])
def test_ready_controller_is_healthy_as_a_whole_and_by_service(channel, controller, service):
    request = field(1, service) if service else b""
    wait_for(controller[3], lambda: call(
        channel, "/grpc.health.v1.Health/Check", request) == SERVING)


def test_controller_without_kubernetes_answers_but_is_not_healthy(tmp_path):
    config = tmp_path / "kubeconfig"
    config.write_text('{"current-context": "c", "contexts": [{"name": "c", "context": '
                      '{"cluster": "k", "user": "u"}}], "users": [{"name": "u", "user": {}}], '
                      '"clusters": [{"name": "k", "cluster": {"server": "http://127.0.0.1:1"}}]}')
    with running("--base-domain=a.test", "--kubeconfig=%s" % config,
                 tmp_path=tmp_path) as (_, address, _, log):
        wait_for(log, lambda: "keys_unavailable" in log())
        with grpc.insecure_channel(address) as channel:
            assert call(channel, "/grpc.health.v1.Health/Check") == NOT_SERVING
            with pytest.raises(grpc.RpcError) as error:
                call(channel, "/spawner.v1.Admin/GetStatus")
    assert error.value.code() == grpc.StatusCode.UNAVAILABLE
    assert error.value.details().startswith("this controller is not ready: keys: ")


def test_reflection_lists_every_service(channel):
    method = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
    answer = next(method(iter([field(7, "*")]), timeout=5))
    for name in (b"spawner.v1.Sessions", b"spawner.v1.Templates", b"spawner.v1.Admin",
                 b"spawner.v1.ProxyLink", b"grpc.health.v1.Health"):
        assert name in answer


def test_unknown_session_names_it(channel):
    with pytest.raises(grpc.RpcError) as error:
        call(channel, "/spawner.v1.Sessions/GetSession",
             field(1, "namespaces/default/sessions/nobody"))
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert "nobody" in error.value.details()
    details = dict(error.value.trailing_metadata())["grpc-status-details-bin"]
    assert b"SESSION_NOT_FOUND" in details and b"spawner.dev" in details


def test_request_that_is_too_large_names_the_limit(channel):
    env = b"\x0a\x01X\x12" + b"\x80\x80\x40" + b"x" * (1 << 20)  # {"X": 1 MiB}
    spec = b"\x2a" + varint(len(env)) + env
    request = field(1, "namespaces/default") + b"\x1a" + varint(len(spec)) + spec
    with pytest.raises(grpc.RpcError) as error:
        call(channel, "/spawner.v1.Sessions/Connect", request)
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "at most 262144 are allowed" in error.value.details()


def test_a_message_that_is_larger_than_any_is_not_read_and_others_go_on(channel):
    with pytest.raises(grpc.RpcError) as error:
        call(channel, "/spawner.v1.Sessions/Connect", b"x" * (4 << 20) + b"x")
    assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert call(channel, "/grpc.health.v1.Health/Check") == SERVING


def test_a_client_that_vanished_is_probed_and_cut(controller):
    host, port = controller[1].split(":")
    with socket.create_connection((host, int(port)), timeout=30) as peer:
        peer.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\x00\x00\x00\x04\x00\x00\x00\x00\x00")  # SETTINGS
        begin, said = time.monotonic(), b""
        while chunk := peer.recv(4096):
            said += chunk
    assert 13 < time.monotonic() - begin < 25, "a ping after 10 s, cut after 5 s without its answer"
    assert b"\x00\x00\x08\x06\x00" in said, "a PING frame (RFC 9113 6.7)"


def varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


@pytest.mark.parametrize("method", ["Sessions/Connect", "Sessions/WatchSessions",
                                    "Sessions/KeepAlive", "Admin/GetStatus"])
def test_bytes_that_are_no_protobuf_are_an_invalid_argument(channel, method):
    open_call = channel.unary_stream if "Watch" in method else channel.unary_unary
    with pytest.raises(grpc.RpcError) as error:
        list(open_call("/spawner.v1." + method)(b"\xff\xff\xff\xff", timeout=5))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == (
        "/spawner.v1.%s: the request is no protobuf message of this method; build the client from "
        "proto/spawner/v1" % method)
    assert b"INVALID_FIELD" in dict(error.value.trailing_metadata())["grpc-status-details-bin"]


def test_bytes_that_are_no_protobuf_end_a_link_with_a_reason(channel):
    link = channel.stream_stream("/spawner.v1.ProxyLink/Connect")
    with pytest.raises(grpc.RpcError) as error:
        list(link(iter([b"\xff\xff\xff\xff"]), timeout=5))
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert error.value.details() == "message: is no protobuf message of ProxyLink.Connect"


def test_method_that_never_was_is_unimplemented(channel):
    with pytest.raises(grpc.RpcError) as error:
        call(channel, "/spawner.v1.Sessions/Nonsense", b"\xff")
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_bytes_that_are_no_http2_harm_nobody(channel, controller):
    host, port = controller[1].split(":")
    for junk in (b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 4096, b""):
        with socket.create_connection((host, int(port)), timeout=5) as peer:
            peer.sendall(junk)
    assert get(controller[2] + "/readyz")[0] == 200
