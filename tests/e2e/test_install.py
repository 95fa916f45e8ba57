"""docs/install.md, followed on a real cluster: its own blocks, as they stand there."""

import json
import os
import re
import shutil
import ssl
import subprocess
import textwrap
import urllib.error
import urllib.parse
import urllib.request

import pytest

from cluster import ROOT, wait_until
from tests.support.certificates import Authority

TEXT = (ROOT / "docs" / "install.md").read_text()
TLS = TEXT[TEXT.index("## TLS at the proxies"):TEXT.index("## Behind a load balancer")]
BALANCER = TEXT[TEXT.index("## Behind a load balancer"):TEXT.index("## DNS")]


def blocks(language, text=TEXT):
    """The fenced blocks of a language, without their indentation."""
    found = re.findall(r"^( *)```%s\n(.*?)^\1```" % language, text, re.S | re.M)
    return [textwrap.dedent(block) for _, block in found]


def patches(text):
    """The blocks that the manual wants among the overlay's patches."""
    return [block for block in blocks("yaml", text) if block.startswith("- target:")]


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(ROOT / "deploy" / "manifests", tmp_path / "deploy" / "manifests")
    (tmp_path / "my-overlay").mkdir()
    return tmp_path


def write_overlay(folder, text, more=()):
    """`text` ends with its patches; returns the overlay's folder."""
    (folder / "my-overlay" / "kustomization.yaml").write_text(text + "".join(more))
    return folder / "my-overlay"


def container_of(made, kind):
    (found,) = [item for item in made if item["kind"] == kind]
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return found["spec"]["template"]["spec"], container


def dry_run(cluster, overlay):
    return json.loads(cluster.kubectl("apply", "--dry-run=server", "-o", "json", "-k", str(overlay)))["items"]


def test_the_overlay_of_the_manual_is_accepted(spawner, folder):
    made = dry_run(spawner, write_overlay(folder, blocks("yaml")[0]))
    for kind, name in (("Deployment", "controller"), ("DaemonSet", "proxy")):
        _, container = container_of(made, kind)
        assert container["image"] == "registry.example/spawner/%s:0.1.0" % name
        assert "--base-domain=sessions.acme.example" in container["args"]
        assert not any("example.com" in argument for argument in container["args"])


def test_every_further_block_of_the_manual_is_accepted_with_it(spawner, folder):
    (components,) = [block for block in blocks("yaml") if block.startswith("components:")]
    everything = patches(TEXT)
    assert len(everything) == 3, "the NetworkPolicy's addresses, TLS, the balancer"
    made = dry_run(spawner, write_overlay(folder, components + blocks("yaml")[0], everything))
    pod, container = container_of(made, "DaemonSet")
    for flag in ("--tls-listen=0.0.0.0:8443", "--proxy-protocol", "--trusted-proxies=10.0.0.0/24",
                 "--controller-token-file=/var/run/secrets/spawner/token"):
        assert flag in container["args"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    assert mounts == {"token": "/var/run/secrets/spawner", "tls": "/etc/spawner/tls",
                      "tickets": "/etc/spawner/tickets"}
    assert {volume["name"] for volume in pod["volumes"]} == set(mounts)
    (policy,) = [item for item in made if item["kind"] == "NetworkPolicy"]
    assert policy["spec"]["ingress"][0]["from"][1]["ipBlock"]["cidr"] == "10.0.0.0/16"
    (service,) = [block for block in blocks("yaml", BALANCER) if "kind: Service" in block]
    spawner.kubectl("apply", "--dry-run=server", "-f", "-", input=service)


@pytest.fixture
def with_tls(system, folder):
    """The proxies with what the manual's section on TLS does; the authority of their certificate."""
    cluster = system.cluster
    authority = Authority(folder)
    names = "DNS:*.sessions.test,IP:" + cluster.node_address(1)
    cert, key = authority.sign("sessions", names=names)
    cert.rename(folder / "fullchain.pem")
    key.rename(folder / "privkey.pem")
    (secrets,) = blocks("sh", TLS)
    environment = dict(cluster.environment, PATH="%s:%s" % (cluster.run / "bin", os.environ["PATH"]))
    subprocess.run(["bash", "-euc", secrets], cwd=folder, env=environment, check=True)
    overlay = write_overlay(folder, "resources: [../deploy/manifests/overlays/dev]\npatches:\n", patches(TLS))
    try:
        cluster.kubectl("apply", "-f", "-", input=cluster.manifests(overlay))
        cluster.await_rollout(seconds=150)
        system.await_proxies(60)
        yield authority
    finally:
        cluster.apply_manifests()
        cluster.kubectl("delete", "secret", "-n", "spawner-proxy", "sessions-tls", "sessions-tickets",
                        "--ignore-not-found")
        cluster.await_rollout(seconds=150)
        system.await_proxies(60)


class NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_):
        return None


def test_the_manuals_section_on_tls_makes_the_proxies_speak_it(system, with_tls):
    connected = system.connect("install/tls", grace=30)
    system.wait_state(connected.session.name, "READY")
    plain = urllib.parse.urlsplit(system.url(connected, "headers"))
    secure = plain._replace(scheme="https", netloc="%s:8443" % plain.hostname).geturl()
    trusted = ssl.create_default_context(cafile=str(with_tls.cert))
    opener = urllib.request.build_opener(urllib.request.HTTPSHandler(context=trusted))
    with opener.open(secure, timeout=30) as answer:
        seen = {name.lower(): value for name, value in json.load(answer)["headers"]}
        assert answer.status == 200 and answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert seen["x-forwarded-proto"] == "https"
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.build_opener(NoRedirect).open(plain.geturl(), timeout=30)
    assert error.value.code in (301, 307, 308)
    assert error.value.headers["Location"].startswith("https://")
    # The pods are what they were made of, on both nodes: no restart, no certificate refused.
    for pod in system.pods("spawner-proxy"):
        assert pod["status"]["containerStatuses"][0]["restartCount"] == 0
    system.terminate(connected.session.name)
    wait_until(lambda: system.get(connected.session.name).end_time.seconds, 30, "its end")
