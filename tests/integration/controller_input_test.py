"""What the controller's binary says to bad flags, bad files, ports in use and unwilling API servers:
each with its exact line, exit code and state."""

import contextlib
import http.server
import json
import os
import signal
import socket
import subprocess
import threading
import time

import pytest

from tests.support.controller import get, run, running, wait_for
from tests.support.ports import free_port

SPAWNCTL = os.path.join(os.environ.get("SPAWNER_BIN", "."), "cli/spawnctl")


def kubeconfig(tmp_path, server):
    path = tmp_path / "kubeconfig"
    path.write_text(json.dumps({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "k", "cluster": {"server": server}}],
        "users": [{"name": "u", "user": {"token": "secret-token"}}],
        "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}]}))
    return str(path)


@contextlib.contextmanager
def api_server(code, message):
    """Answers every request with one Status object: yields its URL."""
    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            body = json.dumps({"kind": "Status", "apiVersion": "v1", "status": "Failure",
                               "code": code, "message": message}).encode()
            self.send_response(code)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield "http://127.0.0.1:%d" % server.server_port
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.parametrize("flags, line", [
    (["--lisen=:1"], "controller: --lisen: no such flag; there are --advertise-address, --auth-audience, "
     "--auth-kubernetes, --base-domain, --client-ca, --http-listen, --http-public-url, --insecure-allow-anonymous, "
     "--kubeconfig, --listen, --local, --log-level, --lost-proxy-hold, --namespace, "
     "--node-lost-after, --oidc-audience, --oidc-ca, --oidc-groups-claim, --oidc-issuer, "
     "--oidc-jwks-file, --oidc-jwks-url, --oidc-prefix, --oidc-user-claim, --peer-ca, --proxy-name, "
     "--public-url, --quota-connections-per-namespace, --quota-connections-per-user, "
     "--quota-sessions-per-namespace, --quota-sessions-per-user, "
     "--quota-starts, --quota-starts-per-namespace, --quota-starts-per-user, --rate-connects-per-caller, "
     "--rate-connects-per-namespace, --tls-cert, --tls-key, --token-file, --token-secret, --help and --version"),
    (["--local", "--listen=0.0.0.0:0"],
     "controller: --listen=0.0.0.0:0: whoever reaches it could do everything. Say who may call by "
     "--auth-kubernetes, --token-file=FILE, --token-secret=NAME, --client-ca=FILE or --oidc-issuer=URL "
     "(docs/security.md), listen on 127.0.0.1, or give --insecure-allow-anonymous for development"),
    (["--local", "--token-file=/nonexistent"],
     "controller: --token-file: read /nonexistent: No such file or directory"),
    (["--local", "--tls-cert=/nonexistent"],
     "controller: --tls-cert, --tls-key, --client-ca: a certificate and its key: give both or none"),
    (["--local", "--oidc-issuer=https://a.test"],
     "controller: --oidc-audience: is missing; a JWT for anybody else must not be good here"),
    (["--local", "--listen=1.2.3.4:70000"],
     "controller: --listen=1.2.3.4:70000: allowed is ADDR:PORT such as 127.0.0.1:9090 or :9090, "
     "PORT 0 to 65535 (0: any free one)"),
    (["--local", "--node-lost-after=-5s"],
     "controller: --node-lost-after=-5s: allowed is a duration such as 90s or 5m, or never"),
    (["--local", "--kubeconfig=x"],
     "controller: --local with --kubeconfig: allowed is one of the two"),
    (["--base-domain=a.test"],
     "controller: which Kubernetes? This is no pod: give --kubeconfig=FILE, or --local for none at "
     "all"),
])
def test_bad_flag_is_exit_code_2_and_one_line(flags, line):
    assert run(*flags) == (2, "", line + "\n")


def test_help_and_version_go_to_stdout():
    code, out, err = run("--help")
    assert (code, err) == (0, "")
    assert "--lost-proxy-hold\n      DURATION " in out
    code, out, err = run("--version")
    assert (code, err) == (0, "")
    assert out.startswith("controller ") and out.count("\n") == 1


@pytest.mark.parametrize("text, line", [
    (None, "read FILE: No such file or directory"),
    ("clusters: [", "FILE: not YAML: line 1: end of sequence flow not found"),
    ("{}", "FILE: current-context: missing; set one or name a context"),
    ('{"current-context": "c"}', 'FILE: context "c": not in contexts, which has: nothing'),
    ('{"current-context": "c", "contexts": [{"name": "c", "context": {"cluster": "k"}}]}',
     'FILE: cluster "k": not in clusters, which has: nothing'),
])
def test_kubeconfig_that_is_missing_or_malformed(tmp_path, text, line):
    path = tmp_path / "kubeconfig"
    if text is not None:
        path.write_text(text)
    code, out, err = run("--base-domain=a.test", "--kubeconfig=%s" % path)
    assert (code, out, err) == (2, "", "controller: %s\n" % line.replace("FILE", str(path)))


@pytest.mark.parametrize("flag, why", [
    ("--listen", "the address can't be bound; is the port in use, or not ours?"),
    ("--http-listen", "Address already in use"),
])
def test_port_in_use_is_exit_code_1_and_says_so(flag, why):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        flags = {"--listen": "127.0.0.1:0", "--http-listen": "127.0.0.1:0",
                 flag: "127.0.0.1:%d" % port}
        code, out, err = run("--local", *("%s=%s" % item for item in flags.items()))
    assert (code, out) == (1, "")
    lines = [line for line in err.splitlines() if not line.startswith("{")]
    assert lines == ["controller: %s: listen on 127.0.0.1:%d: %s" % (flag, port, why)], err


def test_api_server_that_is_unreachable_is_tried_again_and_named(tmp_path):
    server = "http://127.0.0.1:%d" % free_port()
    config = kubeconfig(tmp_path, server)
    with running("--kubeconfig=" + config, "--base-domain=a.test",
                 tmp_path=tmp_path) as (process, _, web, log):
        wait_for(log, lambda: log().count("keys_unavailable") >= 3)
        code, text = get(web + "/readyz")
        assert code == 503 and "keys" in text and "onnect" in text, text
        assert get(web + "/healthz") == (200, "ok\n")
        assert process.poll() is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0


@pytest.mark.parametrize("code, message, part", [
    (401, "Unauthorized", "Unauthorized"),
    (403, 'secrets "spawner-keys" is forbidden: User "u" cannot get resource "secrets"',
     'grant verb "get" on "secrets"'),
])
def test_api_server_that_refuses_us_is_quoted_with_the_missing_right(tmp_path, code, message, part):
    with api_server(code, message) as server:
        config = kubeconfig(tmp_path, server)
        with running("--kubeconfig=" + config, "--base-domain=a.test",
                     tmp_path=tmp_path) as (_, _, web, log):
            wait_for(log, lambda: "keys_unavailable" in log())
            status, text = get(web + "/readyz")
            assert status == 503 and part in text, text
            assert "secret-token" not in log()


def test_sigterm_ends_an_idle_controller_with_0(tmp_path):
    with running("--local", tmp_path=tmp_path) as (process, _, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=5) == 0, log()
        assert time.monotonic() - started < 5


def test_ready_controller_serves_its_http_port(tmp_path):
    with running("--local", tmp_path=tmp_path) as (_, _, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        code, text = get(web + "/metrics")
        assert code == 200 and "spawner_sessions" in text
        assert get(web + "/spawn")[0] == 405  # it takes a POST


def test_sigterm_ends_watches_and_waiting_calls_too(tmp_path):
    with running("--local", tmp_path=tmp_path) as (process, grpc, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        clients = [subprocess.Popen(
            [SPAWNCTL, verb[0], "--address=" + grpc, *verb[1:]], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for verb in (
                ["watch", "sessions"],
                ["connect", "--wait", "--key=a", "--image=never-ready", "--", "sleep", "1000"])]
        try:
            wait_for(log, lambda: 'state="STARTING"} 1' in get(web + "/metrics")[1])
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=5) == 0, log()
            assert time.monotonic() - started < 5
        finally:
            for client in clients:
                client.kill()
                client.wait()
