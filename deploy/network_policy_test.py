"""The NetworkPolicy of manifests/components lets in whom it should: nobody here enforces it."""

import ipaddress
import pathlib
import re

import yaml

MANIFESTS = pathlib.Path("deploy/manifests")


def documents(path):
    return list(yaml.safe_load_all((MANIFESTS / path).read_text()))


def of_kind(path, kind):
    found = [document for document in documents(path) if document["kind"] == kind]
    assert len(found) == 1
    return found[0]


POLICY = of_kind("components/network-policy/network-policy.yaml", "NetworkPolicy")
PROXY = of_kind("base/proxy.yaml", "DaemonSet")


def test_it_is_about_every_pod_of_a_session_and_only_what_comes_in():
    header = pathlib.Path("controller/session/pod_template.h").read_text()
    label = re.search(r'kManagedLabel\[\] = "([^"]+)"', header).group(1)
    assert POLICY["spec"]["podSelector"] == {"matchLabels": {label: "true"}}
    assert POLICY["spec"]["policyTypes"] == ["Ingress"]
    names = [document["metadata"]["name"] for document in documents("base/namespaces.yaml")]
    assert POLICY["metadata"]["namespace"] in names


def test_it_lets_in_proxies_by_both_labels_at_once():
    (rule,) = POLICY["spec"]["ingress"]
    peer = rule["from"][0]
    # In one peer: the pods of that name in that namespace. In two: one of both would do.
    assert peer["namespaceSelector"]["matchLabels"] == {
        "kubernetes.io/metadata.name": PROXY["metadata"]["namespace"]}
    wanted = peer["podSelector"]["matchLabels"]
    labels = PROXY["spec"]["template"]["metadata"]["labels"]
    assert wanted and wanted.items() <= labels.items()
    assert "ports" not in rule, "a session listens where it likes"


def test_nodes_are_nobody_until_an_overlay_names_them():
    (rule,) = POLICY["spec"]["ingress"]
    assert len(rule["from"]) == 2
    nobody = ipaddress.ip_network(rule["from"][1]["ipBlock"]["cidr"])
    assert nobody.subnet_of(ipaddress.ip_network("192.0.2.0/24")), "RFC 5737: for documentation"
    overlay = yaml.safe_load((MANIFESTS / "overlays/dev/kustomization.yaml").read_text())
    assert "../../components/network-policy" in overlay["components"]
    (patch,) = [patch for patch in overlay["patches"] if patch["target"]["kind"] == "NetworkPolicy"]
    (change,) = yaml.safe_load(patch["patch"])
    at = POLICY
    for part in change["path"].strip("/").split("/"):
        at = at[int(part)] if isinstance(at, list) else at[part]
    assert at == str(nobody)
    assert ipaddress.ip_network(change["value"]).is_private
