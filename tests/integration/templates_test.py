"""Pod templates over gRPC, from the apply to the session, with the real controller in local mode."""

import os
import time

import grpc
import pytest
from google.protobuf import json_format

from tests.support import api
from tests.support.controller import get, running, wait_for
from spawner.v1 import templates_pb2, templates_pb2_grpc  # made by tests.support.api

ECHO = os.path.abspath("deploy/examples/echo/echo")
PARENT = "namespaces/default"
NAME = PARENT + "/templates/editor"
READY, TERMINATED = 3, 6


@pytest.fixture(scope="module")
def controller(tmp_path_factory):
    with running("--local", tmp_path=tmp_path_factory.mktemp("controller")) as started:
        _, _, web, log = started
        wait_for(log, lambda: get(web + "/readyz")[0] == 200)
        yield started


@pytest.fixture
def templates(controller):
    with grpc.insecure_channel(controller[1]) as channel:
        yield templates_pb2_grpc.TemplatesStub(channel)


@pytest.fixture
def sessions(controller):
    stubs = api.Api(controller[1])
    yield stubs.sessions
    stubs.close()


def apply(templates, etag="", validate_only=False, **container):
    pod_template = {
        "metadata": {"annotations": {"spawner.dev/session-spec": '{"idle": {"grace": "77s"}}'}},
        "template": {"spec": {"containers": [
            {"name": "main", "image": "local", "command": [ECHO],
             "ports": [{"containerPort": 7000}], **container}]}},
    }
    request = templates_pb2.ApplyTemplateRequest(validate_only=validate_only)
    request.template.name = NAME
    request.template.etag = etag
    json_format.ParseDict(pod_template, request.template.pod_template)
    return templates.ApplyTemplate(request)


def refusal(call):
    with pytest.raises(grpc.RpcError) as error:
        call()
    return error.value.code().name, api.reason_of(error.value), error.value.details()


def connect(sessions, key, **spec):
    return sessions.Connect(api.sessions_pb2.ConnectRequest(
        parent=PARENT, key=api.session_pb2.SessionKey(name=key),
        spec=api.session_pb2.SessionSpec(**spec)))


def test_from_the_apply_to_the_session(templates, sessions):
    assert refusal(lambda: connect(sessions, "early", template="editor"))[:2] == (
        "NOT_FOUND", "TEMPLATE_NOT_FOUND")
    apply(templates, validate_only=True)
    get_it = templates_pb2.GetTemplateRequest(name=NAME)
    assert refusal(lambda: templates.GetTemplate(get_it))[1] == "TEMPLATE_NOT_FOUND"

    applied = apply(templates)
    assert templates.GetTemplate(get_it) == applied
    listed = templates.ListTemplates(templates_pb2.ListTemplatesRequest(parent=PARENT))
    assert [template.name for template in listed.templates] == [NAME]

    session = connect(sessions, "doc", template="editor", env={"THEME": "dark"}).session
    deadline = time.monotonic() + 20
    while session.state < READY and time.monotonic() < deadline:
        time.sleep(0.05)
        session = sessions.GetSession(api.sessions_pb2.GetSessionRequest(name=session.name))
    assert session.state == READY, session
    assert session.spec.template == "editor"
    assert session.spec.port == 7000                  # of the container
    assert session.spec.idle.grace.seconds == 77      # of the annotation
    assert list(session.spec.command) == []           # the template's own

    templates.DeleteTemplate(templates_pb2.DeleteTemplateRequest(name=NAME, etag=applied.etag))
    assert connect(sessions, "doc", template="editor").session.epoch == session.epoch
    assert refusal(lambda: templates.DeleteTemplate(
        templates_pb2.DeleteTemplateRequest(name=NAME)))[1] == "TEMPLATE_NOT_FOUND"


def test_what_is_wrong_is_named(templates, sessions):
    code, reason, text = refusal(lambda: apply(templates, image=""))
    assert (code, reason) == ("INVALID_ARGUMENT", "INVALID_FIELD")
    assert "template.spec.containers[0].image: Required value" in text
    # Only the pod of a session shows it: processes have no volumes.
    code, reason, text = refusal(lambda: apply(
        templates, volumeMounts=[{"name": "v", "mountPath": "/v"}]))
    assert reason == "INVALID_FIELD" and "volumeMounts" in text
    first = apply(templates)
    assert refusal(lambda: apply(templates, etag="1"))[:2] == ("ABORTED", "ETAG_MISMATCH")
    second = apply(templates, etag=first.etag, args=["--port=7000"])
    assert second.etag != first.etag
    code, _, text = refusal(lambda: connect(
        sessions, "disk", template="editor", volume_claims=[
            api.session_pb2.VolumeClaim(name="data", mount_path="/data", size="1Gi")]))
    assert code == "UNIMPLEMENTED" and "spec.volume_claims" in text
