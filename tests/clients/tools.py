#!/usr/bin/python3
"""What the example clients in docs/clients are built with: packages of the versions that they pin, in
~/.cache/spawner/clients. As a program it fetches what is missing; .ci/install runs it."""

import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CLIENTS = os.path.join(ROOT, "docs", "clients")
HOME = pwd.getpwuid(os.getuid()).pw_dir  # HOME itself is the test's own under Bazel
CACHE = os.path.join(HOME, ".cache", "spawner", "clients")
PROGRAMS = ["go", "node"]  # not always in Bazel's PATH


def _place(language, *names):
    """Where the packages stand that these files pin."""
    digest = hashlib.sha256()
    for name in names:
        with open(os.path.join(CLIENTS, language, name), "rb") as file:
            digest.update(file.read())
    return os.path.join(CACHE, "%s-%s" % (language, digest.hexdigest()[:12]))


PINS = {
    "python": ["requirements.txt"],
    "go": ["go.mod", "go.sum"],
    "typescript": ["package.json", "package-lock.json"],
}


def packages(language):
    """The folder of the client's packages. An error that says what to do if it is not there."""
    place = _place(language, *PINS[language])
    assert os.path.isdir(place), "no %s: run .ci/install" % place
    return place


def environment(**more):
    """For building and running clients: the user's own caches, and nothing from the network."""
    return {"HOME": HOME, "PATH": os.path.join(CACHE, "bin") + ":/usr/bin:/bin", "GOFLAGS": "-mod=readonly",
            "GOPROXY": "off", "GOTOOLCHAIN": "local", **more}


def _fetch_python(folder, place):
    subprocess.run(["/usr/bin/python3", "-m", "pip", "install", "--quiet", "--require-hashes", "--target", place,
                    "--root-user-action=ignore", "--no-warn-script-location",
                    "-r", os.path.join(folder, "requirements.txt")], check=True)


def _fetch_typescript(folder, place):
    for name in PINS["typescript"]:
        shutil.copy(os.path.join(folder, name), place)
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=place, check=True)


def _fetch_go(folder, place):
    for name in PINS["go"]:
        shutil.copy(os.path.join(folder, name), place)
    subprocess.run(["go", "mod", "download"], cwd=place, check=True)


def _link_programs():
    os.makedirs(os.path.join(CACHE, "bin"), exist_ok=True)
    for name in PROGRAMS:
        link, program = os.path.join(CACHE, "bin", name), shutil.which(name)
        if program is None:
            sys.exit("clients: no %s in PATH" % name)
        program = os.path.realpath(program)
        if not os.path.islink(link) or os.readlink(link) != program:
            os.symlink(program, link + ".new")
            os.replace(link + ".new", link)


def fetch():
    os.makedirs(CACHE, exist_ok=True)
    _link_programs()
    for language, fetch_one in (("python", _fetch_python), ("go", _fetch_go), ("typescript", _fetch_typescript)):
        place = _place(language, *PINS[language])
        if os.path.isdir(place):
            continue
        print("install: packages of docs/clients/%s" % language, file=sys.stderr, flush=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            made = os.path.join(scratch, "made")
            os.mkdir(made)
            fetch_one(os.path.join(CLIENTS, language), made)
            os.rename(made, place)


if __name__ == "__main__":
    fetch()
