"""Disks of sessions: PersistentVolumeClaims bound to real volumes, from one incarnation to the next."""

import json
import re
import shutil
import time
import urllib.error
import urllib.request

import pytest
import yaml

from cluster import ROOT, wait_until
from tests.support import api
from tests.support.system import seconds

CLASS = "spawner-e2e"  # of our volumes alone, so that nobody else's claim is bound to them
MOUNT = "/data"


def volume(name, path):
    """A folder of the machine that every node sees; nothing makes or deletes volumes here."""
    return {
        "apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": name},
        "spec": {"capacity": {"storage": "10Gi"}, "accessModes": ["ReadWriteOnce"],
                 "storageClassName": CLASS, "persistentVolumeReclaimPolicy": "Retain",
                 "hostPath": {"path": str(path), "type": "Directory"}}}


@pytest.fixture
def volumes(system):
    """Two of them; what is left of them and their claims goes at the end."""
    names = ["spawner-e2e-1", "spawner-e2e-2"]
    cluster = system.cluster
    for name in names:
        folder = cluster.run / "volumes" / name
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o777)  # a session's user is not root
        (folder / "notes").unlink(missing_ok=True)
        cluster.apply(volume(name, folder))
    yield {name: cluster.run / "volumes" / name for name in names}
    cluster.kubectl("delete", "pvc", "-n", system.namespace, "-l", "spawner.dev/session", "--timeout=60s")
    cluster.kubectl("delete", "pv", *names, "--timeout=60s")
    shutil.rmtree(cluster.run / "volumes")


def spec(system, policy, **options):
    pb = api.session_pb2
    return system.spec(env={"FILES": MOUNT}, volume_claims=[pb.VolumeClaim(
        name="home", mount_path=MOUNT, size="1Mi", storage_class=CLASS, policy=policy)], **options)


def claims(system, connected):
    session_id = connected.session.name.rsplit("/", 1)[1]
    return system.cluster.get("pvc", "-n", system.namespace, "-l", "spawner.dev/session=" + session_id)["items"]


def file(system, connected, body=None):
    """Writes or reads the session's file through a proxy. None: there is none."""
    request = urllib.request.Request(system.url(connected, "file?name=notes"), data=body,
                                     method="PUT" if body else "GET")
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        assert error.code == 404 and b"no such file" in error.read(), error
        return None


def test_a_kept_disk_is_there_for_the_next_incarnation(system, volumes):
    wanted = spec(system, api.session_pb2.CLAIM_POLICY_KEEP, grace=30, retention=1)
    first = system.connect("claims/kept", wanted)
    file(system, first, b"of the first")
    (claim,) = claims(system, first)
    assert claim["status"]["phase"] == "Bound" and claim["spec"]["volumeName"] in volumes
    assert (volumes[claim["spec"]["volumeName"]] / "notes").read_bytes() == b"of the first"

    system.terminate(first.session.name)
    system.wait_ended(first.session.name)
    second = system.connect("claims/kept", wanted)
    assert second.created and second.session.epoch > first.session.epoch
    assert file(system, second) == b"of the first"
    (now,) = claims(system, second)
    assert now["metadata"]["uid"] == claim["metadata"]["uid"]
    assert now["metadata"]["annotations"]["spawner.dev/epoch"] == str(second.session.epoch)

    # The session is forgotten (its retention is over), a controller that knows nothing of it leads:
    # the claim is still there, and the key gets it back.
    file(system, second, b"of the second")
    system.terminate(second.session.name)
    wait_until(lambda: not system.pods(system.namespace, "spawner.dev/session=%s" % (
        second.session.name.rsplit("/", 1)[1])), 30, "no pod of the session is left")
    system.replace_controllers()
    (kept,) = claims(system, second)
    assert kept["metadata"]["uid"] == claim["metadata"]["uid"]
    third = system.connect("claims/kept", wanted)
    assert file(system, third) == b"of the second"
    system.terminate(third.session.name)
    system.wait_ended(third.session.name)


def test_a_disk_goes_with_its_session_when_it_is_not_kept(system, volumes):
    wanted = spec(system, api.session_pb2.CLAIM_POLICY_DELETE, grace=30, retention=3)
    first = system.connect("claims/deleted", wanted)
    file(system, first, b"x")
    (claim,) = claims(system, first)
    system.terminate(first.session.name)
    system.wait_ended(first.session.name)
    # Another incarnation before the retention is over has it.
    second = system.connect("claims/deleted", wanted)
    assert file(system, second) == b"x"
    assert [c["metadata"]["uid"] for c in claims(system, second)] == [claim["metadata"]["uid"]]
    time.sleep(4)  # over the first one's retention
    assert file(system, second) == b"x"
    system.terminate(second.session.name)
    ended = time.monotonic()
    system.wait_ended(second.session.name)
    assert claims(system, second), "kept for the retention, at least"
    wait_until(lambda: not claims(system, second), 30, "the claim is gone")
    assert time.monotonic() - ended >= 3


def template_of_the_manual(system):
    """The PodTemplate of docs/templates.md, with what a real one has besides."""
    text = (ROOT / "docs" / "templates.md").read_text()
    (block,) = [block for block in re.findall(r"```yaml\n(.*?)```", text, re.S) if "volume-claim-templates" in block]
    made = yaml.safe_load(block)
    claims_made = json.loads(made["metadata"]["annotations"]["spawner.dev/volume-claim-templates"])
    for claim in claims_made:
        claim["spec"]["storageClassName"] = CLASS
    made["metadata"]["annotations"]["spawner.dev/volume-claim-templates"] = json.dumps(claims_made)
    made["metadata"].update(name="e2e-disk", namespace=system.namespace, labels={"spawner.dev/template": "true"})
    pod = made["template"]["spec"]
    pod["automountServiceAccountToken"] = False
    pod["securityContext"] = {"runAsNonRoot": True, "runAsUser": 1000, "seccompProfile": {"type": "RuntimeDefault"}}
    pod["containers"][0].update(
        image="localhost/spawner/echo:dev", imagePullPolicy="Never", ports=[{"containerPort": 8080}],
        env=[{"name": "FILES", "value": pod["containers"][0]["volumeMounts"][0]["mountPath"]}],
        securityContext={"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}})
    return dict(made, apiVersion="v1", kind="PodTemplate")


def test_the_manuals_template_brings_its_disk(system, volumes):
    cluster = system.cluster
    cluster.apply(template_of_the_manual(system))
    try:
        pb = api.session_pb2
        # Kubernetes keeps a claim for as long as there is a pod that names it, ended or not.
        connected = system.connect("claims/template", pb.SessionSpec(
            template="e2e-disk", lifetime=pb.Lifetime(retention=seconds(1))))
        file(system, connected, b"by a template")
        (claim,) = claims(system, connected)
        assert claim["metadata"]["labels"]["spawner.dev/claim-policy"] == "keep"
        assert (volumes[claim["spec"]["volumeName"]] / "notes").read_bytes() == b"by a template"
        system.terminate(connected.session.name)
        system.wait_ended(connected.session.name)
    finally:
        cluster.kubectl("delete", "podtemplate", "e2e-disk", "-n", system.namespace)
