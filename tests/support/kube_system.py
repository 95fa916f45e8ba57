"""A whole Spawner whose Kubernetes outlives it: what a restart of everything leaves.

    with KubeSystem(tmp_path, proxies=2) as system:
        system.kill("controller")       # kill -9
        system.start_controller()       # another process, the same API server, the same backends

The API server is tests/skew/kube.py; as its kubelet, each pod's command runs as a process of this machine.
"""

import itertools
import os
import subprocess
import threading
import time
import urllib.request

from tests.skew.kube import Kube
from tests.support.system import LocalSystem

STARTED = '"event":"controller_started"'
TOOK_OVER = '"event":"took_over"'
TAKEOVER_S = 40  # a Lease of 15 s has to run out
LINK_S = 20
_addresses = ("127.50.%d.%d" % (n // 250, n % 250 + 1) for n in itertools.count(os.getpid() % 250 * 100))


def _now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


class Kubelet(threading.Thread):
    """Runs the pods of a Kube until stop()."""

    def __init__(self, kube, log_path):
        super().__init__(daemon=True)
        self._kube = kube
        self._log_path = log_path
        self._running = {}  # uid -> (process, address)
        self._is_over = threading.Event()

    def stop(self):
        self._is_over.set()
        self.join()
        for process, _ in self._running.values():
            process.kill()
            process.wait()

    def run(self):
        while not self._is_over.wait(0.01):
            pods = {pod["metadata"]["uid"]: pod for pod in self._kube.get("pods")}
            for uid in set(self._running) - set(pods):  # deleted
                process, _ = self._running.pop(uid)
                process.kill()
                process.wait()
            for uid, pod in pods.items():
                self._step(uid, pod)

    def _step(self, uid, pod):
        if "status" in pod and pod["status"]["phase"] != "Running":
            return
        if uid not in self._running:
            self._running[uid] = self._start(pod)
            return self._tell(pod, "Running", uid, {"running": {"startedAt": _now()}})
        process, _ = self._running[uid]
        if pod["spec"].get("activeDeadlineSeconds") is not None and process.poll() is None:
            process.terminate()
            process.wait()
        if process.poll() is not None:
            code = process.returncode if process.returncode >= 0 else 128 - process.returncode
            self._tell(pod, "Failed" if code else "Succeeded", uid, {"terminated": {
                "exitCode": code, "reason": "Error" if code else "Completed", "startedAt": _now(),
                "finishedAt": _now()}})

    def _start(self, pod):
        container = pod["spec"]["containers"][0]
        address = next(_addresses)
        environment = {**os.environ, **{e["name"]: e["value"] for e in container["env"]}, "HOST": address}
        with open(self._log_path, "ab") as log:
            return subprocess.Popen(container["command"] + container.get("args", []), env=environment,
                                    stdin=subprocess.DEVNULL, stdout=log, stderr=log), address

    def _tell(self, pod, phase, uid, state):
        is_running = phase == "Running"
        conditions = [{"type": kind, "status": "True" if is_running or kind == "PodScheduled" else "False",
                       "lastTransitionTime": _now()}
                      for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready")]
        with self._kube.lock:
            known = self._kube.get("pods", pod["metadata"]["name"])
            if not known or known[0]["metadata"]["uid"] != uid:
                return
            self._kube.put("pods", {**known[0], "spec": {**known[0]["spec"], "nodeName": "node-1"}, "status": {
                "phase": phase, "podIP": self._running[uid][1], "startTime": _now(), "conditions": conditions,
                "containerStatuses": [{"name": "backend", "image": "x", "imageID": "", "ready": is_running,
                                       "started": is_running, "restartCount": 0, "state": state}]}})


class KubeSystem(LocalSystem):
    def __init__(self, log_dir, **options):
        super().__init__(log_dir, **options)
        self.kube = Kube()
        self._kubelet = Kubelet(self.kube, os.path.join(self.log_dir, "backends.log"))

    def __enter__(self):
        self.kube.__enter__()
        self._kubelet.start()
        try:
            return super().__enter__()
        except BaseException:
            self._end_kubernetes()
            raise

    def __exit__(self, *_):
        super().__exit__()
        self._end_kubernetes()

    def _end_kubernetes(self):
        self._kubelet.stop()
        self.kube.__exit__()

    def set_backend(self, spec, name):
        super().set_backend(spec, name)
        spec.image = "localhost/" + name

    def start_controller(self):
        self._start("controller", "controller/controller", [
            "--kubeconfig=%s" % self.kube.kubeconfig(self.log_dir), "--namespace=" + self.namespace,
            "--listen=" + self.grpc, "--http-listen=" + self.http,
            "--public-url=" + self.proxies[0]] + self.controller_flags)
        self.wait_ready("controller", self.http)

    def restart_controller(self):
        """kill -9, and another process that leads."""
        self.kill("controller")
        self.start_controller()
        self.await_takeover()

    def await_takeover(self):
        """Until the newest controller leads - the Lease of the one before has to run out - and has the proxies."""
        deadline = time.monotonic() + TAKEOVER_S
        while TOOK_OVER not in self.log("controller").rpartition(STARTED)[2]:
            assert time.monotonic() < deadline, self.log("controller")[-3000:]
            time.sleep(0.05)
        for index in range(len(self.proxies)):
            if "proxy%d" % index in self.processes:
                self._await_link(index)

    def restart_proxy(self, index):
        self.kill("proxy%d" % index)
        self.start_proxy(index)
        self._await_link(index)

    def _await_link(self, index):
        deadline = time.monotonic() + LINK_S
        while True:
            with urllib.request.urlopen("http://%s/metrics" % self.admin[index], timeout=5) as answer:
                if "\nspawner_proxy_link_up 1" in answer.read().decode():
                    return
            assert time.monotonic() < deadline, "no link"
            time.sleep(0.05)
