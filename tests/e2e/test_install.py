"""docs/install.md, followed on a real API server."""

import json
import re
import shutil

from cluster import ROOT


def test_the_overlay_of_the_manual_is_accepted(spawner, tmp_path):
    text = (ROOT / "docs" / "install.md").read_text()
    overlay = re.search(r"```yaml\n(.*?)```", text, re.S)[1].replace("\n   ", "\n").removeprefix("   ")
    shutil.copytree(ROOT / "deploy" / "manifests", tmp_path / "deploy" / "manifests")
    (tmp_path / "my-overlay").mkdir()
    (tmp_path / "my-overlay" / "kustomization.yaml").write_text(overlay)

    made = json.loads(spawner.kubectl("apply", "--dry-run=server", "-o", "json", "-k",
                                      str(tmp_path / "my-overlay")))["items"]
    for kind, name in (("Deployment", "controller"), ("DaemonSet", "proxy")):
        (found,) = [item for item in made if item["kind"] == kind]
        (container,) = found["spec"]["template"]["spec"]["containers"]
        assert container["image"] == "registry.example/spawner/%s:0.1.0" % name
        assert "--base-domain=sessions.acme.example" in container["args"]
        assert not any("example.com" in argument for argument in container["args"])
