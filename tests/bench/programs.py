"""The programs that a benchmark measures."""

import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


def build(targets, config="release"):
    """Builds them; the folder that has them."""
    flags = ["--config=" + config, "--symlink_prefix=/"]  # bazel-bin stays what it was
    subprocess.run(["bazel", "build", *flags, *targets], cwd=ROOT, check=True)
    return subprocess.run(["bazel", "info", *flags, "bazel-bin"], cwd=ROOT, check=True, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.strip()
