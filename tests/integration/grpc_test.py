"""gRPC through the proxy to a backend that speaks h2c: grpcio on both ends, and HTTP/1.1 in front."""

import concurrent.futures
import contextlib
import socket
import struct
import subprocess
import threading
import time

import grpc
import pytest

from tests.support.backend import Backend
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"
LIMIT_S = 20
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
           ("grpc.use_local_subchannel_pool", 1)]
CALLS = 100


class Service(grpc.GenericRpcHandler):
    """Messages are bytes. `ended` is set when a call of Wait is over for the backend."""

    def __init__(self):
        self.ended = threading.Event()
        self.waiting = threading.Event()
        self.step = threading.Semaphore(0)
        self.barrier = threading.Barrier(CALLS)

    def service(self, details):
        made = {
            "Echo": grpc.unary_unary_rpc_method_handler(self.echo),
            "Together": grpc.unary_unary_rpc_method_handler(self.together),
            "Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "Count": grpc.unary_stream_rpc_method_handler(self.count),
            "Join": grpc.stream_unary_rpc_method_handler(self.join),
            "Talk": grpc.stream_stream_rpc_method_handler(self.talk),
            "Leave": grpc.stream_stream_rpc_method_handler(self.leave),
        }
        return made.get(details.method.rpartition("/")[2])

    def echo(self, request, context):
        metadata = dict(context.invocation_metadata())
        context.send_initial_metadata([("x-first", metadata.get("x-mine", ""))])
        context.set_trailing_metadata([("x-last", "1"), ("x-last-bin", b"\x00\xff"),
                                       ("x-seen-for", metadata.get("x-forwarded-for", ""))])
        return request

    def together(self, request, _context):
        self.barrier.wait(LIMIT_S)
        return request

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, "not here: 100 % über")

    def wait(self, _request, context):
        context.add_callback(self.ended.set)
        self.waiting.set()
        self.ended.wait(LIMIT_S)
        return b""

    def count(self, request, _context):
        for i in range(int(request)):
            yield b"%d" % i
            assert self.step.acquire(timeout=LIMIT_S)  # the client has it

    def join(self, requests, _context):
        return b"".join(requests)

    def talk(self, requests, _context):
        for request in requests:
            yield request[::-1]

    def leave(self, requests, context):
        context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "enough of %d" % len(next(requests)))


@contextlib.contextmanager
def serving(service, port=0):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(CALLS + 20), options=OPTIONS + [("grpc.so_reuseport", 0)])
    server.add_generic_rpc_handlers((service,))
    bound = server.add_insecure_port("127.0.0.1:%d" % port)
    server.start()
    server.port = bound
    try:
        yield server
    finally:
        server.stop(0).wait(LIMIT_S)


def start(tmp_path, port, *flags, name="proxy"):
    routes = tmp_path / (name + ".routes")
    routes.write_text("app.test 127.0.0.1:%d h2c\n" % port)
    return Proxy(None, tmp_path / (name + ".log"), ["--static-routes=%s" % routes, "--workers=2", *flags])


@contextlib.contextmanager
def channel_to(proxy):
    with grpc.insecure_channel("%s:%d" % proxy.address,
                               options=OPTIONS + [("grpc.default_authority", "app.test")]) as channel:
        yield channel


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def backend(service):
    with serving(service) as server:
        yield server


@pytest.fixture
def proxy(tmp_path, backend):
    with start(tmp_path, backend.port) as proxy:
        yield proxy


@pytest.fixture
def channel(proxy):
    with channel_to(proxy) as channel:
        yield channel


def test_unary_calls_carry_metadata_both_ways_and_trailers(channel):
    response, call = channel.unary_unary("/t.T/Echo").with_call(b"hello", metadata=[("x-mine", "7")], timeout=LIMIT_S)
    assert response == b"hello"
    assert ("x-first", "7") in [tuple(pair) for pair in call.initial_metadata()]
    trailing = {pair.key: pair.value for pair in call.trailing_metadata()}
    assert trailing == {"x-last": "1", "x-last-bin": b"\x00\xff", "x-seen-for": "127.0.0.1"}
    assert channel.unary_unary("/t.T/Echo")(b"", timeout=LIMIT_S) == b""


def test_server_streaming_brings_each_message_before_the_next_is_made(channel, service):
    got = []
    for message in channel.unary_stream("/t.T/Count")(b"5", timeout=LIMIT_S):
        got.append(message)
        service.step.release()
    assert got == [b"0", b"1", b"2", b"3", b"4"]


def test_client_streaming_brings_every_message(channel):
    assert channel.stream_unary("/t.T/Join")((b"%d," % i for i in range(100)), timeout=LIMIT_S) == b"".join(
        b"%d," % i for i in range(100))


def test_bidirectional_messages_arrive_before_the_next_is_sent(channel):
    step = threading.Semaphore(0)

    def ask():
        for i in range(20):
            yield b"ping%d" % i
            assert step.acquire(timeout=LIMIT_S)  # the answer to it has come

    answers = []
    for answer in channel.stream_stream("/t.T/Talk")(ask(), timeout=LIMIT_S):
        answers.append(answer)
        step.release()
    assert answers == [(b"ping%d" % i)[::-1] for i in range(20)]


def test_an_error_brings_its_code_and_message(channel):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/t.T/Fail")(b"", timeout=LIMIT_S)
    assert failed.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert failed.value.details() == "not here: 100 % über"


def test_an_error_while_the_client_still_sends_ends_the_call(channel):
    def ask():
        yield b"four"
        time.sleep(LIMIT_S)
        yield b"never"

    with pytest.raises(grpc.RpcError) as failed:
        list(channel.stream_stream("/t.T/Leave")(ask(), timeout=LIMIT_S / 2))
    assert failed.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert failed.value.details() == "enough of 4"


def test_trailers_only(channel):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/t.T/Nothing")(b"", timeout=LIMIT_S)
    assert failed.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_deadline_reaches_the_backend(channel, service):
    with pytest.raises(grpc.RpcError) as failed:
        channel.unary_unary("/t.T/Wait")(b"", timeout=1)
    assert failed.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert service.ended.wait(LIMIT_S)


def test_a_cancel_reaches_the_backend(channel, service):
    call = channel.unary_unary("/t.T/Wait").future(b"")
    assert service.waiting.wait(LIMIT_S)
    call.cancel()
    assert service.ended.wait(LIMIT_S)


def test_a_client_that_is_gone_is_a_cancel(proxy, service):
    with channel_to(proxy) as channel:
        call = channel.unary_unary("/t.T/Wait").future(b"")
        assert service.waiting.wait(LIMIT_S)
    assert call.done()
    assert service.ended.wait(LIMIT_S)


def test_messages_of_4_mib(channel):
    message = bytes(range(256)) * (4 * 1024 * 4)
    assert channel.unary_unary("/t.T/Echo")(message, timeout=LIMIT_S) == message


def test_a_hundred_calls_at_once(channel, proxy):
    call = channel.unary_unary("/t.T/Together")
    futures = [call.future(b"%d" % i, timeout=LIMIT_S) for i in range(CALLS)]
    assert [future.result() for future in futures] == [b"%d" % i for i in range(CALLS)]
    wait_for(lambda: proxy.metric("spawner_proxy_requests_total{code=\"200\"}") == CALLS)


def test_http1_clients_get_the_trailers_as_well(proxy):
    message = b"hello"
    body = struct.pack(">BI", 0, len(message)) + message
    with socket.create_connection(proxy.address, LIMIT_S) as client:
        client.sendall(b"POST /t.T/Echo HTTP/1.1\r\nHost: app.test\r\nContent-Type: application/grpc\r\n"
                       b"TE: trailers\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n" % (len(body), body))
        got = b""
        while not got.endswith(b"\r\n\r\n") or b"\r\n0\r\n" not in got:
            piece = client.recv(65536)
            assert piece, got
            got += piece
    head, _, rest = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding: chunked" in head.lower()
    assert b"connection: close" not in head.lower()  # its connection stays
    assert body in rest
    assert b"\r\n0\r\n" in rest and b"grpc-status: 0\r\n" in rest.partition(b"\r\n0\r\n")[2]


def test_curl_speaks_http1_to_an_h2c_backend(proxy):
    result = subprocess.run(
        ["curl", "-sS", "-i", "--http1.1", "--max-time", "20", "-H", "Host: app.test",
         "-H", "Content-Type: application/grpc", "--data-binary", "@-",
         "http://%s:%d/t.T/Nothing" % proxy.address], input=b"\0\0\0\0\0", capture_output=True)
    assert result.returncode == 0, result.stderr
    assert b"HTTP/1.1 200" in result.stdout
    assert b"grpc-status: 12" in result.stdout


def test_waits_for_a_backend_that_comes_up_late(tmp_path, service):
    with socket.socket() as reserved:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    with start(tmp_path, port) as proxy, channel_to(proxy) as channel:
        call = channel.unary_unary("/t.T/Echo").future(b"early", timeout=LIMIT_S)
        time.sleep(0.3)
        with serving(service, port):
            assert call.result() == b"early"


def test_a_backend_that_restarts_is_found_again(tmp_path, service):
    with serving(service) as first:
        port = first.port
        proxy = start(tmp_path, port)
        with proxy, channel_to(proxy) as channel:
            call = channel.unary_unary("/t.T/Echo")
            assert call(b"1", timeout=LIMIT_S) == b"1"
            first.stop(0).wait(LIMIT_S)
            time.sleep(5.1)  # the route is no longer young: no patience with a refusal
            with pytest.raises(grpc.RpcError) as failed:
                call(b"2", timeout=LIMIT_S)
            assert failed.value.code() == grpc.StatusCode.UNAVAILABLE
            with serving(service, port):
                assert call(b"3", timeout=LIMIT_S) == b"3"


def test_a_graceful_stop_loses_no_call(tmp_path, service):
    """The backend says GOAWAY while calls run: those finish, new ones find its successor."""
    with serving(service) as first:
        with start(tmp_path, first.port) as proxy, channel_to(proxy) as channel:
            running = channel.stream_unary("/t.T/Join")
            step = threading.Event()

            def ask():
                yield b"a"
                step.wait(LIMIT_S)
                yield b"b"

            call = running.future(ask(), timeout=LIMIT_S)
            assert channel.unary_unary("/t.T/Echo")(b"x", timeout=LIMIT_S) == b"x"
            stopped = first.stop(LIMIT_S)
            with serving(service, first.port):
                assert channel.unary_unary("/t.T/Echo")(b"y", timeout=LIMIT_S) == b"y"
                step.set()
                assert call.result() == b"ab"
                assert stopped.wait(LIMIT_S)


def test_a_backend_of_http1_is_a_502(tmp_path):
    with Backend(ECHO) as echo, start(tmp_path, echo.address[1]) as proxy:
        time.sleep(5.1)
        status, _, text = proxy.request("/headers", headers={"Host": "app.test"})
        assert status == 502
        assert "HTTP/2" in text


def test_grpc_over_tls(tmp_path, backend):
    pair = [str(tmp_path / "tls.key"), str(tmp_path / "tls.crt")]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-keyout", pair[0], "-out", pair[1], "-days", "2", "-subj", "/CN=app.test",
                    "-addext", "subjectAltName=DNS:app.test"], check=True, capture_output=True)
    with start(tmp_path, backend.port, "--tls-listen=127.0.0.1:0", "--tls-cert=" + pair[1],
               "--tls-key=" + pair[0]) as proxy:
        port = proxy._address("tls_listening")[1]
        with open(pair[1], "rb") as root, grpc.secure_channel(
                "127.0.0.1:%d" % port, grpc.ssl_channel_credentials(root.read()),
                options=OPTIONS + [("grpc.ssl_target_name_override", "app.test")]) as channel:
            assert channel.unary_unary("/t.T/Echo")(b"secret", timeout=LIMIT_S) == b"secret"
            answers = list(channel.stream_stream("/t.T/Talk")(iter([b"ab", b"cd"]), timeout=LIMIT_S))
            assert answers == [b"ba", b"dc"]
