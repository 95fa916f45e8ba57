"""Who may call, with real ServiceAccounts and real RBAC; doctor and uninstall as docs/install.md has them."""

import os
import re
import shlex
import subprocess

import pytest

from cluster import ROOT, wait_until

SPAWNCTL = os.environ.get("SPAWNER_E2E_SPAWNCTL") or str(ROOT / "bazel-bin" / "cli" / "spawnctl")


@pytest.fixture(scope="module")
def spawnctl(spawner):
    if "SPAWNER_E2E_SPAWNCTL" not in os.environ:
        subprocess.run(["bazel", "build", "//cli:spawnctl"], cwd=ROOT, check=True)

    def run(*words, token=None, namespace="spawner-sessions"):
        environment = {"PATH": os.environ["PATH"], "USER": "ada", "SPAWNER_NAMESPACE": namespace,
                       "SPAWNER_ADDRESS": spawner.service_address(50) + ":9090"}
        if token:
            environment["SPAWNER_TOKEN"] = token
        done = subprocess.run([SPAWNCTL, *words], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=120, env=environment)
        return done.returncode, done.stdout, done.stderr

    return run


@pytest.fixture
def account(spawner):
    """Name, and makes a token for an audience."""
    spawner.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}},
                  {"apiVersion": "v1", "kind": "ServiceAccount",
                   "metadata": {"name": "server", "namespace": "shop"}})
    yield lambda audience: spawner.kubectl(
        "create", "token", "server", "-n", "shop", "--audience=" + audience).strip()
    spawner.kubectl("delete", "namespace", "shop", "--wait=false")


def test_a_service_account_may_what_a_role_binding_of_its_namespace_says(spawner, spawnctl, account):
    token = account("spawner")
    connect = ["connect", "--key=rights", "--image=localhost/spawner/echo:dev", "--wait"]
    code, out, err = spawnctl(*connect, token=token)
    assert (code, out) == (4, ""), err
    assert ("system:serviceaccount:shop:server may not create sessions.spawner.dev in namespace "
            "spawner-sessions") in err and "[NAMESPACE_FORBIDDEN]" in err, err

    # The command that the message names is one that works, and enough.
    command = shlex.split(re.search(r"`kubectl (create rolebinding [^`]*)`", err)[1])
    try:
        spawner.kubectl(*command)
        url = wait_until(lambda: spawnctl(*connect, token=token)[1].strip(), 30, "a right is seen in 10 s")
        assert url.startswith("http://"), url
        assert spawnctl("get", "sessions", token=token)[0] == 0
        code, _, err = spawnctl("get", "sessions", token=token, namespace="default")
        assert code == 4 and "in namespace default" in err, "another namespace is not bound: " + err
        code, _, err = spawnctl("status", token=token)
        assert code == 4 and "get status.spawner.dev in the whole cluster" in err, err
        code, _, err = spawnctl("get", "sessions", token=account("https://kubernetes.default.svc"))
        assert code == 4 and "[TOKEN_INVALID]" in err, "for the API server, not for us: " + err
        assert spawnctl("terminate", "--key=rights", token=token)[0] == 0
    finally:
        spawner.kubectl("delete", "rolebinding", "-n", "spawner-sessions", "spawner-create-sessions",
                        "--ignore-not-found")


def test_doctor_finds_nothing_to_do(spawnctl):
    code, out, err = spawnctl("doctor")
    assert code == 0, out + err
    for check in ("rbac.tokenreviews.create", "rbac.subjectaccessreviews.create",
                  "rbac.persistentvolumeclaims.create", "rbac.podtemplates.create", "rbac.events.list",
                  "rbac.leases.update", "rbac.secrets.get", "clock.kubernetes", "proxies.version",
                  "kubernetes.pods.spawner-sessions"):
        assert check in out, out


def test_doctor_names_the_right_that_is_missing(spawner, spawnctl):
    saved = spawner.kubectl("get", "clusterrolebinding", "spawner-controller-auth-delegator", "-o", "yaml")
    spawner.kubectl("delete", "clusterrolebinding", "spawner-controller-auth-delegator")
    try:
        code, out, err = wait_until(lambda: (lambda r: r if r[0] else None)(spawnctl("doctor")), 10,
                                    "RBAC's cache")
        assert code == 1, out + err
        assert "rbac.tokenreviews.create" in out + err
        assert "--serviceaccount=spawner-system:spawner-controller" in out + err
    finally:
        saved = "\n".join(line for line in saved.splitlines()
                          if not re.match(r"  (uid|resourceVersion|creationTimestamp):", line))
        spawner.kubectl("apply", "-f", "-", input=saved)


def test_uninstall_ends_sessions_and_takes_keys_and_lease_away(system, spawnctl):
    cluster = system.cluster
    connected = system.connect("uninstalled")
    system.wait_state(connected.session.name, "READY")

    def uninstall(*flags):
        # The controller that leads has to do it; a Service may lead to the other one.
        return wait_until(lambda: (lambda r: r if r[0] == 0 else None)(spawnctl("uninstall", *flags)), 60,
                          "the leader is reached")

    assert "would end " in uninstall("--dry-run")[1]
    assert system.get(connected.session.name).state == 3, "still READY"
    done = uninstall("--yes")
    assert "deleted /api/v1/namespaces/spawner-system/secrets/spawner-keys" in done[1], done
    wait_until(lambda: not system.pods("spawner-sessions"), 60, "no pod of a session is left")
    assert not cluster.kubectl("get", "secret", "-n", "spawner-system", "spawner-keys", "--ignore-not-found")
    # A restart installs it anew, with keys of its own, for the tests that follow.
    cluster.kubectl("delete", "pods", "-n", "spawner-system", "-l",
                    "app.kubernetes.io/name=spawner-controller", "--timeout=60s")
    cluster.await_rollout()
    system.await_proxies()
    again = system.connect("uninstalled")
    assert again.session.name != connected.session.name, "another installation, other names"
    system.wait_state(again.session.name, "READY")
    system.terminate(again.session.name)
