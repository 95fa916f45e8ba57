"""The proxy's binary with static routes, and what it says to bad flags and files."""

import asyncio
import json
import signal
import socket
import subprocess

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
    path.write_text("# by host, by path\nApp.example.test %s:%d\n/api %s:%d\n" % (*echo.address, *echo.address))
    return path


def start(tmp_path, routes, *flags):
    return Proxy(None, tmp_path / "proxy.log", ["--static-routes=%s" % routes, "--workers=2", *flags])


def test_routes_by_host_and_by_path_and_says_404_otherwise(tmp_path, routes):
    with start(tmp_path, routes) as proxy:
        status, _, text = proxy.request("/headers?x=%2F", headers={
            "Host": "app.EXAMPLE.test:123", "X-Forwarded-For": "6.6.6.6", "Spawner_User": "evil"})
        assert status == 200
        seen = {name.lower(): value for name, value in json.loads(text)["headers"]}
        assert seen["x-forwarded-for"] == "127.0.0.1"
        assert seen["x-forwarded-host"] == "app.EXAMPLE.test:123"
        assert "evil" not in text

        status, _, text = proxy.request("/api/headers")
        assert status == 200
        assert ["X-Forwarded-Prefix", "/api"] in json.loads(text)["headers"]

        assert proxy.request("/apis/headers")[0] == 404
        status, headers, text = proxy.request("/", headers={"Accept": "text/html"})
        assert status == 404
        assert headers["Content-Type"].startswith("text/html")
        assert proxy.metric('spawner_proxy_requests_total{code="404"}') == 2


def test_sighup_reads_the_routes_again_and_keeps_them_if_they_are_wrong(tmp_path, routes, echo):
    with start(tmp_path, routes) as proxy:
        assert proxy.request("/new/headers")[0] == 404
        routes.write_text("/new %s:%d\n" % echo.address)
        proxy.process.send_signal(signal.SIGHUP)
        wait_for(lambda: proxy.request("/new/headers")[0] == 200, proxy.log)
        assert proxy.request("/api/headers")[0] == 404

        routes.write_text("/new nonsense\n")
        proxy.process.send_signal(signal.SIGHUP)
        wait_for(lambda: "reload_failed" in proxy.log(), proxy.log)
        assert "line 1" in proxy.log()
        assert proxy.request("/new/headers")[0] == 200


def test_sigterm_lets_a_websocket_go_on_until_the_drain_time_is_over(tmp_path, routes):
    async def talk(proxy):
        async with websockets.connect("ws://%s:%d/api/ws" % proxy.address) as websocket:
            await websocket.send("before")
            assert await websocket.recv() == "before"
            proxy.process.send_signal(signal.SIGTERM)
            await asyncio.to_thread(wait_for, lambda: "draining" in proxy.log(), proxy.log)
            with pytest.raises(AssertionError, match="refused"):
                await asyncio.to_thread(proxy.request, "/api/headers")
            await websocket.send("after")
            assert await websocket.recv() == "after"
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(websocket.recv(), 10)
            assert closed.value.rcvd.code == 1012

    with start(tmp_path, routes, "--drain-timeout=1s") as proxy:
        asyncio.run(talk(proxy))
        assert proxy.process.wait(10) == 0


def test_sigterm_ends_at_once_when_nothing_runs(tmp_path, routes):
    with start(tmp_path, routes, "--drain-timeout=1h") as proxy:
        assert proxy.request("/api/headers")[0] == 200
        proxy.process.send_signal(signal.SIGTERM)
        assert proxy.process.wait(5) == 0


@pytest.mark.parametrize("flags, line", [
    (["--nonsense"], "--nonsense: no such flag"),
    (["--workers=many"], '--workers: "many" is no valid value'),
    (["--workers=-1"], "--workers: must be 1 to 256, or 0 for one per core"),
    (["--listen=nowhere"], "--listen: "),
    (["--listen=127.0.0.1:70000"], "--listen: "),
    (["--drain-timeout=-1s"], "--drain-timeout: must be 0s to 24h"),
    (["--log-level=loud"], "--log-level: must be debug, info, warning or error"),
    (["--base-domain=a:80"], "--base-domain: must be a domain name without port"),
    (["--controller=a:1"], "--controller: give either"),
    (["--tls-listen=:443"], "--tls-listen: needs --tls-cert=FILE and --tls-key=FILE"),
    (["--tls-cert=a.crt"], "--tls-cert: needs --tls-listen=ADDR:PORT"),
    (["--tls-listen=:443", "--tls-cert=a.crt"], "--tls-cert: \"a.crt\" has no key"),
    (["--proxy-protocol"], "--proxy-protocol: needs --trusted-proxies"),
    (["--trusted-proxies=10.0.0.1/8"], "--trusted-proxies: \"10.0.0.1/8\" is not a range"),
    (["--https-redirect"], "--https-redirect: needs --tls-listen"),
    (["--https-port=0"], "--https-port: must be 1 to 65535"),
    (["--hsts=-1s"], "--hsts: must be 0s to 20000h"),
    (["--handover-socket=x"], "--handover-socket: not supported yet"),
    (["more"], '"more": only flags are allowed'),
])
def test_a_wrong_flag_ends_with_2_and_one_line_that_says_what_is_allowed(routes, flags, line):
    done = subprocess.run([PROGRAM, "--static-routes=%s" % routes, *flags], capture_output=True, text=True, timeout=10)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert line in done.stderr


def test_help_and_version_end_with_0():
    for flag, text in (("--help", "--static-routes"), ("--version", "proxy ")):
        done = subprocess.run([PROGRAM, flag], capture_output=True, text=True, timeout=10)
        assert (done.returncode, done.stderr) == (0, "")
        assert text in done.stdout


def test_a_port_in_use_ends_with_1_and_names_it(routes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = "127.0.0.1:%d" % taken.getsockname()[1]
        done = subprocess.run([PROGRAM, "--static-routes=%s" % routes, "--listen=" + address],
                              capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == "proxy: listen on %s: Address already in use" % address


@pytest.mark.parametrize("text, error", [
    (None, "No such file or directory"),
    ("a.test\n", "line 1: must be"),
    ("a.test 127.0.0.1:1 h2\n", "\"h2\" is no protocol of a backend"),
    ("a.test 127.0.0.1:1 h2c h2c\n", "line 1: must be"),
    ("\n\na.test 127.0.0.1:0\n", "line 3"),
    ("a.test:80 127.0.0.1:1\n", "no host name without port"),
    ("/a 127.0.0.1:1\n/a/ 127.0.0.1:2\n", "line 2: a second route for /a"),
])
def test_bad_static_routes_end_with_1_and_name_the_line(tmp_path, text, error):
    path = tmp_path / "routes"
    if text is not None:
        path.write_text(text)
    done = subprocess.run([PROGRAM, "--static-routes=%s" % path, "--listen=127.0.0.1:0"],
                          capture_output=True, text=True, timeout=10)
    assert done.returncode == 1
    assert error in done.stderr.splitlines()[-1]
