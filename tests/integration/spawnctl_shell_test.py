"""Completion in real shells, and the man page as its readers see it."""

import os
import shutil
import subprocess

import pytest

from tests.support.system import BIN, LocalSystem

SPAWNCTL = os.path.abspath(os.path.join(BIN, "cli/spawnctl"))
MAN_PAGE = os.path.abspath(os.path.join(BIN, "cli/spawnctl.1"))
ECHO = os.path.join(os.path.abspath(BIN), "deploy/examples/echo/echo")
WAIT_S = 30

# Each prints what its shell offers for the line in $LINE, one candidate a line.
BASH = """
source <(spawnctl completion bash)
COMP_LINE=$LINE COMP_POINT=${#LINE} COMPREPLY=()
_spawnctl
printf '%s\\n' "${COMPREPLY[@]}"
"""
FISH = """
spawnctl completion fish | source
complete -C "$LINE" | string replace -r '\\t.*' '' ; or true
"""
# zsh completes in its line editor only: compadd is made to print what it is given.
ZSH = """
compdef() { :; }
compset() { :; }
compadd() { while [[ $1 != -- ]]; do shift; done; shift; print -l -- "$@"; }
source <(spawnctl completion zsh)
words=(${(z)LINE}); [[ $LINE == *" " ]] && words+=("")
CURRENT=${#words}
_spawnctl || true  # it has nothing to offer
"""
SHELLS = {"bash": ["bash", "-c", BASH], "fish": ["fish", "-N", "-c", FISH], "zsh": ["zsh", "-f", "-c", ZSH]}


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs")) as running:
        yield running


def completed(shell, line, system, home):
    done = subprocess.run(
        SHELLS[shell], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=WAIT_S, check=True,
        env={"PATH": os.path.dirname(SPAWNCTL) + ":" + os.environ["PATH"], "HOME": str(home), "LINE": line,
             "SPAWNER_ADDRESS": system.grpc, "USER": "ada", "TERM": "dumb"})
    assert done.stderr == ""
    return sorted(word for word in done.stdout.split("\n") if word)


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_completes_verbs_flags_values_and_sessions(shell, system, tmp_path):
    if shutil.which(shell) is None:
        pytest.fail("%s is not installed: run .ci/install" % shell)
    session = system.connect("to-complete").session.name.rpartition("/")[2]
    assert completed(shell, "spawnctl wa", system, tmp_path) == ["wait", "watch"]
    assert completed(shell, "spawnctl grant ", system, tmp_path) == ["create", "revoke"]
    assert completed(shell, "spawnctl terminate --o", system, tmp_path) == ["--only-if-idle", "--output="]
    assert completed(shell, "spawnctl get sessions -o j", system, tmp_path) == ["json"]
    assert session in completed(shell, "spawnctl why " + session[:3], system, tmp_path)
    # Flags before the verb, and names of where the line goes, not of somewhere else.
    assert completed(shell, "spawnctl -n default wa", system, tmp_path) == ["wait", "watch"]
    assert completed(shell, "spawnctl -n wa", system, tmp_path) == []
    assert session in completed(shell, "spawnctl -n default why " + session[:3], system, tmp_path)
    assert completed(shell, "spawnctl why -n elsewhere " + session[:3], system, tmp_path) == []
    assert completed(shell, "spawnctl why --address=127.0.0.1:1 " + session[:3], system, tmp_path) == []
    prefix = "" if shell == "bash" else "--path-prefix="  # bash's word begins after "="
    assert completed(shell, "spawnctl connect --path-prefix=", system, tmp_path) == [
        prefix + "keep", prefix + "strip"]


@pytest.mark.parametrize("shell", sorted(SHELLS))
def test_the_script_is_one_that_its_shell_reads(shell, system):
    script = subprocess.run([SPAWNCTL, "completion", shell], capture_output=True, text=True, check=True).stdout
    subprocess.run([shell, "--no-execute" if shell == "fish" else "-n"], input=script, text=True, check=True,
                   timeout=WAIT_S)


def test_the_man_page_is_good_roff_and_names_every_verb():
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", MAN_PAGE], capture_output=True, text=True,
                          check=False, timeout=WAIT_S)
    complaints = [line for line in lint.stdout.splitlines() if "missing date" not in line]
    assert not complaints, "\n".join(complaints)
    text = subprocess.run(["mandoc", "-T", "ascii", MAN_PAGE], capture_output=True, text=True, check=True,
                          timeout=WAIT_S).stdout
    for verb in ("connect", "why", "grant create", "context use", "doctor", "uninstall"):
        assert "spawnctl " + verb in text
