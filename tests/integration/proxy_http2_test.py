"""HTTP/2 of real clients: curl with prior knowledge and over TLS, Chromium."""

import json
import os
import re
import subprocess

import pytest

from tests.support.backend import Backend
from tests.support.browser import Browser
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"


@pytest.fixture(scope="module")
def echo():
    with Backend(ECHO) as backend:
        yield backend


@pytest.fixture(scope="module")
def proxy(tmp_path_factory, echo):
    home = tmp_path_factory.mktemp("proxy")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-keyout", home / "tls.key", "-out", home / "tls.crt", "-subj", "/CN=app.test",
         "-addext", "subjectAltName=DNS:app.test"], check=True, capture_output=True)
    (home / "routes").write_text("app.test %s:%d\n" % echo.address)
    with Proxy(None, home / "log", ["--static-routes=%s" % (home / "routes"), "--workers=1",
                                    "--tls-listen=127.0.0.1:0", "--tls-cert=%s" % home]) as started:
        started.tls = started._address("tls_listening")
        yield started


def curl(proxy, scheme, path, *arguments, text=True):
    port = proxy.tls[1] if scheme == "https" else proxy.address[1]
    version = ["--http2"] if scheme == "https" else ["--http2-prior-knowledge"]
    result = subprocess.run(
        ["curl", "-sS", "-k", "--max-time", "30", *version, "--resolve", "app.test:%d:127.0.0.1" % port, *arguments,
         "%s://app.test:%d%s" % (scheme, port, path)], capture_output=True, text=text)
    assert result.returncode == 0, result.stderr
    return result.stdout


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_curl_gets_its_answer(proxy, scheme):
    out = curl(proxy, scheme, "/headers?a=%2F", "-w", "\n%{http_version} %{response_code}")
    body, last = out.rsplit("\n", 1)
    assert last == "2 200"
    seen = json.loads(body)
    assert seen["target"] == "/headers?a=%2F" and seen["version"] == "1.1"
    headers = {name.lower(): value for name, value in seen["headers"]}
    assert headers["x-forwarded-proto"] == scheme
    assert re.match(r"app\.test(:\d+)?$", headers["host"])
    # A client of HTTP/1.1 at the same port.
    assert curl(proxy, scheme, "/headers", "--http1.1", "-o", "/dev/null", "-w", "%{http_version}") == "1.1"


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_long_body_comes_whole_both_ways(proxy, tmp_path, scheme):
    payload = os.urandom(3_000_000)
    (tmp_path / "body").write_bytes(payload)
    got = curl(proxy, scheme, "/echo", "--data-binary", "@%s" % (tmp_path / "body"),
               "-H", "Content-Type: application/octet-stream", text=False)
    assert got == payload


def test_a_head_trailers_and_an_unknown_host(proxy):
    head = curl(proxy, "http", "/headers", "-I")
    assert head.startswith("HTTP/2 200") and "content-length: " in head
    assert "HTTP/2 404" in curl(proxy, "http", "/", "-i", "-H", "Host: nothing.test")
    assert curl(proxy, "http", "/trailers", "-v", "-w", "%{response_code}").endswith("200")


def test_many_streams_of_one_connection(proxy, tmp_path):
    urls = tmp_path / "urls"
    urls.write_text("".join('url = "https://app.test:%d/headers?n=%d"\noutput = "%s/out%d"\n' % (
        proxy.tls[1], n, tmp_path, n) for n in range(100)))
    subprocess.run(
        ["curl", "-sS", "-k", "--http2", "--parallel", "--parallel-max", "100", "--max-time", "30",
         "--resolve", "app.test:%d:127.0.0.1" % proxy.tls[1], "--config", urls], check=True)
    for n in range(100):
        assert json.loads((tmp_path / ("out%d" % n)).read_text())["target"] == "/headers?n=%d" % n
    wait_for(lambda: proxy.metric('spawner_proxy_connections{kind="client"}') <= 1)


def test_chromium_speaks_it(proxy):
    with Browser(host_rules="MAP app.test 127.0.0.1", args=("--ignore-certificate-errors",)) as browser:
        tab = browser.open("https://app.test:%d/headers" % proxy.tls[1])
        assert browser.evaluate(tab, "performance.getEntriesByType('navigation')[0].nextHopProtocol") == "h2"
        assert "X-Forwarded-Proto" in browser.evaluate(tab, "document.body.innerText")
        browser.evaluate(tab, """void Promise.all([...Array(50).keys()].map(n => fetch('/headers?n=' + n)
            .then(answer => answer.json()))).then(all => { window.targets = all.map(one => one.target); },
                                                  error => { window.targets = String(error); })""")
        browser.wait(tab, "window.targets !== undefined")
        assert browser.evaluate(tab, "window.targets") == ["/headers?n=%d" % n for n in range(50)]
        browser.evaluate(tab, """void (() => {
            const socket = new WebSocket('wss://' + location.host + '/ws');
            socket.onopen = () => socket.send('over TLS');
            socket.onmessage = event => { window.said = String(event.data); };
        })()""")
        browser.wait(tab, "(window.said || '').includes('over TLS')")
