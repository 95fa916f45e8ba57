"""All cases of h2spec through the proxy, with prior knowledge and over TLS.

.ci/install builds the program: ~/.cache/spawner/tools/h2spec, or $H2SPEC.
"""

import os
import pwd
import socket
import subprocess
import xml.etree.ElementTree

import pytest

from tests.support.backend import Backend
from tests.support.proxy import Proxy

ECHO = "deploy/examples/echo/echo"
PROGRAM = os.environ.get("H2SPEC") or os.path.join(
    pwd.getpwuid(os.getuid()).pw_dir, ".cache/spawner/tools/h2spec")
# On a port that speaks HTTP/1.1 as well, bytes that are no preface of HTTP/2 are a malformed request
# of HTTP/1.1: they get its 400 and an end, which h2spec takes for a frame
# that is cut off: the last test here says so itself.
BOTH_WAYS = {"prior knowledge": {"http2/3.5: Sends invalid connection preface"}, "tls": set()}
# How long h2spec waits for a reaction, and then takes it that there is none.
PATIENCE_S = 3


@pytest.fixture(scope="module")
def proxy(tmp_path_factory):
    home = tmp_path_factory.mktemp("proxy")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", home / "tls.key", "-out", home / "tls.crt", "-subj", "/CN=app.test"], check=True, capture_output=True)
    with Backend(ECHO) as echo:
        (home / "routes").write_text("/echo %s:%d\n" % echo.address)
        with Proxy(None, home / "log", ["--static-routes=%s" % (home / "routes"), "--workers=1",
                                        "--tls-listen=127.0.0.1:0", "--tls-cert=%s" % home]) as started:
            started.tls = started._address("tls_listening")
            yield started


@pytest.mark.parametrize("over", ["prior knowledge", "tls"])
def test_every_case(proxy, tmp_path, over):
    assert os.access(PROGRAM, os.X_OK), "no %s: run .ci/install" % PROGRAM
    address = proxy.tls if over == "tls" else proxy.address
    report = tmp_path / "report.xml"
    result = subprocess.run(
        [PROGRAM, "--host", address[0], "--port", str(address[1]), "--path", "/echo/headers", "--timeout",
         str(PATIENCE_S), "--junit-report", report, *(["--tls", "--insecure"] if over == "tls" else []),
         "generic", "http2", "hpack"], capture_output=True, text=True, timeout=280)
    assert report.exists(), result.stdout + result.stderr
    cases = list(xml.etree.ElementTree.parse(report).iter("testcase"))
    failed = {"%s: %s" % (case.get("package"), case.get("classname"))
              for case in cases if case.find("failure") is not None or case.find("error") is not None}
    skipped = ["%s: %s" % (case.get("package"), case.get("classname"))
               for case in cases if case.find("skipped") is not None]
    assert len(cases) >= 140, result.stdout
    assert failed <= BOTH_WAYS[over] and not skipped, "%s skipped\n%s" % (skipped, result.stdout)
    assert proxy.process.poll() is None, proxy.log()


def test_no_preface_at_all_is_refused_and_the_connection_ends(proxy):
    with socket.create_connection(proxy.address, PATIENCE_S) as client:
        client.sendall(b"INVALID CONNECTION PREFACE\r\n\r\n")
        answer = b"".join(iter(lambda: client.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 400 "), answer
    assert proxy.process.poll() is None, proxy.log()
