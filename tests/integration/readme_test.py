"""What the README tells a newcomer to type, typed as it stands there on a running Spawner."""

import os
import re
import subprocess

import pytest

from tests.support import api
from tests.support.system import BIN, LocalSystem

USUAL = "127.0.0.1:9090"


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def block(language, containing):
    """The README's one block of code of this language with these words."""
    with open(os.path.join(api.ROOT, "README.md"), encoding="utf-8") as readme:
        (code,) = [code for code in re.findall(r"^```%s\n(.*?)^```" % language, readme.read(), re.M | re.S)
                   if containing in code]
    return code


def run_sample(system, capsys, code):
    assert USUAL in code
    exec(compile(code.replace(USUAL, system.grpc), "README.md", "exec"), {})  # stubs: tests.support.api
    return capsys.readouterr().out.strip()


def test_the_python_sample_gets_a_url(system, capsys):
    code = block("python", "sessions.Connect")
    url = run_sample(system, capsys, code)
    assert re.fullmatch(r"%s/s/[a-z2-7]{26}/\?spawner_token=\S+" % re.escape(system.proxies[0]), url)


def test_the_python_sample_with_a_command_runs_it(system, capsys):
    code = block("python", "sessions.Connect").replace("document-42", "by-command")
    code, swaps = re.subn(r"image=\S+\),  # of quickstart: (command=\[).*\]", r"\1%r])," % os.path.abspath(
        os.path.join(BIN, "deploy/examples/echo/echo")), code)
    assert swaps == 1
    url = run_sample(system, capsys, code)
    assert subprocess.run(["curl", "-sS", "-L", "-c", "-", url], capture_output=True, check=True,
                          text=True, timeout=20).stdout.startswith("echo\n")


def test_the_command_lines(system):
    lines = block("sh", "spawnctl get sessions").replace(
        "spawnctl watch", "timeout -s INT 1 spawnctl watch || test $? = 124")
    done = subprocess.run(["bash", "-ec", lines], capture_output=True, text=True, timeout=30, env={
        "PATH": "%s:%s" % (os.path.abspath(os.path.join(BIN, "cli")), os.environ["PATH"]),
        "SPAWNER_ADDRESS": system.grpc})
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("http://") and "Key:               document-42\n" in done.stdout
