"""Spawner installed on a development cluster, for the test bodies of tests/system."""

from cluster import wait_until
from tests.support import api
from tests.support.system import System

CONTROLLER = ("spawner-system", "spawner-controller")
USER = "system:serviceaccount:spawner-system:spawner-controller"


class ClusterSystem(System):
    namespace = "spawner-sessions"

    def __init__(self, cluster):
        super().__init__()
        self.cluster = cluster
        self.proxies = ["http://%s:8080" % cluster.node_address(n + 1)
                        for n in range(cluster.nodes)]
        self.api = api.Api(cluster.service_address(50) + ":9090")

    def set_backend(self, spec, name):
        spec.image = "localhost/spawner/%s:dev" % name

    def slow_down(self, spec, seconds):
        pass  # a pod takes its second anyway

    # --- breaking things --------------------------------------------------------------------------

    def pods(self, namespace, selector=None):
        selected = ["-l", selector] if selector else []
        return self.cluster.get("pods", "-n", namespace, *selected)["items"]

    def pod(self, name):
        return self.cluster.get("pod", name, "-n", self.namespace)

    def kill_container(self, namespace, pod_name):
        """kill -9 of the pod's first process, on its node."""
        pod = self.cluster.get("pod", pod_name, "-n", namespace)
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        place = pod["spec"]["nodeName"]
        pids = self.cluster.enter(place, "sh", "-c",
                                  "cat $(find /sys/fs/cgroup/pids -path '*%s/cgroup.procs')" % container)
        for pid in pids.split():
            self.cluster.enter(place, "kill", "-9", pid, check=False)

    def controller_pods(self):
        return self.pods(CONTROLLER[0], "app.kubernetes.io/name=" + CONTROLLER[1])

    def leader_pod(self):
        """Name of the pod of the controller that leads."""
        def leading():
            status = self.api.admin.GetStatus(api.admin_pb2.GetStatusRequest(), timeout=5)
            for pod in self.controller_pods():
                address = pod["status"].get("podIP")
                if address and status.leader_address.startswith(address + ":"):
                    return pod["metadata"]["name"]
            return None
        return wait_until(leading, 20, "a leading controller")

    # --- the API server's own account ---------------------------------------------------------------

    def writes(self, pod_name):
        """(verb, code, time) of each write about one pod by our controller, oldest first."""
        return [(event["verb"], event["responseStatus"]["code"], event["requestReceivedTimestamp"])
                for event in self.cluster.audit_events(resource="pods", user=USER)
                if event["stage"] == "ResponseComplete"
                and event["verb"] in ("create", "patch", "update", "delete")
                and self._is_about(event, pod_name)]

    @staticmethod
    def _is_about(event, pod_name):
        # At the Metadata level a create's name is in the answer's own reference, where there is one.
        return event.get("objectRef", {}).get("name") == pod_name
