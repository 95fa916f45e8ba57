"""The development cluster itself: what the other end-to-end tests stand on."""

import os
import pathlib
import re
import subprocess
import urllib.request

import pytest

from cluster import ROOT, Cluster, wait_until

PROGRAMS = {"containerd", "containerd-shim", "etcd", "kube-apiserver", "kube-proxy", "kubelet",
            "kube-controller", "kube-scheduler", "pause", "unshare"}


def web_pod(name, node, labels=None):
    """A pod that serves its own name over HTTP on port 8080, by the Python of this machine."""
    mounts = {"usr": "/usr", "lib": "/lib", "lib64": "/lib64"}
    serve = f"cd /tmp && echo {name} >index.html && exec python3 -m http.server 8080"
    return {
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": {
            "nodeName": node,
            "terminationGracePeriodSeconds": 1,
            "containers": [{
                "name": "web", "image": "localhost/spawner/pause:dev", "imagePullPolicy": "Never",
                "command": ["/usr/bin/bash", "-c", serve],
                "volumeMounts": [{"name": k, "mountPath": v} for k, v in mounts.items()]
                + [{"name": "tmp", "mountPath": "/tmp"}],
            }],
            "volumes": [{"name": k, "hostPath": {"path": os.path.realpath(v)}}
                        for k, v in mounts.items()] + [{"name": "tmp", "emptyDir": {}}],
        },
    }


def fetch(url):
    """The body of an answer, or None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return answer.read().decode().strip()
    except OSError:
        return None


@pytest.fixture(scope="module")
def web(cluster):
    """A pod on each node, and a Service over both."""
    names = ["web1", "web2"]
    for number, name in enumerate(names, 1):
        cluster.apply(web_pod(name, f"node{number}", {"app": "web"}))
    cluster.apply({
        "apiVersion": "v1", "kind": "Service", "metadata": {"name": "web"},
        "spec": {"selector": {"app": "web"}, "clusterIP": cluster.service_address(77),
                 "ports": [{"port": 80, "targetPort": 8080}]},
    })
    cluster.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "pod/web1", "pod/web2")
    yield {pod["metadata"]["name"]: pod["status"]["podIP"]
           for pod in cluster.get("pods", "-l", "app=web")["items"]}
    cluster.kubectl("delete", "service/web", "pod/web1", "pod/web2")


def test_pods_on_both_nodes_answer_from_the_host(web):
    for name, address in web.items():
        assert wait_until(lambda: fetch(f"http://{address}:8080/"), 10, name) == name


def test_a_service_answers_for_both_of_its_pods_from_the_host(cluster, web):
    seen = set()

    def both():
        seen.add(fetch(f"http://{cluster.service_address(77)}/"))
        return {"web1", "web2"} <= seen

    wait_until(both, 10, f"answers of both pods, seen {seen}")


def test_a_pod_reaches_services_and_the_api_server(cluster, web):
    script = f"""
import ssl, urllib.request
token = open('/var/run/secrets/kubernetes.io/serviceaccount/token').read()
context = ssl.create_default_context(cafile='/var/run/secrets/kubernetes.io/serviceaccount/ca.crt')
version = urllib.request.Request('https://{cluster.service_address(1)}/version',
                                 headers={{'Authorization': 'Bearer ' + token}})
print(urllib.request.urlopen(version, context=context, timeout=3).status)
names = {{urllib.request.urlopen('http://{cluster.service_address(77)}/', timeout=3).read()
         for _ in range(30)}}
print(len(names))
"""
    answer = cluster.kubectl("exec", "web1", "--", "/usr/bin/python3", "-c", script)
    assert answer.split() == ["200", "2"]


def test_an_account_without_a_role_may_not_list_pods(cluster):
    account = "system:serviceaccount:default:default"
    assert cluster.kubectl("get", "pods").strip(), "the administrator may"
    with pytest.raises(AssertionError, match="cannot list resource \"pods\""):
        cluster.kubectl("get", "pods", "--as", account)


def test_the_audit_log_shows_a_create_by_name_user_and_time(cluster, web):
    event = next(e for e in cluster.audit_events(verb="create", resource="pods", name="web1")
                 if "subresource" not in e["objectRef"])
    assert event["user"]["username"] == "admin"
    assert event["responseStatus"]["code"] == 201
    assert event["requestReceivedTimestamp"] <= event["stageTimestamp"]


def test_the_api_server_comes_back_after_sigkill_and_pods_stay(cluster, web):
    before = cluster.get("pods", "-l", "app=web")["items"]
    cluster.program("kill", "kube-apiserver")

    def ready():
        return cluster.kubectl("get", "--raw", "/readyz", check=False) == "ok"

    wait_until(ready, 30, "API server ready again")
    after = cluster.get("pods", "-l", "app=web")["items"]
    assert [p["metadata"]["uid"] for p in after] == [p["metadata"]["uid"] for p in before]
    assert all(p["status"]["containerStatuses"][0]["restartCount"] == 0 for p in after)


def test_up_twice_is_the_same_cluster(cluster):
    uid = cluster.get("namespace", "kube-system")["metadata"]["uid"]
    cluster.up()
    assert cluster.get("namespace", "kube-system")["metadata"]["uid"] == uid


def test_the_manifests_are_accepted_by_the_api_server(cluster):
    # A dry run keeps nothing, not even the namespaces that the other objects need.
    namespaces = ROOT / "deploy" / "manifests" / "base" / "namespaces.yaml"
    cluster.kubectl("apply", "-f", str(namespaces))
    answer = cluster.kubectl("apply", "--dry-run=server", "-f", "-", input=cluster.manifests())
    assert "deployment.apps/spawner-controller" in answer
    assert "daemonset.apps/spawner-proxy" in answer


def traces():
    """What a cluster could leave on the host: anything that differs afterwards is left over."""
    def run(*command):
        return sorted(subprocess.run(command, check=True, capture_output=True,
                                     text=True).stdout.splitlines())

    processes = set()
    for stat in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            number, name, state = re.match(r"(\d+) \((.*)\) (.)", stat.read_text()).groups()
        except OSError:  # ended meanwhile
            continue
        if name in PROGRAMS and state != "Z":  # the dead wait for the machine's own first process
            processes.add(int(number))
    sysctls = ["vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops",
               "kernel/keys/root_maxkeys", "net/ipv4/ip_forward", "net/netfilter/nf_conntrack_max"]
    return {
        "processes": processes,
        "mounts": sorted(pathlib.Path("/proc/self/mountinfo").read_text().splitlines()),
        "interfaces": [line.split()[0] for line in run("ip", "-brief", "link")],
        "routes": run("ip", "route"),
        "rules": run("nft", "list", "ruleset"),
        "cgroups": sorted(str(p) for p in pathlib.Path("/sys/fs/cgroup").glob("**/spawner-dev*")),
        "sysctls": {name: pathlib.Path("/proc/sys", name).read_text() for name in sysctls
                    if pathlib.Path("/proc/sys", name).exists()},
    }


@pytest.mark.parametrize("ending", ["down", "killed"])
def test_nothing_is_left_on_the_host(tmp_path, ending):
    """Starts a cluster of its own with a pod in it, ends it, compares the host before and after."""
    before = traces()
    run = tmp_path / "cluster"
    cluster = Cluster(index=9, run=run)
    cluster.up()
    try:
        cluster.apply(web_pod("web", "node1"))
        cluster.kubectl("wait", "--for=condition=Ready", "--timeout=30s", "pod/web")
        during = traces()
        assert len(during["processes"] - before["processes"]) >= 8
        assert during["cgroups"] != before["cgroups"]
        if ending == "killed":
            os.kill(int((run / "pid" / "init").read_text()), 9)
    finally:
        cluster.down()
    assert traces() == before
    assert not run.exists()
