"""Every reason of docs/api.md, provoked at a real controller: its code, its domain, what spawnctl prints
and its exit code. docs/errors.md shows what is printed, and is stale if it shows anything else:

    SPAWNER_WRITE_ERRORS=docs/errors.md SPAWNER_BIN=bazel-bin PYTHONPATH=$PWD \\
      /usr/bin/python3 -m pytest -q tests/integration/every_error_test.py
"""

import contextlib
import dataclasses
import http.client
import json
import os
import re
import subprocess
import threading
import time
import urllib.parse

import grpc
import pytest

from tests.skew.kube import Kube
from tests.support import api
from tests.support.certificates import Issuer
from tests.support.controller import get, running, wait_for
from tests.support.fake_kubernetes import FakeKubernetes
from tests.support.ports import free_port
from tests.support.system import BIN, LocalSystem, seconds

SPAWNCTL = os.path.join(BIN, "cli/spawnctl")
SLEEPER = ("/bin/sleep", "600")
SHOP = "shop-0123456789abcdef"

# Reason -> (code, spawnctl's exit code, what it means). In the order of docs/api.md.
REASONS = {
    "INVALID_FIELD": ("INVALID_ARGUMENT", 2, "A field of the request can't be what it is."),
    "REQUEST_ID_REUSED": ("INVALID_ARGUMENT", 2, "One request_id for two different requests."),
    "TOKEN_INVALID": ("UNAUTHENTICATED", 4, "No credentials, or none that the controller takes."),
    "TOKEN_EXPIRED": ("UNAUTHENTICATED", 4, "They were good once."),
    "NAMESPACE_FORBIDDEN": ("PERMISSION_DENIED", 4, "The caller is known, and lacks the right."),
    "SESSION_NOT_FOUND": ("NOT_FOUND", 3, "No session of that name, or it ended long ago."),
    "KEY_NOT_HELD": ("NOT_FOUND", 3, "No session of that key lives, and the Connect says not what to start."),
    "TEMPLATE_NOT_FOUND": ("NOT_FOUND", 3, "No template of that name."),
    "PROXY_NOT_FOUND": ("NOT_FOUND", 3, "No proxy of that id."),
    "KEY_TAG_MISMATCH": ("FAILED_PRECONDITION", 5, "The key's session has another tag."),
    "NOT_IDLE": ("FAILED_PRECONDITION", 5, "Somebody uses it."),
    "SESSION_ENDING": ("FAILED_PRECONDITION", 5, "It ends or has ended."),
    "LOG_UNAVAILABLE": ("FAILED_PRECONDITION", 5, "There is no log yet, or no longer."),
    "PROXY_LOST": ("FAILED_PRECONDITION", 5, "The proxy is known, and not connected."),
    "ETAG_MISMATCH": ("ABORTED", 5, "It was changed since it was read."),
    "EPOCH_FENCED": ("ABORTED", 5, "Another incarnation lives by now."),
    "VERSION_EXPIRED": ("OUT_OF_RANGE", 2, "A watch resumes from too long ago. spawnctl lists anew by itself."),
    "QUOTA_SESSIONS": ("RESOURCE_EXHAUSTED", 6, "The namespace has as many sessions as it may."),
    "QUOTA_STARTS": ("RESOURCE_EXHAUSTED", 6, "Too many are starting, and the call could not wait longer."),
    "QUOTA_CONNECTIONS": ("RESOURCE_EXHAUSTED", 6, "The namespace has as many connections as it may."),
    "QUOTA_HOLDS": ("RESOURCE_EXHAUSTED", 6, "The session takes no more holds, or none at all."),
    "RATE_LIMITED": ("RESOURCE_EXHAUSTED", 6, "Too often, or too many at one time."),
    "NO_CAPACITY": ("RESOURCE_EXHAUSTED", 6, "Kubernetes finds no node for the pod."),
    "NO_LEADER": ("UNAVAILABLE", 7, "No controller leads just now."),
    "KUBERNETES_UNREACHABLE": ("UNAVAILABLE", 7, "The API server does not answer the controller."),
    "ISSUER_UNREACHABLE": ("UNAVAILABLE", 7, "The OpenID Connect issuer does not answer the controller."),
    "START_TIMEOUT": ("DEADLINE_EXCEEDED", 124, "The backend was not ready in time."),
    "WAIT_TIMEOUT": ("DEADLINE_EXCEEDED", 124, "It is not in that state yet."),
}
OF_SESSION = {"namespace", "session", "epoch"}
# What ErrorInfo.metadata has at least, as docs/api.md lists it.
DETAILS = {
    "INVALID_FIELD": {"field"},
    "REQUEST_ID_REUSED": {"namespace", "request_id"},
    "TOKEN_INVALID": set(),
    "TOKEN_EXPIRED": set(),
    "NAMESPACE_FORBIDDEN": {"namespace", "caller", "verb", "resource"},
    "SESSION_NOT_FOUND": {"namespace", "session"},
    "KEY_NOT_HELD": {"namespace", "key"},
    "TEMPLATE_NOT_FOUND": {"namespace", "template"},
    "PROXY_NOT_FOUND": {"proxy"},
    "KEY_TAG_MISMATCH": OF_SESSION | {"key", "tag", "asked_tag"},
    "NOT_IDLE": OF_SESSION | {"connections", "hold_owner"},
    "SESSION_ENDING": OF_SESSION | {"end_reason"},
    "LOG_UNAVAILABLE": {"namespace", "pod"},
    "PROXY_LOST": {"proxy"},
    "ETAG_MISMATCH": OF_SESSION | {"etag", "asked_etag"},
    "EPOCH_FENCED": OF_SESSION | {"asked_epoch"},
    "VERSION_EXPIRED": {"field"},
    "QUOTA_SESSIONS": {"namespace", "quota", "used", "limit"},
    "QUOTA_STARTS": {"namespace", "quota", "used", "limit"},
    "QUOTA_CONNECTIONS": {"namespace", "quota", "used", "limit"},
    "QUOTA_HOLDS": OF_SESSION | {"used", "limit"},
    "RATE_LIMITED": {"quota", "limit", "namespace"},
    "NO_CAPACITY": OF_SESSION | {"end_reason"},
    "NO_LEADER": {"leader"},
    "KUBERNETES_UNREACHABLE": set(),
    "ISSUER_UNREACHABLE": {"issuer"},
    "START_TIMEOUT": OF_SESSION | {"end_reason"},
    "WAIT_TIMEOUT": OF_SESSION | {"state", "phase"},
}
# Seconds, where a bound says more than that there is one: when another try may be worth it.
WAITS = {
    "QUOTA_SESSIONS": (25, 30),  # nobody's grace of 10 min is over by then: kQuotaRetryMax
    "QUOTA_STARTS": (1, 1),
    "QUOTA_CONNECTIONS": (1, 1),
    "QUOTA_HOLDS": (1, 3600),  # the session's own idle end
    "RATE_LIMITED": (60, 100),  # 0.01 a second
    "NO_CAPACITY": (10, 10),
}
# Only of a quota of a user's.
OPTIONAL = {"user"}
RETRIED = {"RESOURCE_EXHAUSTED", "UNAVAILABLE"}
NOT_YET = {"POOL_EMPTY": "warm pools are not built yet"}
API_ONLY = {"VERSION_EXPIRED"}


@dataclasses.dataclass
class Shown:
    words: list
    exit_code: int
    printed: str
    error: grpc.RpcError


class Provoker:
    """Collects what a refusal looks like: from spawnctl, and from the method itself."""

    def __init__(self):
        self.shown = {}
        self.instead = {}  # of names that are others in each run

    def note(self, reason, address, words, call, token=None):
        """`call` makes such a call by gRPC; `words` are spawnctl's, None if it can't."""
        with pytest.raises(grpc.RpcError) as caught:
            call()
        code, printed = None, ""
        if words:
            environment = {"PATH": os.environ["PATH"], "USER": "ada", "SPAWNER_ADDRESS": address}
            if token:
                environment["SPAWNER_TOKEN"] = token
            done = subprocess.run([SPAWNCTL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                                  text=True, timeout=60, env=environment)
            code, printed = done.returncode, done.stderr
        self.shown[reason] = Shown(words, code, printed, caught.value)


def name(session_id):
    return "namespaces/default/sessions/" + session_id


def id_of(answer):
    return answer.session.name.rsplit("/", 1)[1]


def connect(stubs, ns="default", key="doc", timeout=20, metadata=None, wait=False, **fields):
    pb = api.sessions_pb2
    spec = fields.pop("spec", None)
    request = pb.ConnectRequest(parent="namespaces/" + ns, key=api.session_pb2.SessionKey(name=key),
                                grant=pb.GrantSpec(user="ada"), **fields)
    if spec is not None:
        request.spec.CopyFrom(spec)
    if wait:
        request.wait_for = pb.WAIT_FOR_READY
    return stubs.sessions.Connect(request, timeout=timeout, metadata=metadata)


@contextlib.contextmanager
def used(system, answer):
    """A connection to the session that stays open."""
    url = urllib.parse.urlsplit(system.url(answer, "sse?n=0"))
    connection = http.client.HTTPConnection(url.netloc, timeout=20)
    connection.request("GET", "%s?%s" % (url.path, url.query))
    connection.getresponse()
    try:
        system.wait(answer.session.name, lambda s: s.connections > 0, 20)
        yield
    finally:
        connection.close()


def provoke_at_a_running_system(note, folder):
    pb = api.sessions_pb2
    with LocalSystem(folder) as system:
        sessions, admin, at = system.api.sessions, system.api.admin, system.grpc
        sleeper = api.session_pb2.SessionSpec(command=SLEEPER)
        live = system.connect("document-42")
        live_id = id_of(live)
        system.wait_state(live.session.name, "READY")
        note("INVALID_FIELD", at, ["connect", "--key=document-7", "--ignore-path=healthz", "--", *SLEEPER],
             lambda: connect(system.api, spec=api.session_pb2.SessionSpec(command=SLEEPER, port=70000)))
        connect(system.api, key="document-43", request_id="request-1", spec=sleeper)
        note("REQUEST_ID_REUSED", at, ["connect", "--key=document-44", "--request-id=request-1", "--", *SLEEPER],
             lambda: connect(system.api, key="document-44", request_id="request-1", spec=sleeper))
        note("SESSION_NOT_FOUND", at, ["get", "session", "no-such-session"],
             lambda: system.get(name("no-such-session")))
        note("KEY_NOT_HELD", at, ["connect", "--key=nobodys"], lambda: connect(system.api, key="nobodys"))
        note("TEMPLATE_NOT_FOUND", at, ["connect", "--key=document-8", "--template=editor"],
             lambda: connect(system.api, key="document-8", spec=api.session_pb2.SessionSpec(template="editor")))
        note("PROXY_NOT_FOUND", at, ["drain", "proxy", "no-such-proxy"],
             lambda: admin.DrainProxy(api.admin_pb2.DrainProxyRequest(proxy="no-such-proxy"), timeout=10))
        note("KEY_TAG_MISMATCH", at, ["connect", "--key=document-42", "--tag=v2", "--", *SLEEPER],
             lambda: sessions.Connect(pb.ConnectRequest(
                 parent="namespaces/default", spec=sleeper,
                 key=api.session_pb2.SessionKey(name="document-42", tag="v2")), timeout=10))
        with used(system, live):
            note("NOT_IDLE", at, ["terminate", "--key=document-42", "--only-if-idle"],
                 lambda: system.terminate(live.session.name, only_if_idle=True))
        note("ETAG_MISMATCH", at, ["terminate", "--key=document-42", "--etag=old"],
             lambda: system.terminate(live.session.name, etag="old"))
        note("EPOCH_FENCED", at, ["hold", live_id, "--for=10m", "--epoch=1"],
             lambda: system.terminate(live.session.name, epoch=1))
        note("VERSION_EXPIRED", at, None, lambda: list(sessions.WatchSessions(
            pb.WatchSessionsRequest(parent="namespaces/default", resume_version="another-1"), timeout=10)))
        none = system.connect("unheld", idle=api.session_pb2.IdlePolicy(hold_max=seconds(0)))
        note("QUOTA_HOLDS", at, ["hold", "--key=unheld", "--for=10m"],
             lambda: sessions.KeepAlive(pb.KeepAliveRequest(
                 name=none.session.name, owner="a", ttl=seconds(600)), timeout=10))
        note("WAIT_TIMEOUT", at, ["wait", "--key=document-42", "--for=TERMINATED", "--timeout=1s"],
             lambda: sessions.WaitSession(pb.WaitSessionRequest(
                 name=live.session.name, states=["TERMINATED"], timeout=seconds(0.2)), timeout=10))
        ending = system.connect("document-45")
        system.terminate(ending.session.name)
        system.wait_ended(ending.session.name)
        note("SESSION_ENDING", at, ["wait", id_of(ending)],
             lambda: sessions.WaitSession(pb.WaitSessionRequest(
                 name=ending.session.name, states=["READY"], timeout=seconds(5)), timeout=10))
        note("START_TIMEOUT", at, ["connect", "--key=slow", "--start-timeout=1s", "--wait", "--", *SLEEPER],
             lambda: connect(system.api, key="slower", wait=True, spec=api.session_pb2.SessionSpec(
                 command=SLEEPER, lifetime=api.session_pb2.Lifetime(start_timeout=seconds(1)))))
        (proxy,) = admin.ListProxies(api.admin_pb2.ListProxiesRequest(), timeout=10).proxies
        note.__self__.instead[proxy.id] = "proxy-7d9f-x2x"
        system.kill("proxy0")
        deadline = time.monotonic() + 20
        while admin.ListProxies(api.admin_pb2.ListProxiesRequest(), timeout=10).proxies[0].connected:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        note("PROXY_LOST", at, ["drain", "proxy", proxy.id],
             lambda: admin.DrainProxy(api.admin_pb2.DrainProxyRequest(proxy=proxy.id), timeout=10))


def provoke_quotas(note, folder):
    flags = ("--namespace=full,starting,crowded", "--quota-sessions-per-namespace=2",
             "--quota-starts-per-namespace=1", "--quota-connections-per-namespace=1")
    with LocalSystem(folder, controller_flags=flags) as system:
        sleeper = api.session_pb2.SessionSpec(command=SLEEPER)
        system.namespace = "full"
        for key in ("one", "two"):
            system.wait_state(system.connect(key, initial_grace=600).session.name, "READY")
        note("QUOTA_SESSIONS", system.grpc, ["connect", "-n", "full", "--key=three", "--", *SLEEPER],
             lambda: connect(system.api, "full", "three", spec=sleeper))
        connect(system.api, "starting", "one", spec=sleeper)
        note("QUOTA_STARTS", system.grpc,
             ["connect", "-n", "starting", "--key=two", "--timeout=2s", "--", *SLEEPER],
             lambda: connect(system.api, "starting", "two", timeout=1, spec=sleeper))
        system.namespace = "crowded"
        crowded = system.connect("one", initial_grace=600)
        system.wait_state(crowded.session.name, "READY")
        with used(system, crowded):
            deadline = time.monotonic() + 20
            while True:  # counted by what proxies report
                answer = system.api.admin.GetQuotas(
                    api.admin_pb2.GetQuotasRequest(parent="namespaces/crowded"), timeout=10)
                if {q.resource: q.used for q in answer.quotas}.get("connections"):
                    break
                assert time.monotonic() < deadline, answer
                time.sleep(0.05)
            note("QUOTA_CONNECTIONS", system.grpc, ["connect", "-n", "crowded", "--key=two", "--", *SLEEPER],
                 lambda: connect(system.api, "crowded", "two", spec=sleeper))


@contextlib.contextmanager
def controller(folder, *flags):
    with running("--public-url=http://127.0.0.1:1", *flags, tmp_path=folder) as (_, address, web, log):
        wait_for(log, lambda: get(web + "/healthz")[0] == 200)
        stubs = api.Api(address)
        try:
            yield stubs, address, web, log
        finally:
            stubs.close()


def provoke_who_may_call(note, folder):
    def listed(stubs, token):
        return lambda: stubs.sessions.ListSessions(
            api.sessions_pb2.ListSessionsRequest(parent="namespaces/default"), timeout=10,
            metadata=[("authorization", "Bearer " + token)] if token else None)

    words = ["get", "sessions"]
    issuer = Issuer(folder, "key-1")
    keys = folder / "keys.json"
    keys.write_text('{"keys": [%s]}' % json.dumps(issuer.jwk()))
    tokens = folder / "tokens"
    tokens.write_text(SHOP + ",shop,ns=shop\n")
    with FakeKubernetes() as kubernetes:
        config = kubernetes.kubeconfig(folder / "kubeconfig")
        with controller(folder, "--kubeconfig=%s" % config, "--namespace=default,shop", "--auth-kubernetes",
                        "--token-file=%s" % tokens, "--oidc-issuer=https://login.example",
                        "--oidc-audience=spawner", "--oidc-jwks-file=%s" % keys) as (stubs, at, web, log):
            wait_for(log, lambda: get(web + "/readyz")[0] == 200)
            note("TOKEN_INVALID", at, words, listed(stubs, None))
            expired = issuer.token({"iss": "https://login.example", "aud": "spawner", "sub": "ada",
                                    "exp": time.time() - 3600})
            note("TOKEN_EXPIRED", at, words, listed(stubs, expired), expired)
            user = "system:serviceaccount:apps:server"
            kubernetes.tokens["server"] = {"username": user, "groups": [], "uid": "u"}
            note("NAMESPACE_FORBIDDEN", at, words, listed(stubs, "server"), "server")
            kubernetes.is_down = True
            note("KUBERNETES_UNREACHABLE", at, words, listed(stubs, "other"), "other")
    issuers = "http://127.0.0.1:%d" % free_port()
    with controller(folder, "--local", "--oidc-issuer=" + issuers, "--oidc-audience=spawner") as (
            stubs, at, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        token = issuer.token({"iss": issuers, "aud": "spawner", "sub": "ada", "exp": time.time() + 600})
        note("ISSUER_UNREACHABLE", at, words, listed(stubs, token), token)


def provoke_rates(note, folder):
    with controller(folder, "--local", "--rate-connects-per-namespace=0.01") as (stubs, at, web, log):
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        sleeper = api.session_pb2.SessionSpec(command=SLEEPER)
        connect(stubs, spec=sleeper)
        note("RATE_LIMITED", at, ["connect", "--key=document-7", "--", *SLEEPER],
             lambda: connect(stubs, spec=sleeper))


def provoke_with_kubernetes(note, folder):
    """Where Kubernetes has no node, or another controller leads that is gone."""
    with Kube() as kube:
        stop = threading.Event()

        def schedule():
            while not stop.wait(0.05):
                for pod in kube.get("pods"):
                    if "status" not in pod:
                        kube.put("pods", dict(pod, status={"phase": "Pending", "conditions": [{
                            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                            "message": "0/3 nodes are available: 3 Insufficient nvidia.com/gpu."}]}))

        scheduler = threading.Thread(target=schedule)
        scheduler.start()
        try:
            with controller(folder, "--kubeconfig=%s" % kube.kubeconfig(folder), "--namespace=default") as (
                    stubs, at, web, log):
                wait_for(log, lambda: get(web + "/readyz")[0] == 200)
                spec = api.session_pb2.SessionSpec(
                    image="registry.example/editor:7",
                    lifetime=api.session_pb2.Lifetime(start_timeout=seconds(2)))
                # Its pod waits for a node.
                waiting = connect(stubs, key="document-9", spec=spec).session.name
                note("LOG_UNAVAILABLE", at, ["logs", "--key=document-9"],
                     lambda: list(stubs.sessions.StreamLogs(
                         api.sessions_pb2.StreamLogsRequest(name=waiting), timeout=10)))
                note("NO_CAPACITY", at, ["connect", "--key=document-7", "--image=registry.example/editor:7",
                                         "--start-timeout=2s", "--wait"],
                     lambda: connect(stubs, key="document-8", wait=True, spec=spec))
        finally:
            stop.set()
            scheduler.join()
    with Kube() as kube:
        kube.put("leases", {
            "apiVersion": "coordination.k8s.io/v1", "kind": "Lease",
            "metadata": {"name": "spawner-controller", "namespace": "default",
                         "annotations": {"spawner.dev/leader-address": "127.0.0.1:1"}},
            "spec": {"holderIdentity": "another", "leaseDurationSeconds": 3600, "leaseTransitions": 1,
                     "acquireTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime()),
                     "renewTime": time.strftime("%Y-%m-%dT%H:%M:%S.000000Z", time.gmtime())}})
        with controller(folder, "--kubeconfig=%s" % kube.kubeconfig(folder), "--namespace=default") as (
                stubs, at, web, log):
            wait_for(log, lambda: get(web + "/readyz")[1] or True)
            time.sleep(1)
            spec = api.session_pb2.SessionSpec(image="registry.example/editor:7")
            note("NO_LEADER", at, ["connect", "--key=document-7", "--image=registry.example/editor:7"],
                 lambda: connect(stubs, spec=spec))


@pytest.fixture(scope="module")
def shown(tmp_path_factory):
    provoker = Provoker()
    for provoke in (provoke_at_a_running_system, provoke_quotas, provoke_who_may_call, provoke_rates,
                    provoke_with_kubernetes):
        provoke(provoker.note, tmp_path_factory.mktemp("errors"))
    return provoker


def documented():
    with open(os.path.join(api.ROOT, "docs/api.md"), encoding="utf-8") as page:
        table = re.search(r"^## Errors$(.*?)^## ", page.read(), re.M | re.S)[1]
    rows = [row.split("|")[2] for row in table.splitlines() if row.startswith("| ")][1:]
    return set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)+\b", " ".join(rows)))


def test_every_reason_of_api_md_is_provoked():
    assert documented() == set(REASONS) | set(NOT_YET)


def details_of(error):
    found = {}
    for key, value in error.trailing_metadata():
        if key == "grpc-status-details-bin":
            for detail in api.error_details_pb2.Status.FromString(value).details:
                for kind in (api.error_details_pb2.ErrorInfo, api.error_details_pb2.RetryInfo):
                    message = kind()
                    if detail.Unpack(message):
                        found[kind.DESCRIPTOR.name] = message
    return found


@pytest.mark.parametrize("reason", REASONS)
def test_it_has_its_code_reason_and_domain(shown, reason):
    error = shown.shown[reason].error
    assert error.code().name == REASONS[reason][0], error
    info = details_of(error)["ErrorInfo"]
    assert (info.reason, info.domain) == (reason, "spawner.dev")
    assert set(info.metadata) == DETAILS[reason], info


@pytest.mark.parametrize("reason", sorted(r for r in REASONS if REASONS[r][0] in RETRIED))
def test_it_says_when_another_try_may_help(shown, reason):
    delay = details_of(shown.shown[reason].error)["RetryInfo"].retry_delay
    wait = delay.seconds + delay.nanos / 1e9
    shortest, longest = WAITS.get(reason, (0.05, 60))
    assert shortest <= wait <= longest


def test_details_have_values(shown):
    def metadata(reason):
        return dict(details_of(shown.shown[reason].error)["ErrorInfo"].metadata)

    assert metadata("QUOTA_SESSIONS") == {"namespace": "full", "quota": "quota-sessions-per-namespace",
                                          "used": "2", "limit": "2"}
    assert metadata("KEY_TAG_MISMATCH")["key"] == "document-42"
    assert (metadata("KEY_TAG_MISMATCH")["tag"], metadata("KEY_TAG_MISMATCH")["asked_tag"]) == ("", "v2")
    assert metadata("EPOCH_FENCED")["asked_epoch"] == "1"
    assert int(metadata("EPOCH_FENCED")["epoch"]) > 1
    assert metadata("INVALID_FIELD")["field"] == "spec.port"
    assert int(metadata("NOT_IDLE")["connections"]) == 1


def test_api_md_lists_the_details():
    with open(os.path.join(api.ROOT, "docs/api.md"), encoding="utf-8") as page:
        table = re.search(r"^### Details of errors$(.*?)^## ", page.read(), re.M | re.S)[1]
    listed = {}
    for row in table.splitlines():
        cells = [cell.strip() for cell in row.split("|")]
        if row.startswith("| ") and cells[1].isupper():
            names = set(re.findall(r"`([a-z_]+)`", cells[2]))
            listed.update({reason: names for reason in re.findall(r"[A-Z_]{2,}", cells[1])})
    assert {reason: set(names) for reason, names in DETAILS.items()} == {
        reason: names - OPTIONAL for reason, names in listed.items()}


@pytest.mark.parametrize("reason", sorted(set(REASONS) - API_ONLY))
def test_spawnctl_prints_it_with_a_next_step(shown, reason):
    seen = shown.shown[reason]
    assert seen.exit_code == REASONS[reason][1], seen.printed
    last = [line for line in seen.printed.splitlines() if "[" + reason + "]" in line]
    assert last, seen.printed
    verb = seen.words[0]
    assert last[0].startswith(verb + ":") or last[0].startswith(verb + " "), "what was tried: " + last[0]
    if reason != "INVALID_FIELD":  # says what is allowed
        assert "; " in last[0], "what to do, for those who call by gRPC: " + last[0]


# What differs from run to run.
VARIES = (
    (r"\b[a-z2-7]{26}\b", "4x7k2f5mzq3c6v2p7b4n3a5tqe"),
    (r"127\.0\.0\.1:\d{4,5}\b", "127.0.0.1:9090"),
    (r"its etag is [^,]+,", "its etag is 1-7,"),
    (r"its epoch is \d+,", "its epoch is 4294967297,"),
    (r"\bport \d+ after \d+ ms", "port 9090 after 0 ms"),
    (r"\bnext time is in \S+", "next time is in 1m38s"),
)


def steady(text):
    for pattern, instead in VARIES:
        text = re.sub(pattern, instead, text)
    return text


def page_of(provoker):
    lines = [
        "# Errors as they are printed", "",
        "What each reason of [api.md](api.md#errors) looks like, with what it takes to provoke it. Every message says what was "
        "tried, on what, why it", "failed and what to do. tests/integration/every_error_test.py provokes them all, and "
        "writes this page.", "",
        "A client gets the same message, `google.rpc.ErrorInfo` (reason, domain `spawner.dev`, and the metadata shown "
        "under each, for programs)", "and, with RESOURCE_EXHAUSTED and UNAVAILABLE, `google.rpc.RetryInfo`: when another "
        "try may help.", ""]
    for reason, (code, exit_code, meaning) in REASONS.items():
        seen = provoker.shown[reason]
        lines += ["## " + reason, "", "%s. %s" % (code, meaning), "", "```text"]
        if seen.words:
            lines.append("$ spawnctl " + " ".join(seen.words))
            kept = [line for line in seen.printed.splitlines()
                    if "[" + reason + "]" in line or line.startswith("  ")]
            lines += kept + ["exit code %d" % exit_code]
        else:
            lines.append(seen.error.details())
        details = details_of(seen.error)
        lines += ["```", ""]
        if details["ErrorInfo"].metadata:
            lines += ["Metadata: %s." % ", ".join("`%s`" % key for key in sorted(details["ErrorInfo"].metadata)), ""]
    text = "\n".join(lines)
    for name_of_a_run, instead in provoker.instead.items():
        text = text.replace(name_of_a_run, instead)
    return steady(text)


def test_errors_md_shows_what_is_printed(shown):
    page = page_of(shown)
    target = os.environ.get("SPAWNER_WRITE_ERRORS")
    if target:
        with open(target, "w", encoding="utf-8") as file:
            file.write(page)
    with open(os.path.join(api.ROOT, "docs/errors.md"), encoding="utf-8") as file:
        assert page == file.read(), "write it anew: see the head of every_error_test.py"
