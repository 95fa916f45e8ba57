"""Bad input to a whole running system: each refused with its exact error, harming nobody else."""

import json
import re
import socket
import urllib.parse

import grpc
import pytest
from google.protobuf import json_format

from tests.support import api
from tests.support.system import LocalSystem

PB = api.session_pb2


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


@pytest.mark.parametrize("key, fields, message", [
    ("k", {"image": "Not An Image"},
     'spec.image: "Not An Image" is no image reference; write it as registry/name:tag in lower case'),
    ("k", {"image": "a", "port": 70000}, "spec.port: 70000 is not within 1 to 65535"),
    ("k", {"image": "a", "port": -1}, "spec.port: -1 is not within 1 to 65535"),
    ("k", {"image": "a", "idle": {"grace": "-1s"}},
     "spec.idle.grace: must not be negative"),
    ("k", {"image": "a", "idle": {"initialGrace": "-0.5s"}},
     "spec.idle.initial_grace: must not be negative"),
    *[("k", {"image": "a", "lifetime": {name: "-2s"}},
       "spec.lifetime.%s: must not be negative" % name)
      for name in ("max", "start_timeout", "stop_grace", "retention")],
    ("k" * 257, {"image": "a"}, "key.name: 257 bytes; at most 256 are allowed"),
    ("a\nb", {"image": "a"}, "key.name: control characters are not allowed"),
    ("a\x7f", {"image": "a"}, "key.name: control characters are not allowed"),
    ("k", {"image": "a", "pod_overrides": {"spec": {"colour": 1}}},
     "spec.pod_overrides.spec.colour: unknown field"),
    ("k", {"image": "a", "pod_overrides": {"spec": {"containers": [{"name": "x", "colour": 1}]}}},
     "spec.pod_overrides.spec.containers[0].colour: unknown field"),
])
def test_connect_names_the_field_that_is_wrong(system, key, fields, message):
    with pytest.raises(grpc.RpcError) as error:
        system.connect(key, spec=json_format.ParseDict(fields, PB.SessionSpec()))
    assert error.value.details() == message
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert api.reason_of(error.value) == "INVALID_FIELD"


def test_a_spec_of_a_mebibyte_is_refused_by_its_size(system):
    with pytest.raises(grpc.RpcError) as error:
        system.connect("k", spec=PB.SessionSpec(image="a", env={"X": "x" * (1 << 20)}))
    assert re.fullmatch(r"request: 10486\d\d bytes; at most 262144 are allowed\. Put data into the "
                        r"image, or where the backend can fetch it", error.value.details())
    assert error.value.code() == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize("call", ["get", "terminate"])
def test_an_unknown_session_is_not_found(system, call):
    with pytest.raises(grpc.RpcError) as error:
        getattr(system, call)("namespaces/default/sessions/nobody")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    assert api.reason_of(error.value) == "SESSION_NOT_FOUND"
    assert error.value.details() == (
        "session nobody in namespace default: there is none, or its retention is over; list the sessions, or "
        "connect by its key")


def test_an_unknown_session_is_404_at_the_proxy(system):
    status, _, body = ask(system, b"GET /s/nobody/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert status == 404
    assert json.loads(body)["reason"] == "SESSION_NOT_FOUND"


def ask(system, raw):
    """Sends bytes and reads until the proxy closes: (status, head, body)."""
    base = urllib.parse.urlsplit(system.proxies[0])
    with socket.create_connection((base.hostname, base.port), timeout=10) as peer:
        peer.sendall(raw)
        received = b""
        while chunk := peer.recv(65536):
            received += chunk
    head, _, body = received.partition(b"\r\n\r\n")
    return int(head.split()[1]), head.decode(), body.decode()


GET = b"GET /s/x/ HTTP/1.1\r\n"
HOST = b"Host: a\r\n"


@pytest.mark.parametrize("raw, status, why", [
    (GET + HOST + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400,
     "both Content-Length and Transfer-Encoding"),
    (GET + HOST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxx", 400,
     "more than one Content-Length field"),
    (GET + HOST + b"Content-Length: +1\r\n\r\nx", 400, "an invalid Content-Length"),
    (GET + HOST + b"Transfer-Encoding: xchunked\r\n\r\n", 400, "a Transfer-Encoding other than chunked"),
    (b"GET /s/x/ HTTP/1.1\nHost: a\n\n", 400, "a line that ends with LF alone (RFC 9112 2.2)"),
    (GET + HOST + b"X: y\n\r\n", 400, "a line that ends with LF alone (RFC 9112 2.2)"),
    (GET + HOST + b"X-Name : value\r\n\r\n", 400,
     "an invalid byte in a header field's name (RFC 9112 5.1)"),
    (GET + HOST + b" folded: value\r\n\r\n", 400, "a folded header line (RFC 9112 5.2)"),
    (GET + b"\r\n", 400, "no Host field"),
    (GET + HOST + HOST + b"\r\n", 400, "more than one Host field"),
    (b"GET /s/x/ HTTP/9.9\r\nHost: a\r\n\r\n", 505, "only HTTP/1.0 and HTTP/1.1 are spoken here"),
    (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, None),
    (GET + HOST + b"X: " + b"y" * 40_000 + b"\r\n\r\n", 431, "a header larger than 32 KiB"),
    (GET + HOST + b"X: y\r\n" * 6_000 + b"\r\n", 431, "a header larger than 32 KiB"),
])
def test_malformed_http_is_refused_and_its_connection_closed(system, raw, status, why):
    # A second request behind it must never be looked at: its answer would be another's.
    got, head, body = ask(system, raw + b"GET /s/smuggled/ HTTP/1.1\r\nHost: a\r\n\r\n")
    assert got == status, head + body
    assert body.count('"code"') == 1 and "smuggled" not in body
    assert re.search(r"(?im)^connection: close$", head.replace("\r", ""))
    answer = json.loads(body)
    assert answer["reason"] == ("HEAD_TOO_LARGE" if status == 431 else "MALFORMED_REQUEST")
    if why:
        assert answer["message"] == ("The request was refused: %s. Send it again in the form of RFC "
                                     "9112." % why)
