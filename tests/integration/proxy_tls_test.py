"""The proxy's TLS port, PROXY protocol, redirect and trusted proxies, with real clients: curl, openssl, Python."""

import asyncio
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import threading

import pytest
import websockets

from tests.support.backend import Backend
from tests.support.proxy import PROGRAM, Proxy, wait_for

ECHO = "deploy/examples/echo/echo"


@pytest.fixture(scope="module")
def echo():
    with Backend(ECHO) as backend:
        yield backend


@pytest.fixture
def routes(tmp_path, echo):
    path = tmp_path / "routes"
    path.write_text("app.test %s:%d\n/api %s:%d\n" % (*echo.address, *echo.address))
    return path


def make_certificate(folder, common_name, names="app.test", days=2, key=("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256")):
    """A self-signed pair as tls.crt and tls.key of `folder`, put in place one after the other."""
    folder.mkdir(exist_ok=True)
    subprocess.run(
        ["openssl", "req", "-x509", *key, "-nodes", "-keyout", folder / "new.key", "-out", folder / "new.crt",
         "-days", str(days), "-subj", "/CN=" + common_name,
         "-addext", "subjectAltName=" + ",".join("DNS:" + name for name in names.split(","))],
        check=True, capture_output=True)
    os.rename(folder / "new.crt", folder / "tls.crt")
    os.rename(folder / "new.key", folder / "tls.key")
    return folder


@pytest.fixture
def secret(tmp_path):
    return make_certificate(tmp_path / "secret", "first")


class TlsProxy(Proxy):
    def __init__(self, tmp_path, routes, *flags, name="proxy"):
        super().__init__(None, tmp_path / (name + ".log"),
                         ["--static-routes=%s" % routes, "--workers=2", *flags])
        self.tls = self._address("tls_listening")


def start(tmp_path, routes, secret, *flags, name="proxy"):
    return TlsProxy(tmp_path, routes, "--tls-listen=127.0.0.1:0", "--tls-cert=%s" % secret, *flags, name=name)


def curl(proxy, path, *arguments, host="app.test", port=None):
    port = port or proxy.tls[1]
    return subprocess.run(
        ["curl", "-sS", "-k", "--max-time", "20", "--resolve", "%s:%d:127.0.0.1" % (host, port), *arguments,
         "https://%s:%d%s" % (host, port, path)], capture_output=True, text=True)


def context():
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def subject(proxy, name, extra=()):
    """The common name of the certificate that a client of `name` gets."""
    out = subprocess.run(["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.tls[1], "-servername", name, *extra],
                         input="", capture_output=True, text=True, timeout=20).stdout
    return re.search(r"subject=CN = (\S+)", out)[1]


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_curl_gets_its_answer_and_the_backend_knows_that_it_is_https(tmp_path, routes, secret, version):
    with start(tmp_path, routes, secret, "--hsts=1h") as proxy:
        result = curl(proxy, "/headers", "-i", "--tlsv" + version, "--tls-max", version, "--http1.1")
        assert result.returncode == 0, result.stderr
        head, body = result.stdout.split("\n\n", 1) if "\r" not in result.stdout else result.stdout.split("\r\n\r\n", 1)
        assert "Strict-Transport-Security: max-age=3600" in head
        seen = {name.lower(): value for name, value in json.loads(body)["headers"]}
        assert seen["x-forwarded-proto"] == "https"
        assert proxy.metric('spawner_proxy_tls_handshakes_total{version="%s",resumed="false"}' % version) == 1
        # Never on plain http (RFC 6797 7.2).
        status, headers, text = proxy.request("/headers", headers={"Host": "app.test"})
        assert status == 200 and "Strict-Transport-Security" not in headers
        assert ["X-Forwarded-Proto", "http"] in json.loads(text)["headers"]


def test_old_versions_and_unknown_protocols_are_refused(tmp_path, routes, secret):
    with start(tmp_path, routes, secret) as proxy:
        for arguments in (["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"], ["-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-SHA"],
                          ["-alpn", "smtp"]):
            result = subprocess.run(
                ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.tls[1], *arguments],
                input="", capture_output=True, text=True, timeout=20)
            assert result.returncode != 0, arguments
            assert "alert" in result.stderr, result.stderr
        assert curl(proxy, "/headers").returncode == 0


def test_a_long_body_comes_whole_both_ways(tmp_path, routes, secret):
    with start(tmp_path, routes, secret) as proxy:
        payload = os.urandom(3_000_000)
        (tmp_path / "body").write_bytes(payload)
        result = subprocess.run(
            ["curl", "-sS", "-k", "--http1.1", "--max-time", "30", "--resolve", "app.test:%d:127.0.0.1" % proxy.tls[1],
             "--data-binary", "@%s" % (tmp_path / "body"), "-H", "Content-Type: application/octet-stream", "-H", "Expect:",
             "https://app.test:%d/echo" % proxy.tls[1]], capture_output=True)
        assert result.returncode == 0, result.stderr
        assert result.stdout == payload


def test_a_ticket_is_good_at_every_proxy_with_the_same_keys(tmp_path, routes, secret):
    keys = tmp_path / "tickets"
    keys.write_text(subprocess.run(["openssl", "rand", "-base64", "48"], capture_output=True, text=True).stdout)
    flag = "--tls-ticket-keys=%s" % keys
    with start(tmp_path, routes, secret, flag, name="one") as one, start(tmp_path, routes, secret, flag, name="two") as two:
        for version in ("-tls1_2", "-tls1_3"):
            session = str(tmp_path / ("session" + version))

            def connect(proxy, *arguments):
                # A request first: with TLS 1.3 the ticket comes behind the handshake.
                return subprocess.run(
                    ["openssl", "s_client", "-connect", "127.0.0.1:%d" % proxy.tls[1], "-servername", "app.test",
                     version, "-ign_eof", *arguments],
                    input="GET /headers HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n",
                    capture_output=True, text=True, timeout=20).stdout

            assert "New, " in connect(one, "-sess_out", session)
            out = connect(two, "-sess_in", session)
            assert "Reused, " in out, out
        assert two.metric('spawner_proxy_tls_handshakes_total{version="1.3",resumed="true"}') == 1


def test_the_certificate_is_chosen_by_name(tmp_path, routes, secret):
    wild = make_certificate(tmp_path / "wild", "wild", "*.apps.test")
    pair = make_certificate(tmp_path / "pair", "pair", "pair.test", key=("-newkey", "rsa:2048"))
    with start(tmp_path, routes, secret, "--tls-cert=%s" % wild, "--tls-cert=%s/tls.crt" % pair,
               "--tls-key=%s/tls.key" % pair) as proxy:
        assert subject(proxy, "app.test") == "first"
        assert subject(proxy, "x.apps.test") == "wild"
        assert subject(proxy, "pair.test") == "pair"
        assert subject(proxy, "elsewhere.test") == "first"


def test_a_websocket_over_tls(tmp_path, routes, secret):
    async def talk(port):
        async with websockets.connect("wss://127.0.0.1:%d/api/ws" % port, ssl=context()) as socket_:
            for size in (1, 1000, 100_000):
                await socket_.send("x" * size)
                assert "x" * size in await asyncio.wait_for(socket_.recv(), 10)

    with start(tmp_path, routes, secret) as proxy:
        asyncio.run(talk(proxy.tls[1]))
        wait_for(lambda: proxy.metric('spawner_proxy_connections{kind="tunnel"}') == 0)


def test_a_new_certificate_is_used_without_a_dropped_connection(tmp_path, routes, secret):
    """Requests on kept and on new connections run while the pair is replaced, broken and replaced again."""
    with start(tmp_path, routes, secret) as proxy:
        stop = threading.Event()
        failures, done = [], [0]

        def load(keeps):
            tls, stream = context(), None
            while not stop.is_set():
                try:
                    if stream is None:
                        stream = tls.wrap_socket(socket.create_connection(proxy.tls, timeout=20), server_hostname="app.test")
                    stream.sendall(b"GET /headers HTTP/1.1\r\nHost: app.test\r\n\r\n")
                    answer = b""
                    while b"\r\n\r\n" not in answer or not answer.rstrip().endswith(b"}"):
                        piece = stream.recv(65536)
                        assert piece, "closed after %r" % answer
                        answer += piece
                    assert answer.startswith(b"HTTP/1.1 200"), answer
                    done[0] += 1
                    if not keeps:
                        stream.close()
                        stream = None
                except Exception as error:  # pylint: disable=broad-except
                    failures.append(repr(error))
                    return
            if stream:
                stream.close()

        threads = [threading.Thread(target=load, args=(keeps,)) for keeps in (True, True, False, False)]
        for thread in threads:
            thread.start()
        try:
            make_certificate(secret, "second")
            wait_for(lambda: subject(proxy, "app.test") == "second")
            (secret / "broken").write_text("no key\n")
            os.rename(secret / "broken", secret / "tls.key")
            wait_for(lambda: proxy.metric('spawner_proxy_tls_reloads_total{outcome="failed"}') == 1)
            assert "certificates_not_reloaded" in proxy.log()
            assert subject(proxy, "app.test") == "second"
            make_certificate(secret, "third")
            wait_for(lambda: subject(proxy, "app.test") == "third")
        finally:
            stop.set()
            for thread in threads:
                thread.join()
        assert not failures, failures
        assert done[0] > 50
        assert proxy.metric('spawner_proxy_tls_reloads_total{outcome="ok"}') == 2


def test_redirects_to_https_but_not_websockets(tmp_path, routes, secret):
    with start(tmp_path, routes, secret, "--https-redirect", "--https-port=8443", "--trusted-proxies=127.0.0.0/8") as proxy:
        status, headers, _ = proxy.request("/a%2Fb?c=d", headers={"Host": "app.test:80"})
        assert status == 308
        assert headers["Location"] == "https://app.test:8443/a%2Fb?c=d"
        status, _, text = proxy.request("/api/ws", headers={
            "Host": "app.test", "Connection": "upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="})
        assert status == 426 and "wss://" in text
        # A balancer in front has ended TLS already.
        assert proxy.request("/headers", headers={"Host": "app.test", "X-Forwarded-Proto": "https"})[0] == 200
        assert curl(proxy, "/headers").returncode == 0
        assert proxy.request("/healthz", admin=True)[0] == 200


def test_what_trusted_proxies_say_is_extended_and_what_others_say_replaced(tmp_path, routes, secret):
    def forwarded_for(*flags):
        with start(tmp_path, routes, secret, *flags) as proxy:
            text = proxy.request("/headers", headers={"Host": "app.test", "X-Forwarded-For": "192.0.2.7"})[2]
            return [value for name, value in json.loads(text)["headers"] if name.lower() == "x-forwarded-for"]

    assert forwarded_for() == ["127.0.0.1"]
    assert forwarded_for("--trusted-proxies=127.0.0.0/8") == ["192.0.2.7, 127.0.0.1"]


def test_proxy_protocol_in_front_of_both_ports(tmp_path, routes, secret):
    binary = (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x13" + bytes([192, 0, 2, 8, 127, 0, 0, 1, 0x30, 0x39, 1, 0xbb])
              + b"\xea\x00\x04spam")
    text = b"PROXY TCP4 192.0.2.8 127.0.0.1 12345 443\r\n"

    def ask(proxy, header, is_tls):
        raw = socket.create_connection(proxy.tls if is_tls else proxy.address, timeout=10)
        with raw:
            raw.sendall(header)
            stream = context().wrap_socket(raw, server_hostname="app.test") if is_tls else raw
            stream.sendall(b"GET /headers HTTP/1.1\r\nHost: app.test\r\nConnection: close\r\n\r\n")
            answer = b""
            while True:
                piece = stream.recv(65536)
                if not piece:
                    return answer.decode()
                answer += piece

    with start(tmp_path, routes, secret, "--proxy-protocol", "--trusted-proxies=127.0.0.0/8") as proxy:
        for header in (text, binary):
            for is_tls in (False, True):
                assert '"192.0.2.8"' in ask(proxy, header, is_tls)
        assert curl(proxy, "/headers", "--haproxy-protocol").returncode == 0
        assert curl(proxy, "/headers").returncode != 0
        assert proxy.metric('spawner_proxy_arrival_errors_total{reason="proxy_header"}') == 1
    with start(tmp_path, routes, secret, "--proxy-protocol", "--trusted-proxies=10.0.0.0/8") as proxy:
        assert curl(proxy, "/headers", "--haproxy-protocol").returncode != 0
        assert proxy.metric('spawner_proxy_arrival_errors_total{reason="untrusted"}') == 1


def test_says_which_file_is_wrong_and_warns_of_a_certificate_that_ends_soon(tmp_path, routes, secret):
    def refused(*flags):
        result = subprocess.run([PROGRAM, "--listen=127.0.0.1:0", "--static-routes=%s" % routes, "--tls-listen=127.0.0.1:0",
                                 *flags], capture_output=True, text=True, timeout=20)
        assert result.returncode != 0
        return result.stderr.strip().splitlines()[-1]

    other = make_certificate(tmp_path / "other", "other")
    assert "its key belongs to another certificate" in refused(
        "--tls-cert=%s/tls.crt" % secret, "--tls-key=%s/tls.key" % other)
    assert "No such file or directory" in refused("--tls-cert=%s/tls.crt" % secret, "--tls-key=/nowhere")
    assert "no private key in PEM form" in refused(
        "--tls-cert=%s/tls.crt" % secret, "--tls-key=%s/tls.crt" % secret)
    bad_keys = tmp_path / "keys"
    bad_keys.write_text("short\n")
    assert "line 1 is not base64 of 32 bytes" in refused("--tls-cert=%s" % secret, "--tls-ticket-keys=%s" % bad_keys)
    with start(tmp_path, routes, secret) as proxy:
        assert "certificate_expires_soon" in proxy.log()  # it has two days
        assert curl(proxy, "/headers").returncode == 0


def test_a_handshake_under_way_when_the_proxy_leaves_is_finished_and_served(tmp_path, routes, secret):
    with start(tmp_path, routes, secret, "--drain-timeout=20s") as proxy:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        tls = context().wrap_bio(incoming, outgoing, server_hostname="app.test")
        with socket.create_connection(proxy.tls, timeout=10) as raw:
            with pytest.raises(ssl.SSLWantReadError):
                tls.do_handshake()
            hello = outgoing.read()
            raw.sendall(hello[:100])
            wait_for(lambda: proxy.metric("spawner_proxy_arrivals") == 1)
            proxy.process.send_signal(signal.SIGTERM)
            wait_for(lambda: '"draining"' in proxy.log())
            wait_for(lambda: is_refused(proxy.tls))
            raw.sendall(hello[100:])

            def go_on(step):
                while True:
                    try:
                        return step()
                    except ssl.SSLWantReadError:
                        raw.sendall(outgoing.read())
                        incoming.write(raw.recv(65536))

            go_on(tls.do_handshake)
            tls.write(b"GET /headers HTTP/1.1\r\nHost: app.test\r\n\r\n")
            raw.sendall(outgoing.read())
            assert go_on(lambda: tls.read(65536)).startswith(b"HTTP/1.1 200")
        assert proxy.process.wait(10) == 0


def is_refused(address):
    try:
        socket.create_connection(address, timeout=10).close()
    except ConnectionRefusedError:
        return True
    return False


def test_a_client_that_vanishes_in_its_handshake_leaves_nothing(tmp_path, routes, secret):
    with start(tmp_path, routes, secret) as proxy:
        for piece in (b"", b"\x16", b"\x16\x03\x01\x00\xff", os.urandom(500)):
            with socket.create_connection(proxy.tls) as raw:
                raw.sendall(piece)
        wait_for(lambda: proxy.metric("spawner_proxy_arrivals") == 0)
        answer = b""
        with socket.create_connection(proxy.tls, timeout=10) as raw:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: app.test\r\n\r\n")
            while piece := raw.recv(4096):
                answer += piece
        assert b"This port speaks TLS: use https://" in answer
        assert curl(proxy, "/headers").returncode == 0
