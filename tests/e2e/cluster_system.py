"""Spawner installed on a development cluster, for the test bodies of tests/system."""

import collections
import contextlib
import re
import urllib.request

import grpc

from cluster import wait_until
from tests.support import api
from tests.support.system import System

CONTROLLER = ("spawner-system", "spawner-controller")
USER = "system:serviceaccount:spawner-system:spawner-controller"
WRITES = ("create", "patch", "update", "delete")
REQUESTS = re.compile(
    r'^spawner_kubernetes_requests_total\{verb="(\w+)",resource="(\w+)",code="\d+"\} (\d+)$', re.M)


class ClusterSystem(System):
    namespace = "spawner-sessions"
    share = 0.2  # a pod costs a second of a core

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
        """kill -9 of the pod's first container, on its node.

        kubelet starts it again at once the first time, after 10 s and more from then on: each test
        begins with pods that have not crashed before (replace_controllers, replace_proxy).
        """
        self.kill_processes(self.processes(namespace, pod_name))

    def processes(self, namespace, pod_name):
        """[(node, pid)] of the pod's first container."""
        pod = self.cluster.get("pod", pod_name, "-n", namespace)
        container = pod["status"]["containerStatuses"][0]["containerID"].rpartition("/")[2]
        place = pod["spec"]["nodeName"]
        pids = self.cluster.enter(place, "sh", "-c",
                                  "cat $(find /sys/fs/cgroup/pids -path '*%s/cgroup.procs')" % container)
        return [(place, pid) for pid in pids.split()]

    def kill_processes(self, processes):
        for place, pid in processes:
            self.cluster.enter(place, "kill", "-9", pid, check=False)

    # As a test of local processes does it: kill -9, and another that has taken over.

    def restart_controller(self, patience=30):
        for pod in self.controller_pods():
            self.kill_container(CONTROLLER[0], pod["metadata"]["name"])
        self.replace_controllers(patience)  # pods that have never crashed

    def restart_proxy(self, number):
        self.kill_container("spawner-proxy", self.proxy_pod(number))
        self.replace_proxy(number)

    def controller_pods(self):
        return self.pods(CONTROLLER[0], "app.kubernetes.io/name=" + CONTROLLER[1])

    def replace_controllers(self, patience=30):
        """New pods in place of the controllers' pods; returns once one of them leads."""
        before = self.leadership()
        self.cluster.kubectl("delete", "pods", "-n", CONTROLLER[0], "--timeout=60s",
                             "-l", "app.kubernetes.io/name=" + CONTROLLER[1])
        self.cluster.await_rollout()
        self.await_leader(above=before)
        self.await_proxies(patience)

    def proxy_pod(self, number):
        """Name of the pod of the proxy at self.proxies[number]."""
        address = self.cluster.node_address(number + 1)
        for pod in self.pods("spawner-proxy"):
            if pod["status"].get("hostIP") == address and not pod["metadata"].get("deletionTimestamp"):
                return pod["metadata"]["name"]
        raise AssertionError("no proxy runs at %s" % address)

    def is_new_proxy_ready(self, number, before):
        address = self.cluster.node_address(number + 1)
        return any(status["ready"] for pod in self.pods("spawner-proxy")
                   if pod["status"].get("hostIP") == address and pod["metadata"]["name"] != before
                   for status in pod["status"].get("containerStatuses", []))

    def replace_proxy(self, number):
        before = self.proxy_pod(number)
        self.cluster.kubectl("delete", "pod", before, "-n", "spawner-proxy", "--timeout=90s")
        # Not the rollout's status, which is of before the deletion for a moment.
        wait_until(lambda: self.is_new_proxy_ready(number, before), 90, "another proxy's pod is ready")
        self.await_proxies()

    @contextlib.contextmanager
    def cut_off(self, number):
        """Nothing passes between a node's proxy and any controller, in either direction."""
        node = "node%d" % (number + 1)
        rules = """
            table inet cut_off {
              chain out { type filter hook output priority -400; tcp dport 9090 drop; }
              chain in { type filter hook input priority -400; tcp sport 9090 drop; }
            }"""
        self.cluster.enter(node, "nft", rules)
        try:
            yield
        finally:
            self.cluster.enter(node, "nft", "delete table inet cut_off")

    # --- who leads, who is linked -------------------------------------------------------------------

    def leading(self):
        """(pod, GetStatus) of the controller that leads, each asked by itself; None if none does."""
        for pod in self.controller_pods():
            address = pod["status"].get("podIP")
            if not address:
                continue
            one = api.Api(address + ":9090")
            try:
                status = one.admin.GetStatus(api.admin_pb2.GetStatusRequest(), timeout=2)
            except grpc.RpcError:
                continue
            finally:
                one.close()
            if status.is_leader:
                return pod["metadata"]["name"], status
        return None

    def leader_pod(self):
        return wait_until(self.leading, 40, "a leading controller")[0]

    def leadership(self):
        return wait_until(self.leading, 40, "a leading controller")[1].leadership

    def await_leader(self, above):
        """Until one leads by a leadership number above `above`: none from before."""
        def is_new():
            found = self.leading()
            return found is not None and found[1].leadership > above
        wait_until(is_new, 40, "a new leader")

    def lost_proxies(self):
        """Pods of the proxies that the leader knows of and can't ask; None while nobody leads."""
        found = self.leading()
        return found and [proxy.pod for proxy in found[1].proxies if not proxy.connected]

    def await_proxies(self, seconds=30):
        """Until the proxy of every node is linked to the leader, and no other is thought of."""
        def are_linked():
            found = self.leading()
            if found is None:
                return False
            linked = sorted(proxy.pod for proxy in found[1].proxies if proxy.connected)
            return len(linked) == len(found[1].proxies) and linked == sorted(
                pod["metadata"]["name"] for pod in self.pods("spawner-proxy"))
        wait_until(are_linked, seconds, "every proxy is linked to the leader")

    def is_proxy_ready(self, number):
        """What the proxy's own /readyz says."""
        code = self.cluster.enter("node%d" % (number + 1), "curl", "-s", "-o", "/dev/null", "-w",
                                  "%{http_code}", "http://127.0.0.1:9092/readyz", check=False)
        return code.strip() == "200"

    def kubernetes_requests(self):
        """What the controllers have asked Kubernetes for: {(verb, resource): number}, all together."""
        counts = collections.Counter()
        for pod in self.controller_pods():
            with urllib.request.urlopen("http://%s:9091/metrics" % pod["status"]["podIP"],
                                        timeout=5) as answer:
                for verb, resource, count in REQUESTS.findall(answer.read().decode()):
                    counts[verb, resource] += int(count)
        return counts

    # --- the API server's own account ---------------------------------------------------------------

    def writes(self, pod_name):
        """(verb, code, time) of each write about one pod by our controller, oldest first."""
        return [(event["verb"], event["responseStatus"]["code"], event["requestReceivedTimestamp"])
                for event in self.cluster.audit_events(resource="pods", user=USER)
                if event["stage"] == "ResponseComplete"
                and event["verb"] in WRITES
                and self._is_about(event, pod_name)]

    @staticmethod
    def _is_about(event, pod_name):
        # At the Metadata level a create's name is in the answer's own reference, where there is one.
        return event.get("objectRef", {}).get("name") == pod_name
