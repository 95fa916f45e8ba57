"""A development cluster (deploy/dev-cluster) for tests: up, install, ask, break, down.

    with Cluster(nodes=2) as cluster:
        cluster.install()                                    # our images and deploy/manifests
        cluster.apply({"kind": "Pod", ...})
        pods = cluster.get("pods", "-n", "spawner-sessions")["items"]
        creates = cluster.audit_events(verb="create", resource="pods")

Everything goes through the scripts and kubectl, as a person would do it.
"""

import json
import os
import pathlib
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "deploy" / "dev-cluster"
OVERLAY = ROOT / "deploy" / "manifests" / "overlays" / "dev"
IMAGES = ["controller", "proxy", "whiteboard", "echo"]


class Cluster:
    """One cluster. `index` (0 to 15) sets it apart from others that run at the same time."""

    def __init__(self, nodes=1, index=None, run=None):
        self.nodes = nodes
        self.index = int(os.environ.get("SPAWNER_E2E_INDEX", "8")) if index is None else index
        default = pathlib.Path.home() / ".cache" / "spawner" / f"e2e-cluster-{self.index}"
        self.run = pathlib.Path(run or default)
        self.environment = dict(
            os.environ,
            SPAWNER_DEV_CLUSTER_RUN=str(self.run),
            SPAWNER_DEV_CLUSTER_INDEX=str(self.index),
            KUBECONFIG=str(self.run / "kubeconfig"),
        )

    def __enter__(self):
        self.up()
        return self

    def __exit__(self, kind, value, traceback):
        self.down(keep_logs=kind is not None)

    # --- its life -----------------------------------------------------------------------------

    def _script(self, name, *arguments, check=True):
        """Runs a script of deploy/dev-cluster; its progress goes to the test's own stderr."""
        return subprocess.run([SCRIPTS / name, *arguments], env=self.environment, check=check,
                              stdout=subprocess.PIPE, text=True)

    def up(self):
        self._script("up", f"--nodes={self.nodes}")

    def down(self, keep_logs=False):
        self._script("down", *(["--keep-logs"] if keep_logs else []))

    def load(self, *archives):
        self._script("load", *archives)

    def program(self, verb, name):
        """kill, hold or release: see deploy/dev-cluster/program."""
        self._script("program", verb, name)

    def enter(self, place, *command, check=True):
        """Runs a command inside node1, node2, ... or control-plane; returns its output."""
        return self._script("enter", place, *command, check=check).stdout

    def install(self):
        """Builds and loads our images, applies the dev overlay, waits until all of it is ready.

        SPAWNER_E2E_IMAGES=FOLDER takes the archives from there instead of building them.
        """
        folder = os.environ.get("SPAWNER_E2E_IMAGES")
        if not folder:
            subprocess.run(["bazel", "build", "//deploy:images"], cwd=ROOT, check=True)
            folder = ROOT / "bazel-bin" / "deploy"
        self.load(*[pathlib.Path(folder) / f"{name}.tar" for name in IMAGES])
        self.apply_manifests()
        self.await_rollout()

    def apply_manifests(self):
        self.kubectl("apply", "-f", "-", input=self.manifests())

    def manifests(self, overlay=OVERLAY):
        """An overlay (the dev one), with this cluster's addresses in place of those of index 0."""
        text = self.kubectl("kustomize", str(overlay))
        return text.replace("10.96.0.", f"10.96.{self.index}.").replace(
            "10.245.0.", f"10.245.{self.index}.")

    def await_rollout(self, seconds=60):
        for kind, namespace in (("deployment/spawner-controller", "spawner-system"),
                                ("daemonset/spawner-proxy", "spawner-proxy")):
            self.kubectl("rollout", "status", kind, "-n", namespace, f"--timeout={seconds}s")

    def uninstall(self):
        self.kubectl("delete", "-f", "-", "--ignore-not-found", input=self.manifests())

    # --- addresses ------------------------------------------------------------------------------

    def node_address(self, number=1):
        """Where a node's host-network pods answer: http://ADDRESS:8080 is its proxy."""
        return f"10.245.{self.index}.{10 + number}"

    def service_address(self, last):
        """The cluster IP that ends in `last`; .50 is the controller's."""
        return f"10.96.{self.index}.{last}"

    # --- Kubernetes -----------------------------------------------------------------------------

    def kubectl(self, *arguments, input=None, check=True):
        """Returns stdout. A failure raises with kubectl's own message."""
        result = subprocess.run([self.run / "bin" / "kubectl", *arguments], input=input,
                                env=self.environment, capture_output=True, text=True)
        if check and result.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {result.stderr.strip()}")
        return result.stdout

    def get(self, *arguments):
        """What `kubectl get ... -o json` prints."""
        return json.loads(self.kubectl("get", *arguments, "-o", "json"))

    def apply(self, *objects):
        items = {"apiVersion": "v1", "kind": "List", "items": list(objects)}
        self.kubectl("apply", "-f", "-", input=json.dumps(items))

    def audit_events(self, verb=None, resource=None, namespace=None, name=None, user=None,
                     subresource=None):
        """Requests in the API server's audit log, oldest first, that match what is given.

        Times are in requestReceivedTimestamp and stageTimestamp. Recorded are requests about pods
        and pod templates, and every request of Spawner's service accounts.
        """
        wanted = {"resource": resource, "namespace": namespace, "name": name,
                  "subresource": subresource}
        found = []
        for line in (self.run / "audit.log").read_text().splitlines():
            event = json.loads(line)
            target = event.get("objectRef", {})
            if ((verb is None or event["verb"] == verb)
                    and (user is None or event["user"]["username"] == user)
                    and all(v is None or target.get(k) == v for k, v in wanted.items())):
                found.append(event)
        return found


def wait_until(condition, seconds, what):
    """Asks 20 times a second; returns what condition() gives once that is true."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.05)
