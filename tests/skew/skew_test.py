"""The versions before this one: what they wrote into Kubernetes, what their proxies, controllers and
spawnctl say, is understood, and what this one says is understood by them. tests/skew/record made the corpus."""

import json
import os
import pathlib
import re
import subprocess
import time

import grpc
import pytest

from tests.skew import wire
from tests.skew.kube import Kube
from tests.support import api
from tests.support.backend import Backend
from tests.support.controller import get, running, wait_for
from tests.support.fake_controller import FakeController
from tests.support.proxy import Proxy
from tests.support.system import BIN, LocalSystem

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from spawner.v1 import admin_pb2, admin_pb2_grpc, proxy_link_pb2, session_pb2, sessions_pb2, templates_pb2

CORPUS = pathlib.Path(os.path.abspath(__file__)).parent / "corpus"
VERSIONS = sorted(path.name for path in CORPUS.iterdir())
PARENT = "namespaces/default"
GRPC_OPTIONS = [("grpc.max_receive_message_length", 1 << 24)]


@pytest.fixture(params=VERSIONS)
def corpus(request):
    return CORPUS / request.param


def put_all(kube, corpus):
    now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())  # by the recorded times everything would be long over
    for resource in ("pods", "secrets", "leases"):
        text = (corpus / (resource + ".json")).read_text()
        for item in json.loads(re.sub(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d", now, text)):
            if resource == "leases":
                item["spec"]["holderIdentity"] = ""  # as a controller leaves it that has ended
            kube.put(resource, item)


class Adopted:
    """This version's controller over a Kubernetes as the former version left it."""

    def __init__(self, corpus, tmp_path):
        self.recorded = dict(wire.read(corpus / "answers.jsonl"))
        self.requests = {what: sessions_pb2.ConnectRequest.FromString(data)
                         for what, data in wire.read(corpus / "connect_requests.jsonl")}
        self.kube = Kube()
        put_all(self.kube, corpus)
        self.tmp_path = tmp_path

    def __enter__(self):
        self.kube.__enter__()
        self._controller = running("--kubeconfig=%s" % self.kube.kubeconfig(self.tmp_path), "--base-domain=s.test",
                                   tmp_path=self.tmp_path)
        _, address, web, self.log = self._controller.__enter__()
        wait_for(self.log, lambda: get(web + "/readyz")[0] == 200 and '"event":"took_over"' in self.log())
        self.channel = grpc.insecure_channel(address, options=GRPC_OPTIONS)
        self.sessions = api.sessions_pb2_grpc.SessionsStub(self.channel)
        return self

    def __exit__(self, *_):
        self.channel.close()
        self._controller.__exit__(None, None, None)
        self.kube.__exit__()

    def old(self, what):
        """The session in a recorded answer, as the list showed it last."""
        name = sessions_pb2.ConnectResponse.FromString(self.recorded[what]).session.name
        listed = sessions_pb2.ListSessionsResponse.FromString(self.recorded["list"]).sessions
        return [s for s in listed if s.name == name][0]

    def creates(self):
        return [path for method, path, _ in self.kube.requests if method == "POST" and path.endswith("/pods")]


@pytest.fixture
def adopted(corpus, tmp_path):
    with Adopted(corpus, tmp_path) as running_one:
        yield running_one


@pytest.mark.parametrize("what", ["full", "minimal", "no_key", "ended"])
def test_sessions_of_the_former_version_are_what_they_were(adopted, what):
    old = adopted.old(what)
    new = adopted.sessions.GetSession(sessions_pb2.GetSessionRequest(name=old.name), timeout=10)
    for field in ("name", "key", "epoch", "url", "pod", "node", "labels", "reason", "message"):
        assert getattr(new, field) == getattr(old, field), field
    # Fields that this version added have their defaults in it: what the old one knew is compared.
    mine = session_pb2.SessionSpec()
    mine.CopyFrom(new.spec)
    for field, value in list(mine.ListFields()):
        if field.message_type and not field.label == field.LABEL_REPEATED and old.spec.HasField(field.name):
            for inner, _ in value.ListFields():
                if inner.name not in [f.name for f, _ in getattr(old.spec, field.name).ListFields()]:
                    value.ClearField(inner.name)
        elif (field.name not in [f.name for f, _ in old.spec.ListFields()]):
            mine.ClearField(field.name)
    assert mine == old.spec
    assert not adopted.creates()


def test_a_key_still_means_its_session_with_no_write(adopted):
    old = adopted.old("minimal")
    request = sessions_pb2.ConnectRequest(parent=PARENT, key=session_pb2.SessionKey(name="minimal"))
    answer = adopted.sessions.Connect(request, timeout=10)
    assert answer.session.name == old.name and answer.session.epoch == old.epoch and not answer.created
    assert not adopted.creates()


@pytest.mark.parametrize("what", ["full", "no_key"])
def test_a_request_that_is_sent_again_after_the_upgrade_gets_its_answer(adopted, what):
    old = sessions_pb2.ConnectResponse.FromString(adopted.recorded[what])
    again = adopted.sessions.Connect(adopted.requests[what], timeout=10)
    assert again.session.name == old.session.name and again.created and not adopted.creates()


def test_a_tag_still_keeps_others_out(adopted):
    request = sessions_pb2.ConnectRequest(parent=PARENT, key=session_pb2.SessionKey(name="full document", tag="v8"))
    with pytest.raises(grpc.RpcError) as error:
        adopted.sessions.Connect(request, timeout=10)
    assert api.reason_of(error.value) == "KEY_TAG_MISMATCH"


def test_the_next_incarnation_has_a_greater_epoch_and_the_same_url(adopted):
    old = adopted.old("ended")
    answer = adopted.sessions.Connect(adopted.requests["ended"], timeout=10)
    assert answer.created and answer.session.name == old.name and answer.session.url == old.url
    assert answer.session.epoch > max(adopted.old(what).epoch for what in ("full", "minimal", "no_key", "ended"))


def test_tokens_are_signed_with_the_key_that_is_there(adopted, corpus):
    recorded = json.loads((corpus / "secrets.json").read_text())
    assert [s["data"] for s in adopted.kube.get("secrets", recorded[0]["metadata"]["name"])] == [recorded[0]["data"]]


def test_a_pod_of_a_newer_version_is_adopted_after_a_step_back(corpus, tmp_path):
    adopted = Adopted(corpus, tmp_path)
    for pod in adopted.kube.get("pods"):
        annotations = pod["metadata"]["annotations"]
        annotations["spawner.dev/newer"] = "x"
        annotations["spawner.dev/spec"] = json.dumps({**json.loads(annotations["spawner.dev/spec"]), "newer": {"a": [1]}})
    with adopted:
        old = adopted.old("full")
        new = adopted.sessions.GetSession(sessions_pb2.GetSessionRequest(name=old.name), timeout=10)
        assert new.epoch == old.epoch and new.spec.image == old.spec.image and not adopted.creates()
        (pod,) = adopted.kube.get("pods", old.pod)
        assert pod["metadata"]["annotations"]["spawner.dev/newer"] == "x"


def test_a_former_proxy_links_to_this_controller(adopted, corpus):
    admin = admin_pb2_grpc.AdminStub(adopted.channel)
    with wire.Link(adopted.channel) as link:
        for what, data in wire.read(corpus / "proxy_to_controller.jsonl"):
            if what == "leaving":
                continue
            link.send(data)
            time.sleep(0.05)
        proxy_id = proxy_link_pb2.ProxyMessage.FromString(
            wire.read(corpus / "proxy_to_controller.jsonl")[0][1]).hello.proxy_id
        wait_for(adopted.log, lambda: [p for p in admin.GetStatus(admin_pb2.GetStatusRequest(), timeout=5).proxies
                                       if p.id == proxy_id and p.connected])
        time.sleep(3)  # silence, heartbeats, reports: nothing cuts it
        assert link.error is None, link.error
        routes = {r.session_id: r for m in link.received for r in m.routes.routes}
        assert adopted.old("full").name.rsplit("/", 1)[1] in routes
        # As the former proxy reads them: its states, and all that it needs of a route.
        for route in routes.values():
            assert proxy_link_pb2.RouteState.Name(route.state) in ("HOLD", "OPEN", "GATED", "ENDED")
            assert route.state != proxy_link_pb2.OPEN or (route.ip and route.port)


def test_a_newer_proxy_says_what_this_controller_does_not_know(adopted):
    with wire.Link(adopted.channel) as link:
        newer = b"\x9a\x06\x02\x08\x01"  # field 99: a message
        link.send(proxy_link_pb2.ProxyMessage(hello=proxy_link_pb2.Hello(
            proxy_id="newer", generation=1, version="9.0.0", usage=proxy_link_pb2.Usage(complete=True))).SerializeToString()
            + newer)
        for _ in range(3):
            link.send(newer)
        time.sleep(2.5)
        assert link.error is None, link.error
        assert [m for m in link.received if m.HasField("heartbeat")]
    assert adopted.log().count("proxy_message_ignored") == 1


@pytest.fixture
def proxy(tmp_path):
    with Backend(os.path.join(BIN, "deploy/examples/echo/echo")) as echo, FakeController() as controller:
        with Proxy(controller.address, tmp_path / "proxy.log", ["--workers=1"]) as started:
            started.echo, started.controller = echo, controller
            controller.acked(1)
            yield started


def test_this_proxy_serves_the_routes_of_a_former_controller(proxy, corpus):
    controller = proxy.controller
    served = None
    for what, data in wire.read(corpus / "controller_to_proxy.jsonl"):
        message = proxy_link_pb2.ControllerMessage.FromString(data)
        if what != "routes" or message.routes.snapshot:
            continue
        for route in message.routes.routes:  # where the backend listens is this test's
            if route.state == proxy_link_pb2.OPEN:
                route.ip, route.port, route.protocol = *proxy.echo.address, session_pb2.HTTP1
                route.access.path_prefix = session_pb2.PATH_PREFIX_STRIP
                served = route.session_id if route.access.mode == session_pb2.PUBLIC else served
        controller.acked(controller.put(*message.routes.routes))
    assert served and proxy.request("/s/%s/headers" % served)[0] == 200
    assert "route_refused" not in proxy.log() and "link_lost" not in proxy.log()


def test_a_newer_controller_says_what_this_proxy_does_not_know(proxy):
    controller = proxy.controller
    message = proxy_link_pb2.ControllerMessage()
    message.MergeFromString(b"\x9a\x06\x02\x08\x01")
    with controller._changed:
        controller._send(message)
    good = controller.route("good", "OPEN", address=proxy.echo.address)
    good.access.MergeFromString(b"\x98\x06\x01")  # a field that is new
    good.phase, good.reason = 77, 77
    newer_state = controller.route("newer", "OPEN", address=proxy.echo.address)
    newer_state.state = 77
    controller.acked(controller.put(good, newer_state))
    assert proxy.request("/s/good/")[0] == 200
    assert proxy.log().count("route_refused") == 1 and "link_lost" not in proxy.log()


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running_one:
        yield running_one


def test_requests_of_a_former_spawnctl_are_understood(system, corpus):
    with grpc.insecure_channel(system.grpc) as channel:
        for method, data in wire.read(corpus / "spawnctl_requests.jsonl"):
            call = channel.unary_stream(method)(data, timeout=2)
            try:
                next(iter(call), None)
            except grpc.RpcError as error:
                # There is no such session here, and no image in local mode; a shape that is not understood is neither.
                assert error.code() in (grpc.StatusCode.NOT_FOUND, grpc.StatusCode.FAILED_PRECONDITION) or (
                    "image" in error.details()), "%s: %s" % (method, error)


def test_this_spawnctl_shows_what_a_former_controller_answers(corpus):
    answers = dict(wire.read(corpus / "answers.jsonl"))
    with wire.Recorder({"/spawner.v1.Sessions/ListSessions": answers["list"],
                        "/spawner.v1.Admin/GetStatus": answers["status"],
                        "/spawner.v1.Sessions/Connect": answers["full"]}) as recorder:
        def spawnctl(*words):
            return subprocess.run([os.path.join(BIN, "cli/spawnctl"), *words], capture_output=True, text=True, timeout=20,
                                  env={"SPAWNER_ADDRESS": recorder.address, "PATH": os.environ["PATH"]}, check=True).stdout
        assert "full document" in spawnctl("get", "sessions")
        assert corpus.name in spawnctl("status")
        assert spawnctl("connect", "--key=k", "--image=i").strip() == sessions_pb2.ConnectResponse.FromString(
            answers["full"]).url


FILES = [session_pb2, sessions_pb2, templates_pb2, admin_pb2, proxy_link_pb2]


def messages_of(holder, prefix=""):
    for message in holder:
        yield prefix + message.name, message
        yield from messages_of(message.nested_type, prefix + message.name + ".")


def old_files(corpus):
    files = descriptor_pb2.FileDescriptorSet.FromString((corpus / "descriptors.binpb").read_bytes())
    return files.file


def test_the_contract_has_only_grown(corpus):
    new = {}
    for module in FILES:
        file = descriptor_pb2.FileDescriptorProto()
        module.DESCRIPTOR.CopyToProto(file)
        new[file.name] = file
    gone = []
    for old in old_files(corpus):
        if not old.name.startswith("spawner/"):
            continue
        messages = dict(messages_of(new[old.name].message_type))
        enums = {enum.name: enum for enum in new[old.name].enum_type}
        for name, message in messages_of(old.message_type):
            fields = {f.number: f for f in messages[name].field} if name in messages else {}
            for field in message.field:
                now = fields.get(field.number)
                if now is None or (now.name, now.type, now.type_name, now.label) != (
                        field.name, field.type, field.type_name, field.label):
                    gone.append("%s.%s = %d" % (name, field.name, field.number))
        for enum in old.enum_type:
            values = {v.number: v.name for v in enums[enum.name].value}
            gone += ["%s.%s" % (enum.name, v.name) for v in enum.value if values.get(v.number) != v.name]
        for service in old.service:
            now = {m.name: m for s in new[old.name].service if s.name == service.name for m in s.method}
            gone += ["%s.%s" % (service.name, m.name) for m in service.method if now.get(m.name) != m]
    assert not gone


def test_former_readers_read_what_this_version_writes(corpus):
    pool = descriptor_pool.DescriptorPool()
    for file in old_files(corpus):
        pool.Add(file)
    old_route = message_factory.MessageFactory(pool).GetPrototype(pool.FindMessageTypeByName("spawner.v1.ControllerMessage"))
    message = proxy_link_pb2.ControllerMessage()
    route = message.routes.routes.add(session_id="k7x2", epoch=3, state=proxy_link_pb2.OPEN, ip="10.0.0.1", port=8080)
    route.ignore_paths.append("/healthz")
    route.ends_at.GetCurrentTime()
    read = old_route.FromString(message.SerializeToString())
    assert [(r.session_id, r.epoch, r.state, r.port) for r in read.routes.routes] == [("k7x2", 3, 2, 8080)]
    keys = proxy_link_pb2.ControllerMessage(keys=proxy_link_pb2.Keys())
    assert old_route.FromString(keys.SerializeToString()).WhichOneof("message") is None
