"""The rooms of docs/architecture.md: who may include what, and how big a file may be.

Reads the sources; Bazel's visibility enforces the same table at build time.
"""

import os
import re

import pytest

ROOT = os.environ.get("SPAWNER_SOURCE_ROOT") or os.path.dirname(
    os.path.dirname(os.path.realpath(__file__)))

# Room -> rooms it may include, besides itself, base and proto.
ALLOWED = {
    "base": set(),
    "controller/api": {"controller/auth", "controller/core", "controller/session",
                       "controller/route", "controller/kube"},
    "controller/auth": {"controller/kube"},
    "controller/core": {"controller/session", "controller/route", "controller/kube"},
    "controller/local": {"controller/kube"},
    "controller/session": {"controller/kube"},  # the Pod value only, see below
    "controller/route": set(),
    "controller/kube": set(),
    "controller": {"controller/api", "controller/auth", "controller/core", "controller/kube",
                   "controller/local", "controller/session", "controller/route"},
    "proxy/link": {"proxy/route"},
    "proxy/forward": {"proxy/route", "proxy/h2", "proxy/http", "proxy/io"},
    "proxy/h2": {"proxy/http", "proxy/io"},
    "proxy/http": {"proxy/io"},  # the buffer value only
    "proxy/route": set(),
    "proxy/tls": {"proxy/io"},
    "proxy/io": set(),
    "proxy": {"proxy/link", "proxy/forward", "proxy/http", "proxy/route", "proxy/io", "proxy/tls"},
    "cli": set(),
}
# Rooms that may see protos: the edges.
PROTO = {"controller/api", "proxy/link", "cli", "controller", "proxy", "base"}
ONLY = {"controller/session": {"controller/kube": {"controller/kube/pod.h"}},
        "proxy/http": {"proxy/io": {"proxy/io/buffer.h"}}}
INCLUDE = re.compile(r'^\s*#include\s+"([^"]+)"', re.MULTILINE)


def sources():
    for top in ("base", "controller", "proxy", "cli"):
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in sorted(names):
                if name.endswith((".h", ".cc")):
                    yield os.path.relpath(os.path.join(folder, name), ROOT)


def is_test(path):
    return re.search(r"_(test|test_support)\.cc$|(^|/)(fake|sim|scripted|test)_[a-z_]*\.(h|cc)$",
                     path) is not None


def text_of(path):
    with open(os.path.join(ROOT, path), encoding="utf-8") as file:
        return file.read()


def room_of(path):
    folder = os.path.dirname(path)
    while folder and folder not in ALLOWED:
        folder = os.path.dirname(folder)
    return folder


def test_there_are_sources_to_read():
    assert sum(1 for _ in sources()) > 20


def test_rooms_include_only_rooms_below():
    wrong = []
    for path in sources():
        if is_test(path):
            continue
        room = room_of(path)
        for included in INCLUDE.findall(text_of(path)):
            other = room_of(included)
            if included.startswith("spawner/v1/") or included.startswith("google/rpc/"):
                if room not in PROTO:
                    wrong.append("%s includes %s: %s may not see protos" % (path, included, room))
            elif other and other not in (room, "base") and other not in ALLOWED[room]:
                wrong.append("%s includes %s: %s may not see %s" % (path, included, room, other))
            elif other in ONLY.get(room, {}) and included not in ONLY[room][other]:
                wrong.append("%s includes %s: of %s only %s" % (
                    path, included, other, sorted(ONLY[room][other])))
    assert not wrong, "\n".join(wrong)


def test_only_system_clock_reads_the_clock():
    reading = re.compile(r"absl::Now\(|steady_clock|system_clock::|clock_gettime\(")
    # client.cc: gRPC takes its deadlines as readings of system_clock.
    allowed = {"base/system_clock.cc", "base/cpu_time.cc", "base/log.cc", "cli/client.cc"}
    wrong = [path for path in sources()
             if path not in allowed and not is_test(path) and not path.endswith("_bench.cc")
             and reading.search(text_of(path))]
    assert not wrong, "\n".join(wrong)


def test_no_lock_but_mailbox():
    lock = re.compile(r"\b(std::mutex|absl::Mutex|std::shared_mutex|spawner::Mutex|MutexLock)\b")
    rooms = ("proxy/forward", "proxy/h2", "proxy/http", "proxy/route", "proxy/io", "proxy/tls", "controller/core",
             "controller/session", "controller/route", "controller/kube", "controller/local",
             "controller/auth")
    wrong = [path for path in sources()
             if room_of(path) in rooms and not is_test(path) and lock.search(text_of(path))]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("suffix,most", [(".h", 150), (".cc", 400)])
def test_files_are_small(suffix, most):
    big = ["%s: %d lines" % (path, text_of(path).count("\n")) for path in sources()
           if path.endswith(suffix) and not path.endswith("_test.cc")
           and text_of(path).count("\n") > most]
    assert not big, "\n".join(big)


def test_header_guards_name_the_path():
    wrong = []
    for path in sources():
        if path.endswith(".h"):
            guard = "SPAWNER_" + re.sub(r"[/.]", "_", path).upper() + "_"
            if "#ifndef %s\n#define %s\n" % (guard, guard) not in text_of(path):
                wrong.append("%s: expected %s" % (path, guard))
    assert not wrong, "\n".join(wrong)


def test_every_file_of_tests_is_run():
    """Bazel runs what a BUILD.bazel names; the bodies of tests/system run on a real cluster, too, where one
    name can stand for one of them only."""
    wrong, seen = [], {}
    for folder, _, names in os.walk(os.path.join(ROOT, "tests")):
        for name in names:
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            if not re.search(r"^test_.*\.py$|_test\.(py|cc)$", name) or path.startswith("tests/e2e/"):
                continue
            if '"%s' % name.partition(".")[0] not in text_of(os.path.join(os.path.dirname(path), "BUILD.bazel")):
                wrong.append("%s: not in the BUILD.bazel beside it" % path)
            if not path.startswith("tests/system/"):
                continue
            if "from tests.system.%s import *\n" % name[:-3] not in text_of("tests/e2e/test_system.py"):
                wrong.append("%s: not imported by tests/e2e/test_system.py" % path)
            for test in re.findall(r"^def (test_\w+)", text_of(path), re.M):
                if seen.setdefault(test, path) != path:
                    wrong.append("%s: %s stands in %s, too" % (path, test, seen[test]))
    assert len(seen) > 20
    assert not wrong, "\n".join(wrong)
