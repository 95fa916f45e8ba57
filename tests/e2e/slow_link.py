"""A slow link between one proxy and the controllers of a cluster: the kernel here has no netem, so a
relay inside the node's own network keeps the bytes back."""

import contextlib
import subprocess

from cluster import ROOT, SCRIPTS, wait_until

RELAY = ROOT / "tests" / "support" / "slow_relay.py"
PORT = 29090
MARK = 0x51
TABLE = "spawner-slow-link"


def redirect(cluster, node):
    # Before kube-proxy's own rules, which then see the relay's connections.
    cluster.enter(node, "nft", """
        table ip %s {
            chain output {
                type nat hook output priority -110;
                tcp dport 9090 meta mark != %d redirect to :%d
            }
        }""" % (TABLE, MARK, PORT))


def restart_proxy(cluster, node):
    """A new process has a new link; waits until it is ready, and so linked."""
    def proxy():
        (pod,) = [pod for pod in cluster.get("pods", "-n", "spawner-proxy")["items"]
                  if pod["spec"].get("nodeName") == node] or [None]
        return pod

    old = proxy()["metadata"]
    cluster.kubectl("delete", "pod", "-n", "spawner-proxy", old["name"])

    def is_ready():
        pod = proxy()
        return pod and pod["metadata"]["uid"] != old["uid"] and any(
            condition["type"] == "Ready" and condition["status"] == "True"
            for condition in pod["status"].get("conditions", []))
    wait_until(is_ready, 60, "the new proxy of " + node)


@contextlib.contextmanager
def slow_link(cluster, node, delay_s):
    """Each byte between the node's proxy and the controllers takes `delay_s`, both ways."""
    relay = subprocess.Popen(
        [SCRIPTS / "enter", node, "/usr/bin/python3", RELAY, str(PORT), str(delay_s), str(MARK)],
        env=cluster.environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        assert relay.stdout.readline() == "ready\n"
        redirect(cluster, node)
        try:
            restart_proxy(cluster, node)
            yield
        finally:
            cluster.enter(node, "nft", "delete", "table", "ip", TABLE)
    finally:
        served = relay.communicate(timeout=10)[0]  # the end of its input ends it
        assert int(served) > 0, "no link went through the relay"
    restart_proxy(cluster, node)
