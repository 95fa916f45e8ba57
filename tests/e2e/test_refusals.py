"""A controller outside the cluster with too few rights, a bad token, or no API server: it names what
is missing and what to do, keeps trying, and goes on by itself once that is mended."""

import contextlib
import json
import uuid

import grpc
import pytest

from cluster import wait_until
from host_programs import program
from tests.support import api, controller
from tests.support.system import System

ACCOUNT = "outsider"


class Outsider(System):
    """One namespace, and an account in it that has the rights it is granted here."""

    def __init__(self, cluster, folder, namespace):
        super().__init__()
        self.cluster = cluster
        self.namespace = namespace
        self.folder = folder
        self.rules = []

    def set_backend(self, spec, name):
        spec.image = "localhost/spawner/%s:dev" % name

    def make(self):
        self.cluster.apply(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}},
            {"apiVersion": "v1", "kind": "ServiceAccount",
             "metadata": {"name": ACCOUNT, "namespace": self.namespace}},
            {"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
             "metadata": {"name": ACCOUNT, "namespace": self.namespace},
             "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": ACCOUNT},
             "subjects": [{"kind": "ServiceAccount", "name": ACCOUNT,
                           "namespace": self.namespace}]})
        self.apply_rules()

    def apply_rules(self):
        self.cluster.apply({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role",
            "metadata": {"name": ACCOUNT, "namespace": self.namespace}, "rules": self.rules})

    def grant(self, verb, resource):
        group = "coordination.k8s.io" if resource == "leases" else ""
        self.rules.append({"apiGroups": [group], "resources": [resource], "verbs": [verb]})
        self.apply_rules()

    def grant_all(self):
        for resource, verbs in (("secrets", "get create"), ("leases", "get create update"),
                                ("pods", "get list watch create patch delete")):
            for verb in verbs.split():
                self.grant(verb, resource)

    def token(self):
        return self.cluster.kubectl("create", "token", ACCOUNT, "-n", self.namespace).strip()

    def write_token(self, token):
        (self.folder / "token").write_text(token)

    def kubeconfig(self):
        """A file like the administrator's, but with the account's token, from a file."""
        admin = json.loads(self.cluster.kubectl("config", "view", "--raw", "-o", "json"))
        config = {"apiVersion": "v1", "kind": "Config", "current-context": "c",
                  "clusters": [dict(admin["clusters"][0], name="k")],
                  "users": [{"name": "u", "user": {"tokenFile": str(self.folder / "token")}}],
                  "contexts": [{"name": "c", "context": {
                      "cluster": "k", "user": "u", "namespace": self.namespace}}]}
        path = self.folder / "kubeconfig"
        path.write_text(json.dumps(config))
        return str(path)

    @contextlib.contextmanager
    def running(self):
        controller.PROGRAM = program("//controller")
        with controller.running("--kubeconfig=" + self.kubeconfig(), "--base-domain=a.test",
                                tmp_path=self.folder) as (process, address, web, log):
            self.process, self.web, self.log = process, web, log
            self.api = api.Api(address)
            try:
                yield self
            finally:
                self.api.close()

    def readyz(self):
        return controller.get(self.web + "/readyz")

    def events(self, event):
        """Log lines of that event, oldest first."""
        lines = [json.loads(line) for line in self.log().splitlines() if line.startswith("{")]
        return [line for line in lines if line["event"] == event]

    def wait_unready(self, *parts):
        """Until /readyz is 503 and says all of that, and the process lives on."""
        def says():
            code, text = self.readyz()
            return code == 503 and all(part in text for part in parts)
        try:
            wait_until(says, 20, parts)
        except AssertionError as error:
            raise AssertionError("%s; now %s" % (error, self.readyz())) from None
        assert controller.get(self.web + "/healthz") == (200, "ok\n")
        assert self.process.poll() is None

    def wait_ready(self):
        wait_until(lambda: self.readyz()[0] == 200, 20, "ready: %s" % (self.readyz(),))


    def missing(self, verb, resource):
        """How both the API server and we put it."""
        return ('cannot %s resource "%s"' % (verb, resource),
                'grant verb "%s" on "%s" in namespace "%s": see deploy/manifests rbac' % (
                    verb, resource, self.namespace))


@pytest.fixture
def outsider(spawner, tmp_path):
    # A namespace for each test: none waits until the last one is gone.
    made = Outsider(spawner, tmp_path, "refusals-" + uuid.uuid4().hex[:6])
    made.make()
    yield made
    spawner.kubectl("delete", "namespace", made.namespace, "--wait=false")


def test_a_token_that_nobody_knows_is_401_until_the_file_has_a_good_one(outsider):
    outsider.grant_all()
    outsider.write_token("nobody-s-token")
    with outsider.running():
        outsider.wait_unready("keys: get secret %s/spawner-keys: HTTP 401: Unauthorized"
                              % outsider.namespace,
                              "the API server does not know us: check the token or the client "
                              "certificate")
        wait_until(lambda: len(outsider.events("keys_unavailable")) >= 3, 20, "further tries")
        assert "HTTP 401" in outsider.events("keys_unavailable")[-1]["error"]
        assert "nobody-s-token" not in outsider.log()
        outsider.write_token(outsider.token())
        outsider.wait_ready()


def test_each_missing_right_is_named_and_its_grant_is_enough(outsider):
    outsider.write_token(outsider.token())
    with outsider.running():
        # Step by step: the controller goes as far as it may, and says what it may not.
        for verb, resource in (("get", "secrets"), ("create", "secrets")):
            outsider.wait_unready("keys: ", *outsider.missing(verb, resource))
            told = outsider.events("keys_unavailable")[-1]["error"]
            assert outsider.missing(verb, resource)[1] in told
            outsider.grant(verb, resource)
        for verb, resource, event in (("list", "pods", "pod_view_stale"),
                                      ("watch", "pods", "pod_view_stale"),
                                      ("get", "leases", "lease_failed"),
                                      ("create", "leases", "lease_failed"),
                                      ("update", "leases", "lease_failed")):
            outsider.wait_unready(*outsider.missing(verb, resource))
            told = [line["error"] for line in outsider.events(event)]
            assert any(outsider.missing(verb, resource)[1] in error for error in told), (verb, told)
            outsider.grant(verb, resource)
        outsider.wait_ready()

        with pytest.raises(grpc.RpcError) as error:
            outsider.connect("key")
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert all(part in error.value.details() for part in outsider.missing("create", "pods"))
        outsider.grant("create", "pods")
        connected = outsider.connect("key", retention=1)
        name = connected.session.name
        outsider.wait_state(name, "READY")

        with pytest.raises(grpc.RpcError) as error:
            outsider.terminate(name)
        assert error.value.code() == grpc.StatusCode.PERMISSION_DENIED
        assert all(part in error.value.details() for part in outsider.missing("patch", "pods"))
        told = outsider.events("ending_write_failed")[0]["error"]
        assert outsider.missing("patch", "pods")[1] in told
        assert outsider.get(name).state == api.session_pb2.READY  # until its end is durable
        outsider.grant("patch", "pods")
        outsider.wait_ended(name)

        wait_until(lambda: outsider.events("delete_failed"), 10, "a delete that is refused")
        assert outsider.missing("delete", "pods")[1] in outsider.events("delete_failed")[0]["error"]
        outsider.grant("delete", "pods")
        wait_until(lambda: not outsider.cluster.get("pods", "-n", outsider.namespace)["items"], 20,
                   "the record is deleted")


def test_an_api_server_that_is_away_is_said_and_waited_for(outsider):
    outsider.grant_all()
    outsider.write_token(outsider.token())
    with outsider.running():
        outsider.wait_ready()
        live = outsider.connect("live")
        outsider.wait_state(live.session.name, "READY")
        outsider.cluster.program("hold", "kube-apiserver")
        try:
            outsider.wait_unready("kubernetes: watch pods in namespace %s: " % outsider.namespace,
                                  "no controller leads: ")
            assert outsider.events("pod_view_stale")[-1]["next"] == "trying again"
            told = outsider.events("lease_failed")[-1]["error"]
            assert outsider.namespace + "/spawner-controller" in told
            assert outsider.get(live.session.name).state == api.session_pb2.READY
            with pytest.raises(grpc.RpcError) as error:
                outsider.connect("new")
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE
            assert api.reason_of(error.value) in ("KUBERNETES_UNREACHABLE", "NO_LEADER")
        finally:
            outsider.cluster.program("release", "kube-apiserver")
        wait_until(lambda: outsider.readyz()[0] == 200, 60, "ready again")
        assert outsider.events("pod_view_current") and outsider.events("lease_answered")
        again = outsider.connect("live")
        assert again.session.epoch == live.session.epoch
        outsider.wait_state(outsider.connect("new").session.name, "READY")
    # Other controllers and the node agents need a moment more.
    outsider.cluster.await_rollout()
