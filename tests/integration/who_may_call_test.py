"""Who may call: the controller's binary with each way to authenticate, and the proxy and spawnctl as
callers."""

import base64
import contextlib
import http.server
import json
import os
import ssl
import subprocess
import threading
import time

import grpc
import pytest
from google.protobuf import descriptor_pool, message_factory

from tests.support import api
from tests.support.certificates import Authority, Issuer
from tests.support.controller import get, running, wait_for
from tests.support.fake_controller import pb as link_pb
from tests.support.fake_kubernetes import FakeKubernetes
from tests.support.proxy import Proxy

SPAWNCTL = os.path.join(os.environ.get("SPAWNER_BIN", "."), "cli/spawnctl")
SHOP, ROOT, PROXY, ADA = ("%s-0123456789abcdef" % name for name in ("shop", "root", "proxy", "ada"))
TOKENS = "%s,shop,ns=shop\n%s,root,ns=*\n%s,proxy-1,proxy\n%s,ada,dev\n" % (SHOP, ROOT, PROXY, ADA)
SERVICES = {"Sessions": api.sessions_pb2, "Templates": None, "Admin": api.admin_pb2, "ProxyLink": link_pb}


@contextlib.contextmanager
def controller(tmp_path, *flags):
    """(address, log) of one that is ready."""
    with running("--public-url=http://127.0.0.1:1", *flags, tmp_path=tmp_path) as (_, address, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        yield address, log


def called(address, request, token=None, credentials=None, method=None, **options):
    """("OK", answer) or (code, reason, message)."""
    if isinstance(request, str):
        request = api.sessions_pb2.ListSessionsRequest(parent="namespaces/" + request)
    service = api.sessions_pb2.DESCRIPTOR.services_by_name["Sessions"]
    if type(request).__name__ == "GetStatusRequest":
        service = api.admin_pb2.DESCRIPTOR.services_by_name["Admin"]
    found = next(m for m in service.methods if m.input_type.name == type(request).__name__)
    answer = message_factory.MessageFactory(descriptor_pool.Default()).GetPrototype(found.output_type)
    channel = (grpc.secure_channel(address, credentials, **options) if credentials
               else grpc.insecure_channel(address, **options))
    with channel:
        call = channel.unary_unary("/%s/%s" % (service.full_name, found.name),
                                   request_serializer=lambda m: m.SerializeToString(),
                                   response_deserializer=answer.FromString)
        try:
            return "OK", call(request, timeout=10,
                              metadata=[("authorization", "Bearer " + token)] if token else None)
        except grpc.RpcError as error:
            return error.code().name, api.reason_of(error), error.details()


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokens")
    path = folder / "tokens"
    path.write_text(TOKENS)
    with controller(folder, "--local", "--namespace=shop,default", "--token-file=%s" % path) as started:
        yield (*started, path)


def every_method():
    from spawner.v1 import proxy_link_pb2, templates_pb2
    for module in (api.sessions_pb2, api.admin_pb2, templates_pb2, proxy_link_pb2):
        for service in module.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                yield "/%s/%s" % (service.full_name, method.name), method.output_type.name


@pytest.mark.parametrize("method", [name for name, _ in every_method()])
def test_nobody_calls_any_method_without_credentials(tokens, method):
    address, _, _ = tokens
    with grpc.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as error:
            list(channel.stream_stream(method)(iter([b""]), timeout=10))
    assert error.value.code() == grpc.StatusCode.UNAUTHENTICATED, error.value
    assert api.reason_of(error.value) == "TOKEN_INVALID"


@pytest.mark.parametrize("method", [name for name, _ in every_method()])
def test_every_method_has_a_permission_in_the_table(tokens, method):
    """Who has a right on nothing is told which one is missing: never `call unknown`."""
    address, _, _ = tokens
    with grpc.insecure_channel(address) as channel:
        with pytest.raises(grpc.RpcError) as error:
            token = SHOP if method.endswith("ProxyLink/Connect") else PROXY
            list(channel.stream_stream(method)(iter([b""]), timeout=10,
                                               metadata=[("authorization", "Bearer " + token)]))
    assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED, error.value
    assert "unknown" not in error.value.details()


def test_a_static_token_may_what_its_line_says(tokens):
    address, log, _ = tokens
    assert called(address, "shop", SHOP)[0] == "OK"
    assert called(address, "default", SHOP)[:2] == ("PERMISSION_DENIED", "NAMESPACE_FORBIDDEN")
    assert called(address, "-", SHOP) == (
        "PERMISSION_DENIED", "NAMESPACE_FORBIDDEN",
        "shop may not list sessions.spawner.dev in the whole cluster; add ns=* to the token's line in "
        "--token-file")
    assert called(address, "-", ROOT)[0] == "OK"
    assert called(address, api.admin_pb2.GetStatusRequest(), SHOP)[0] == "PERMISSION_DENIED"
    assert called(address, api.admin_pb2.GetStatusRequest(), ROOT)[0] == "OK"
    assert called(address, "shop", "nobody-0123456789abcdef")[:2] == ("UNAUTHENTICATED", "TOKEN_INVALID")
    assert called(address, "shop", PROXY)[0] == "PERMISSION_DENIED"
    for secret in (SHOP, ROOT, "nobody-0123456789abcdef"):
        assert secret not in log(), "tokens are never logged"


def test_a_request_without_a_namespace_needs_a_right_on_all(tokens):
    request = api.sessions_pb2.GetSessionRequest(name="sessions/x")
    assert called(tokens[0], request, SHOP)[0] == "PERMISSION_DENIED"
    assert called(tokens[0], request, ROOT)[:2] == ("INVALID_ARGUMENT", "INVALID_FIELD")


def test_health_and_reflection_stay_open(tokens):
    with grpc.insecure_channel(tokens[0]) as channel:
        assert channel.unary_unary("/grpc.health.v1.Health/Check")(b"", timeout=5) == b"\x08\x01"
        list_services = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
        assert b"spawner.v1.Sessions" in next(list_services(iter([b"\x3a\x01*"]), timeout=5))


def test_a_changed_token_file_is_read_again(tokens):
    address, log, path = tokens
    late = "late-0123456789abcdef"
    try:
        path.write_text(TOKENS + late + ",late,ns=*\n")
        wait_for(log, lambda: called(address, "shop", late)[0] == "OK")
    finally:
        path.write_text(TOKENS)
    wait_for(log, lambda: called(address, "shop", late)[0] == "UNAUTHENTICATED")


def test_a_proxy_links_with_its_token_only(tokens, tmp_path):
    address = tokens[0]
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(PROXY + "\n")
    bad.write_text(SHOP + "\n")
    with Proxy(address, tmp_path / "a.log", ["--controller-token-file=%s" % good]) as linked:
        wait_for(linked.log, lambda: linked.request("/readyz", admin=True)[0] == 200)
    with Proxy(address, tmp_path / "b.log", ["--controller-token-file=%s" % bad]) as refused:
        time.sleep(1)
        assert refused.request("/readyz", admin=True)[0] == 503
        assert "may not connect proxies.spawner.dev" in refused.log()
        bad.write_text(PROXY)  # the file is read once a minute, or after a refusal
    with Proxy(address, tmp_path / "c.log") as anonymous:
        time.sleep(1)
        assert anonymous.request("/readyz", admin=True)[0] == 503


def spawnctl(address, *words, **environment):
    done = subprocess.run([SPAWNCTL, *words, "--address=" + address], capture_output=True, text=True,
                          timeout=20, env=dict(environment, PATH=os.environ["PATH"]))
    return done.returncode, done.stdout, done.stderr


def test_spawnctl_sends_a_token(tokens, tmp_path):
    address = tokens[0]
    code, _, err = spawnctl(address, "get", "sessions", "-n", "shop")
    assert code == 4 and "TOKEN_INVALID" in err and "SPAWNER_TOKEN" in err, err
    assert spawnctl(address, "get", "sessions", "-n", "shop", SPAWNER_TOKEN=SHOP)[0] == 0
    file = tmp_path / "token"
    file.write_text(SHOP + "\n")
    assert spawnctl(address, "get", "sessions", "-n", "shop", "--token-file=%s" % file)[0] == 0
    code, _, err = spawnctl(address, "get", "sessions", "-n", "default", SPAWNER_TOKEN=SHOP)
    assert code == 4 and "shop may not list sessions.spawner.dev in namespace default" in err, err


# ---- TLS ----------------------------------------------------------------------------------------


def test_tls_with_client_certificates(tmp_path):
    ca, other = Authority(tmp_path), Authority(tmp_path, "other")
    cert, key = ca.sign("controller")
    ada, shop = ca.sign("ada", "/O=dev/CN=ada"), other.sign("shop")
    proxy = ca.sign("proxy-1")
    read = lambda pair: [file.read_bytes() for file in reversed(pair)]
    trusted = ca.cert.read_bytes()
    with controller(tmp_path, "--local", "--tls-cert=%s" % cert, "--tls-key=%s" % key,
                    "--client-ca=%s" % ca.cert, "--proxy-name=proxy-1") as (address, log):
        with_ada = grpc.ssl_channel_credentials(trusted, *read(ada))
        assert called(address, "default", credentials=with_ada)[0] == "OK"
        nobody = grpc.ssl_channel_credentials(trusted)
        assert called(address, "default", credentials=nobody)[:2] == ("UNAUTHENTICATED", "TOKEN_INVALID")
        stranger = grpc.ssl_channel_credentials(trusted, *read(shop))
        assert called(address, "default", credentials=stranger)[0] == "UNAVAILABLE", "no handshake"
        assert called(address, "default")[0] == "UNAVAILABLE", "not without TLS"

        tls = ["--ca=%s" % ca.cert, "--client-cert=%s" % ada[0], "--client-key=%s" % ada[1]]
        code, _, err = spawnctl(address, "get", "sessions", *tls)
        assert code == 0, err
        code, _, err = spawnctl(address, "get", "sessions", "--ca=%s" % other.cert)
        assert code == 7, err

        with Proxy(address, tmp_path / "p.log", [
                "--controller-ca=%s" % ca.cert, "--controller-cert=%s" % proxy[0],
                "--controller-key=%s" % proxy[1]]) as linked:
            wait_for(linked.log, lambda: linked.request("/readyz", admin=True)[0] == 200)

        # A renewed certificate is shown to who dials next.
        renewed = ca.sign("controller", names="DNS:renewed.test", file="renewed")
        for new, old in zip(renewed, (cert, key)):
            os.replace(new, old)
        options = [("grpc.ssl_target_name_override", "renewed.test")]
        deadline = time.monotonic() + 30
        while called(address, "default", credentials=with_ada, options=options)[0] != "OK":
            assert time.monotonic() < deadline, log()
            time.sleep(0.5)


def test_flags_that_do_not_fit_are_exit_code_2(tmp_path):
    from tests.support.controller import run
    ca = Authority(tmp_path)
    a, b = ca.sign("a"), ca.sign("b")
    code, _, err = run("--local", "--tls-cert=%s" % a[0], "--tls-key=%s" % b[1])
    assert code == 2 and "%s: its key belongs to another certificate" % a[0] in err, err
    tokens = tmp_path / "tokens"
    tokens.write_text("short,ada\n")
    code, _, err = run("--local", "--token-file=%s" % tokens)
    assert code == 2 and err.count("\n") == 1 and "line 1: a token of less than 16" in err, err


# ---- OIDC ---------------------------------------------------------------------------------------


@contextlib.contextmanager
def key_server(keys):
    """Serves {"keys": [...]} at /keys; `keys` may change. Yields (URL, list of requests)."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            text = json.dumps({"keys": [key.jwk() for key in keys]}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield "http://127.0.0.1:%d/keys" % server.server_port, asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_tokens_of_an_oidc_issuer(tmp_path):
    first, second, foreign = (Issuer(tmp_path, name) for name in ("first", "second", "foreign"))
    foreign.key_id = "first"
    keys = [first]

    def claims(**changes):
        return dict({"iss": "https://issuer.test", "aud": "spawner", "sub": "ada",
                     "exp": time.time() + 600}, **changes)

    with key_server(keys) as (url, asked), controller(
            tmp_path, "--local", "--oidc-issuer=https://issuer.test", "--oidc-audience=spawner",
            "--oidc-jwks-url=" + url) as (address, log):
        token = first.token(claims())
        assert called(address, "default", token)[0] == "OK"
        assert called(address, "default", token)[0] == "OK"
        assert asked == ["/keys"]
        for bad, reason in ((foreign.token(claims()), "TOKEN_INVALID"),
                            (first.token(claims(aud="other")), "TOKEN_INVALID"),
                            (first.token(claims(exp=time.time() - 60)), "TOKEN_EXPIRED"),
                            (first.token(claims(), "none"), "TOKEN_INVALID"),
                            (first.token(claims(iss="https://evil.test")), "TOKEN_INVALID"),
                            ("garbage", "TOKEN_INVALID")):
            assert called(address, "default", bad)[:2] == ("UNAUTHENTICATED", reason)
        keys.append(second)
        rotated = second.token(claims())
        deadline = time.monotonic() + 30  # keys are fetched every 10 s at most
        while called(address, "default", second.token(claims(n=time.time())))[0] != "OK":
            assert time.monotonic() < deadline, log()
            time.sleep(0.5)
        assert len(asked) == 2, asked
        assert rotated not in log() and token not in log()


@contextlib.contextmanager
def https_issuer(folder, keys):
    """A real issuer: discovery document and key set over TLS. `state` may change: {"down": True} gives
    503s. Yields (issuer's URL, its authority's file, requests' paths, state)."""
    ca = Authority(folder, "issuer-ca")
    asked, state = [], {}

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            document = {
                "/realms/x/.well-known/openid-configuration": {"issuer": url, "jwks_uri": url + "/certs"},
                "/realms/x/certs": {"keys": [key.jwk() for key in keys]}}.get(self.path)
            text = json.dumps(document).encode()
            self.send_response(503 if state.get("down") else 200 if document else 404)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*map(str, ca.sign("issuer")))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    url = "https://localhost:%d/realms/x" % server.server_port
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield url, ca.cert, asked, state
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_issuers_discovery_document_says_where_its_keys_are(tmp_path):
    first, second = (Issuer(tmp_path, name) for name in ("first", "second"))
    keys = [first]
    with https_issuer(tmp_path, keys) as (url, ca, asked, state):
        def token(key, **changes):
            return key.token(dict({"iss": url, "aud": "spawner", "sub": "ada", "n": time.time(),
                                   "exp": time.time() + 600}, **changes))

        flags = ("--local", "--oidc-issuer=" + url, "--oidc-audience=spawner")
        with controller(tmp_path, *flags, "--oidc-ca=%s" % ca) as (address, log):
            assert asked == [], "nothing is fetched before a token comes"
            assert called(address, "default", token(first))[0] == "OK"
            assert asked == ["/realms/x/.well-known/openid-configuration", "/realms/x/certs"]
            assert called(address, "default", token(first))[0] == "OK"
            assert called(address, "default", token(second))[:2] == ("UNAUTHENTICATED", "TOKEN_INVALID")
            assert len(asked) == 2, "an unknown key asks again, but not within 10 s"
            state["down"] = True
            deadline = time.monotonic() + 30
            while len(asked) == 2:  # the floor between two looks is over
                called(address, "default", token(second))
                assert time.monotonic() < deadline, log()
                time.sleep(0.5)
            code, reason, message = called(address, "default", token(second))
            assert (code, reason) == ("UNAVAILABLE", "ISSUER_UNREACHABLE")
            assert "/realms/x/.well-known/openid-configuration: HTTP 503" in message, message
            assert called(address, "default", token(first))[0] == "OK", "what was known stays good"
            state.clear()
            keys.append(second)
            deadline = time.monotonic() + 30
            while called(address, "default", token(second))[0] != "OK":
                assert time.monotonic() < deadline, log()
                time.sleep(0.5)
        with controller(tmp_path, *flags) as (address, log):
            code, reason, message = called(address, "default", token(first))
            assert (code, reason) == ("UNAVAILABLE", "ISSUER_UNREACHABLE"), "a CA that nobody knows"
            assert "certificate" in message, message


# ---- Kubernetes ---------------------------------------------------------------------------------


def test_static_tokens_of_a_secret_rotate_without_a_restart(tmp_path):
    def secret(**keys):
        return {"kind": "Secret", "metadata": {"name": "tokens"},
                "data": {key: base64.b64encode(text.encode()).decode() for key, text in keys.items()}}

    path = "/api/v1/namespaces/default/secrets/tokens"
    with FakeKubernetes() as kubernetes:
        kubernetes.objects[path] = secret(shop=SHOP + ",shop,ns=default", ops=ROOT + ",root,ns=*")
        config = kubernetes.kubeconfig(tmp_path / "kubeconfig")
        with controller(tmp_path, "--kubeconfig=%s" % config, "--namespace=default",
                        "--token-secret=tokens") as (address, log):
            wait_for(log, lambda: called(address, "default", SHOP)[0] == "OK")
            assert called(address, api.admin_pb2.GetStatusRequest(), ROOT)[0] == "OK"
            assert called(address, api.admin_pb2.GetStatusRequest(), SHOP) == (
                "PERMISSION_DENIED", "NAMESPACE_FORBIDDEN",
                "shop may not get status.spawner.dev in the whole cluster; add ns=* to the token's line in "
                "the Secret default/tokens")
            new = "new-0123456789abcdef"
            kubernetes.objects[path] = secret(shop=new + ",shop,ns=default")
            deadline = time.monotonic() + 30  # it is read every 10 s
            while called(address, "default", new)[0] != "OK":
                assert time.monotonic() < deadline, log()
                time.sleep(0.2)
            assert called(address, "default", SHOP)[:2] == ("UNAUTHENTICATED", "TOKEN_INVALID")
            assert called(address, api.admin_pb2.GetStatusRequest(), ROOT)[0] == "UNAUTHENTICATED"
            kubernetes.objects[path] = secret(shop="short,shop")
            wait_for_long(log, lambda: '"event":"token_secret_malformed"' in log())
            assert called(address, "default", new)[0] == "OK", "a malformed one leaves what was known"
            for token in (SHOP, ROOT, new):
                assert token not in log(), "tokens are never logged"


def wait_for_long(what, condition):
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline, what()
        time.sleep(0.2)


def test_random_tokens_do_not_make_us_ask_kubernetes_at_will(tmp_path):
    with FakeKubernetes() as kubernetes:
        user = "system:serviceaccount:shop:server"
        kubernetes.tokens["good"] = {"username": user, "groups": [], "uid": "u"}
        kubernetes.allowed.add((user, "list", "sessions", "default"))
        config = kubernetes.kubeconfig(tmp_path / "kubeconfig")
        with controller(tmp_path, "--kubeconfig=%s" % config, "--namespace=default",
                        "--auth-kubernetes") as (address, log):
            assert called(address, "default", "good")[0] == "OK"
            begin, asked = time.monotonic(), len(kubernetes.reviews)
            answers = [called(address, "default", "guess-%d" % i) for i in range(150)]
            took = time.monotonic() - begin
            asked = len(kubernetes.reviews) - asked
            assert asked <= 50 + 5 * took + 1, (asked, took)
            assert {a[:2] for a in answers[:50]} == {("UNAUTHENTICATED", "TOKEN_INVALID")}
            code, reason, message = next(a for a in answers if a[1] == "RATE_LIMITED")
            assert code == "RESOURCE_EXHAUSTED" and "127.0.0.1" in message, message
            assert called(address, "default", "good")[0] == "OK", "who is known is not held up"


def test_service_accounts_by_token_review_and_rbac(tmp_path):
    user = "system:serviceaccount:shop:server"
    with FakeKubernetes() as kubernetes:
        kubernetes.tokens["good"] = {"username": user, "groups": ["system:serviceaccounts"], "uid": "u"}
        kubernetes.allowed.add((user, "list", "sessions", "default"))
        config = kubernetes.kubeconfig(tmp_path / "kubeconfig")
        with controller(tmp_path, "--kubeconfig=%s" % config, "--namespace=default,shop",
                        "--auth-kubernetes") as (address, log):
            assert called(address, "default", "good")[0] == "OK"
            assert kubernetes.reviews == [
                {"token": "good", "audiences": ["spawner"]},
                {"user": user, "uid": "u", "groups": ["system:serviceaccounts"], "resourceAttributes": {
                    "group": "spawner.dev", "version": "v1", "resource": "sessions", "verb": "list",
                    "namespace": "default"}}]
            assert called(address, "default", "good")[0] == "OK"
            assert len(kubernetes.reviews) == 2, "both are remembered"
            assert called(address, "shop", "good")[1:] == (
                "NAMESPACE_FORBIDDEN",
                user + " may not list sessions.spawner.dev in namespace shop; `kubectl create rolebinding "
                "-n shop spawner-list-sessions --clusterrole=spawner-user "
                "--serviceaccount='shop:server'` grants it")
            assert called(address, "default", "bad")[:2] == ("UNAUTHENTICATED", "TOKEN_INVALID")
            kubernetes.is_down = True
            assert called(address, "default", "good")[0] == "OK", "known tokens stay good"
            assert called(address, "default", "new")[:2] == ("UNAVAILABLE", "KUBERNETES_UNREACHABLE")
            assert "good" not in [word.strip('"') for word in log().replace(",", " ").split()]


def test_without_any_way_only_loopback_is_listened_on_and_that_is_said(tmp_path):
    with controller(tmp_path, "--local") as (address, log):
        assert called(address, "default")[0] == "OK"
        assert '"event":"everybody_may_call"' in log()
