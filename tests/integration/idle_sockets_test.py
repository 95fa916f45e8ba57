"""A socket that is only kept is no use: sessions end although HTTP/1.1 and HTTP/2 clients, and Chromium,
keep their connections to the proxy open and ready for the next request."""

import itertools
import socket
import struct
import subprocess
import time
import urllib.parse
import urllib.request

import pytest

from tests.support.browser import Browser
from tests.support.ports import free_port
from tests.support.system import LocalSystem, reason_name

GRACE_S = 1.0
SLACK_S = 1.5  # of a browser that still asks for something
unique = itertools.count()

HEADERS, DATA, SETTINGS, PING = 1, 0, 4, 6  # RFC 9113 6
END_STREAM, ACK = 1, 1


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    home = tmp_path_factory.mktemp("tls")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", home / "tls.key", "-out", home / "tls.crt", "-subj", "/CN=app.test",
         "-addext", "subjectAltName=DNS:app.test"], check=True, capture_output=True)
    port = free_port()
    with LocalSystem(tmp_path_factory.mktemp("logs"), proxy_flags=[
            "--tls-listen=127.0.0.1:%d" % port, "--tls-cert=%s" % home]) as running:
        running.tls = "https://app.test:%d" % port
        yield running


def connect(system):
    return system.connect("kept-%d" % next(unique), grace=GRACE_S)


def open_clients(system, kind):
    """`client`: connections of clients; `http2`: those of them that speak it."""
    with urllib.request.urlopen("http://%s/metrics" % system.admin[0], timeout=5) as answer:
        text = answer.read().decode()
    return int(text.split('spawner_proxy_connections{kind="%s"} ' % kind)[1].split()[0])


def ends_idle(system, connected, since, at_least=GRACE_S - 0.1):
    ended = system.wait_state(connected.session.name, "TERMINATING", "TERMINATED", timeout=GRACE_S + 8)
    took = time.monotonic() - since
    assert reason_name(ended) == "IDLE", ended
    assert at_least <= took <= GRACE_S + SLACK_S, took


def is_open(kept):
    """Nothing came, nor an end."""
    kept.settimeout(0.1)
    try:
        return kept.recv(1, socket.MSG_PEEK) != b""
    except TimeoutError:
        return True


def address(system):
    url = urllib.parse.urlsplit(system.proxies[0])
    return url.hostname, url.port


def path_of(system, connected):
    return urllib.parse.urlsplit(system.url(connected, "healthz", token=False)).path


def test_an_http1_connection_that_is_kept(system):
    connected = connect(system)
    with socket.create_connection(address(system), timeout=20) as kept:
        kept.sendall(("GET %s HTTP/1.1\r\nHost: app.test\r\nAuthorization: Bearer %s\r\n\r\n" % (
            path_of(system, connected), connected.token)).encode())
        assert kept.recv(65536).startswith(b"HTTP/1.1 200 ")
        ends_idle(system, connected, time.monotonic())
        assert is_open(kept)


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def string(text):
    """RFC 7541 5.2, without Huffman; up to 16 K."""
    size = len(text)
    head = bytes([size]) if size < 127 else bytes([127, (size - 127) % 128 | 128, (size - 127) // 128])
    return head + text.encode()


def read_frame(reader):
    head = reader.read(9)
    assert len(head) == 9, "the connection was closed"
    kind, flags, stream = struct.unpack(">BBI", head[3:])
    return kind, flags, stream, reader.read(int.from_bytes(head[:3], "big"))


def test_an_http2_connection_without_streams(system):
    connected = connect(system)
    with socket.create_connection(address(system), timeout=20) as kept, kept.makefile("rb") as reader:
        fields = (b"\x82\x86" + b"\x04" + string(path_of(system, connected)) + b"\x01" + string("app.test")
                  + b"\x0f\x08" + string("Bearer " + connected.token))  # RFC 7541 6.2.2, appendix A
        kept.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
                     + frame(HEADERS, END_STREAM | 4, 1, fields))
        while True:
            kind, flags, stream, payload = read_frame(reader)
            if kind == SETTINGS and not flags & ACK:
                kept.sendall(frame(SETTINGS, ACK, 0))
            if kind == HEADERS and stream == 1:
                assert payload[0] == 0x88, payload  # :status 200, index 8
            if stream == 1 and flags & END_STREAM:
                break
        begin = time.monotonic()
        kept.sendall(frame(PING, 0, 0, b"12345678"))  # what keeps a connection alive is no use either
        assert open_clients(system, "http2") == 1
        ends_idle(system, connected, begin)
        kinds = [read_frame(reader)[0]]
        assert kinds == [PING] and is_open(kept)
        assert open_clients(system, "http2") == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_chromium_keeps_its_socket(system, scheme):
    connected = connect(system)
    base = system.tls if scheme == "https" else system.proxies[0]
    kind = "http2" if scheme == "https" else "client"
    with Browser(host_rules="MAP app.test 127.0.0.1", args=("--ignore-certificate-errors",)) as browser:
        tab = browser.open(base + path_of(system, connected) + "?spawner_token=" + connected.token)
        protocol = browser.evaluate(tab, "performance.getEntriesByType('navigation')[0].nextHopProtocol")
        assert protocol == ("h2" if scheme == "https" else "http/1.1")
        since = time.monotonic()
        assert open_clients(system, kind) >= 1
        ends_idle(system, connected, since, at_least=0)  # the page was loaded a while before `since`
        assert open_clients(system, kind) >= 1  # Chromium's own patience is minutes
