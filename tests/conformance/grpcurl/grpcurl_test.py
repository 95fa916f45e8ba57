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
    assert {service.full_name for service in SERVICES} <= set(listed)
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

