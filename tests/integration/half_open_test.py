"""A client whose machine is gone without a word is no user for long: a network namespace stands for the
machine, and loses its address while a WebSocket is open and idle."""

import contextlib
import os
import subprocess
import sys
import time
import uuid

import pytest

from tests.support.backend import Backend
from tests.support.proxy import PROGRAM, Proxy, wait_for
from tests.support.websocket import UPGRADE_REQUEST

ECHO = os.path.join(os.environ.get("SPAWNER_BIN", "."), "deploy/examples/echo/echo")
TIMEOUT_S = 6
CLIENT = """
import socket, sys, time
client = socket.create_connection((sys.argv[1], int(sys.argv[2])))
client.sendall(bytes.fromhex(sys.argv[3]))
assert client.recv(4096).startswith(b"HTTP/1.1 101 "), "no upgrade"
print("open", flush=True)
time.sleep(600)
"""


def run(*command):
    subprocess.run(command, check=True, capture_output=True, timeout=20)


@contextlib.contextmanager
def machine():
    """(its name, our address as it sees us): a namespace with a link to us."""
    name = "spawner-" + uuid.uuid4().hex[:6]
    here, there = name[-6:] + "a", name[-6:] + "b"
    net = "10.213.%d" % (os.getpid() % 250)
    run("ip", "netns", "add", name)
    try:
        run("ip", "link", "add", here, "type", "veth", "peer", "name", there, "netns", name)
        run("ip", "addr", "add", net + ".1/24", "dev", here)
        run("ip", "link", "set", here, "up")
        run("ip", "-n", name, "addr", "add", net + ".2/24", "dev", there)
        run("ip", "-n", name, "link", "set", there, "up")
        yield name, net + ".1", lambda: run("ip", "-n", name, "addr", "flush", "dev", there)
    finally:
        run("ip", "netns", "del", name)


@pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")
def test_a_vanished_client_is_noticed_and_one_that_only_rests_stays(tmp_path):
    routes = tmp_path / "routes"
    with contextlib.ExitStack() as stack:
        echo = stack.enter_context(Backend(ECHO))
        name, here, vanish = stack.enter_context(machine())
        routes.write_text("/ %s:%d\n" % echo.address)
        proxy = stack.enter_context(Proxy(None, tmp_path / "log", [
            "--static-routes=%s" % routes, "--listen=0.0.0.0:0", "--dead-peer-timeout=%ds" % TIMEOUT_S]))

        def connect(address, *prefix):
            client = stack.enter_context(subprocess.Popen(
                [*prefix, sys.executable, "-c", CLIENT, address, str(proxy.address[1]),
                 (UPGRADE_REQUEST % b"/ws").hex()], stdout=subprocess.PIPE, text=True))
            stack.callback(client.kill)
            assert client.stdout.readline() == "open\n"

        def tunnels():
            text = proxy.request("/metrics", admin=True)[2]
            return int(text.split('spawner_proxy_connections{kind="tunnel"} ')[1].split()[0])

        connect(here, "ip", "netns", "exec", name)
        connect("127.0.0.1")
        time.sleep(2 * TIMEOUT_S)  # both answer probes
        assert tunnels() == 2
        vanish()
        start = time.monotonic()
        wait_for(lambda: tunnels() == 1, timeout_s=3 * TIMEOUT_S)
        took_s = time.monotonic() - start
        print("a client that was gone was noticed after %.1f s (--dead-peer-timeout=%ds)" % (
            took_s, TIMEOUT_S))
        assert TIMEOUT_S / 3 < took_s < 2 * TIMEOUT_S
        time.sleep(TIMEOUT_S)
        assert tunnels() == 1


@pytest.mark.parametrize("value", ["0s", "5s", "3h"])
def test_a_timeout_out_of_bounds_says_what_is_allowed(value):
    done = subprocess.run([PROGRAM, "--static-routes=/dev/null", "--listen=127.0.0.1:0",
                           "--dead-peer-timeout=" + value],
                          stderr=subprocess.PIPE, text=True, timeout=20, check=False)
    assert done.returncode == 2
    assert done.stderr == "proxy: --dead-peer-timeout: must be 6s to 2h\n"
