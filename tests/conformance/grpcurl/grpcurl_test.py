"""grpcurl, which knows no .proto file of ours, lists, describes and calls everything by reflection.

.ci/install builds the program: ~/.cache/spawner/tools/grpcurl, or $GRPCURL.
"""

import json
import os
import pwd
import subprocess

import pytest

from tests.support import api  # noqa: F401, makes the stubs
from tests.support.system import BIN, LocalSystem

from spawner.v1 import admin_pb2, proxy_link_pb2, sessions_pb2, templates_pb2

PROGRAM = os.environ.get("GRPCURL") or os.path.join(
    pwd.getpwuid(os.getuid()).pw_dir, ".cache/spawner/tools/grpcurl")
ECHO = os.path.abspath(os.path.join(BIN, "deploy/examples/echo/echo"))
FILES = [sessions_pb2, templates_pb2, admin_pb2, proxy_link_pb2]
SERVICES = [service for file in FILES for service in file.DESCRIPTOR.services_by_name.values()]
METHODS = [method for service in SERVICES for method in service.methods]
# What may come of a request without a field set. INTERNAL and UNKNOWN mean a fault of ours.
FINE = {"OK", "InvalidArgument", "NotFound", "Unimplemented", "FailedPrecondition", "DeadlineExceeded",
        "PermissionDenied", "Unavailable"}
PARENT = {"parent": "namespaces/default"}


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def grpcurl(system, *arguments, data=None, options=()):
    """(exit code, stdout, stderr)."""
    assert os.access(PROGRAM, os.X_OK), "no %s: run .ci/install" % PROGRAM
    data = [] if data is None else ["-d", data if isinstance(data, str) else json.dumps(data)]
    done = subprocess.run([PROGRAM, "-plaintext", "-max-time", "3", *options, *data, system.grpc, *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30, check=False)
    return done.returncode, done.stdout, done.stderr


def call(system, method, data):
    code, out, error = grpcurl(system, "spawner.v1." + method, data=data)
    assert code == 0, error
    return json.loads(out)


def test_every_service_is_listed(system):
    listed = grpcurl(system, "list")[1].split()
    assert {service.full_name for service in SERVICES} == {name for name in listed if name.startswith("spawner.")}
    assert "grpc.health.v1.Health" in listed and "grpc.reflection.v1alpha.ServerReflection" in listed


@pytest.mark.parametrize("service", SERVICES, ids=lambda s: s.name)
def test_every_method_of_a_service_is_listed(system, service):
    assert set(grpcurl(system, "list", service.full_name)[1].split()) == {m.full_name for m in service.methods}


@pytest.mark.parametrize("method", METHODS, ids=lambda m: "%s.%s" % (m.containing_service.name, m.name))
def test_every_method_and_its_messages_are_described(system, method):
    code, out, error = grpcurl(system, "describe", method.full_name)
    assert code == 0 and "rpc %s (" % method.name in out, error
    for message in (method.input_type, method.output_type):
        code, out, error = grpcurl(system, "describe", message.full_name)
        assert code == 0, error
        assert all(field.name in out for field in message.fields), out


@pytest.mark.parametrize("method", METHODS, ids=lambda m: "%s.%s" % (m.containing_service.name, m.name))
def test_every_method_can_be_called(system, method):
    data = "" if method.client_streaming else "{}"
    code, _, error = grpcurl(system, method.full_name, data=data)
    status = "OK" if code == 0 else error.split("Code: ")[1].split()[0]
    assert status in FINE, error


def test_a_session_from_connect_to_its_end(system):
    made = call(system, "Sessions/Connect", {
        **PARENT, "key": {"name": "by-hand"}, "spec": {"command": [ECHO], "idle": {"grace": "60s"}},
        "grant": {"user": "ada", "claims": {"role": "editor"}}, "waitFor": "WAIT_FOR_READY"})
    name = made["session"]["name"]
    assert made["created"] and made["started_from"] == "COLD", made
    assert call(system, "Sessions/GetSession", {"name": name})["state"] == "READY"
    listed = call(system, "Sessions/ListSessions", {**PARENT, "filter": "key:by-"})["sessions"]
    assert [s["name"] for s in listed] == [name]
    watched = grpcurl(system, "spawner.v1.Sessions/WatchSessions", data=PARENT, options=["-max-time", "1"])[1]
    assert '"BOOKMARK"' in watched and name in watched
    assert call(system, "Sessions/TerminateSession", {"name": name})["reason"] == "REQUESTED"


TEMPLATE = "namespaces/default/templates/by-hand"
POD_TEMPLATE = {"apiVersion": "v1", "kind": "PodTemplate", "metadata": {"name": "by-hand"}, "template": {"spec": {
    "containers": [{"name": "backend", "image": "registry.example/editor:7", "command": [ECHO]}]}}}
# In this order. NAME, GRANT and PROXY are what earlier answers said.
TRUE_REQUESTS = [
    ("Sessions/Connect", {**PARENT, "key": {"name": "all"}, "spec": {"command": [ECHO]}, "grant": {"user": "ada"}}),
    ("Sessions/WaitSession", {"name": "NAME"}),
    ("Sessions/GetSession", {"name": "NAME"}),
    ("Sessions/ListSessions", PARENT),
    ("Sessions/WatchSessions", PARENT),
    ("Sessions/KeepAlive", {"name": "NAME", "owner": "grpcurl", "reason": "tests", "ttl": "60s"}),
    ("Sessions/ExplainSession", {"name": "NAME"}),
    ("Sessions/CreateGrant", {"name": "NAME", "grant": {"user": "ben"}}),
    ("Sessions/RevokeGrant", {"name": "NAME", "grant_id": "GRANT"}),
    ("Sessions/StreamLogs", {"name": "NAME", "tail_lines": 5}),
    ("Sessions/TerminateSession", {"name": "NAME"}),
    ("Templates/ApplyTemplate", {"template": {"name": TEMPLATE, "pod_template": POD_TEMPLATE}}),
    ("Templates/GetTemplate", {"name": TEMPLATE}),
    ("Templates/ListTemplates", PARENT),
    ("Templates/DeleteTemplate", {"name": TEMPLATE}),
    ("Admin/GetStatus", {}),
    ("Admin/ListProxies", {}),
    ("Admin/GetQuotas", PARENT),
    ("Admin/RotateKeys", {}),
    ("Admin/Diagnose", {}),
    ("Admin/Uninstall", {}),  # without `confirm` it only tells
    ("Admin/DrainProxy", {"proxy": "PROXY", "deadline": "1s"}),
]


def test_every_method_does_what_a_true_request_asks_for(tmp_path):
    known = {}
    with LocalSystem(tmp_path) as system:
        for method, request in TRUE_REQUESTS:
            data = json.dumps(request)
            for name, value in known.items():
                data = data.replace('"%s"' % name, '"%s"' % value)
            code, out, error = grpcurl(system, "spawner.v1." + method, data=data)
            # A watch goes on until it is cut off.
            assert code == 0 or (method == "Sessions/WatchSessions" and "DeadlineExceeded" in error), (method, error)
            assert out.strip(), method
            if method == "Sessions/Connect":
                known["NAME"] = json.loads(out)["session"]["name"]
            elif method == "Sessions/CreateGrant":
                known["GRANT"] = json.loads(out)["grant_id"]
            elif method == "Admin/ListProxies":
                known["PROXY"] = json.loads(out)["proxies"][0]["id"]
    # Of the others one is a proxy's stream, and one is not there yet.
    asked = {"spawner.v1." + method.replace("/", ".") for method, _ in TRUE_REQUESTS}
    assert {m.full_name for m in METHODS} - asked == {
        "spawner.v1.ProxyLink.Connect", "spawner.v1.Admin.DrainNode"}


def test_an_error_shows_its_details(system):
    code, _, error = grpcurl(system, "spawner.v1.Sessions/GetSession",
                             data={"name": "namespaces/default/sessions/nobody"})
    assert code != 0 and "NotFound" in error and "SESSION_NOT_FOUND" in error and "spawner.dev" in error


def test_a_field_that_never_was_is_told_by_name(system):
    code, _, error = grpcurl(system, "spawner.v1.Sessions/GetSession", data={"nam": "x"})
    assert code != 0 and "nam" in error


def test_health(system):
    code, out, error = grpcurl(system, "grpc.health.v1.Health/Check", data={"service": "spawner.v1.Sessions"})
    assert code == 0, error
    assert json.loads(out) == {"status": "SERVING"}

