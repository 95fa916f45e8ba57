#!/usr/bin/python3
"""Runs the tests and closes on `N passed, N failed`, in test cases, alone on the last line.

    run_tests.py [--only bazel|e2e] [bazel test flags and targets]

Stages: `bazel` (unit, contract, simulation, integration and browser tests: bazel test //...) and
`e2e` (tests/e2e by pytest on the development cluster). Cases are counted in the JUnit XML that
each test writes; cached results count. A target without cases in its XML counts as one; one that
did not build, timed out or crashed counts at least one failure. A stage that can't start is a
failure. The exit status is 0 only if something passed and nothing failed.
"""

import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.parse
import xml.etree.ElementTree as ElementTree

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FAILED = {"FAILED", "TIMEOUT", "REMOTE_FAILURE", "FAILED_TO_BUILD", "TOOL_HALTED_BEFORE_TESTING",
          "INCOMPLETE"}


class Count:
    """Test cases seen so far."""

    def __init__(self):
        self.passed = 0
        self.failed = 0
        self.skipped = 0
        self.bad = []  # names of the failed

    def fail(self, name):
        self.failed += 1
        self.bad.append(name)

    def add_xml(self, path, prefix):
        """Adds the cases of one JUnit XML file; returns how many, or None if it can't be read."""
        try:
            root = ElementTree.parse(path).getroot()
        except (OSError, ElementTree.ParseError):
            return None
        seen = 0
        for case in root.iter("testcase"):
            name = ".".join(filter(None, (case.get("classname"), case.get("name"))))
            if case.find("failure") is not None or case.find("error") is not None:
                self.fail("%s %s" % (prefix, name))
            elif case.get("status") == "notrun":  # gtest: DISABLED_ or filtered out
                continue
            elif case.get("result") in ("skipped", "suppressed") or case.find("skipped") is not None:
                self.skipped += 1
            else:
                self.passed += 1
            seen += 1
        return seen


def read_events(path):
    try:
        with open(path, encoding="utf-8") as lines:
            return [json.loads(line) for line in lines if line.strip()]
    except (OSError, ValueError) as error:
        print("cannot read bazel's events: %s" % error, file=sys.stderr)
        return []


def xml_of(result):
    for output in result.get("testActionOutput", []):
        if output.get("name") == "test.xml":
            parsed = urllib.parse.urlparse(output.get("uri", ""))
            if parsed.scheme == "file":
                return urllib.parse.unquote(parsed.path)
    return None


def summarize(events):
    """({label: {(run, shard): (attempt, status, xml)}}, test labels, labels that did not build)."""
    attempts, tests, unbuilt = {}, set(), set()
    for event in events:
        ident = event.get("id", {})
        if "targetConfigured" in ident:
            if event.get("configured", {}).get("testSize"):
                tests.add(ident["targetConfigured"]["label"])
        elif "testResult" in ident:
            key, result = ident["testResult"], event.get("testResult", {})
            runs = attempts.setdefault(key["label"], {})
            where = (key.get("run", 1), key.get("shard", 1))
            new = (key.get("attempt", 1), result.get("status", "NO_STATUS"), xml_of(result))
            if where not in runs or new[0] >= runs[where][0]:
                runs[where] = new
        elif "targetCompleted" in ident and not event.get("completed", {}).get("success"):
            unbuilt.add(ident["targetCompleted"]["label"])
    return attempts, tests, unbuilt


def bazel(arguments, count):
    if not any(not a.startswith("-") or a.startswith("-//") for a in arguments):
        arguments = arguments + ["//..."]
    with tempfile.TemporaryDirectory() as scratch:
        path = os.path.join(scratch, "events.json")
        code = subprocess.call(
            ["bazel", "test", "--keep_going", "--build_event_json_file=" + path] + arguments, cwd=ROOT)
        attempts, tests, unbuilt = summarize(read_events(path))
    before = count.failed
    for label in sorted(tests | set(attempts)):
        if label not in attempts:
            if label in unbuilt or code not in (0, 3, 4):
                count.fail("%s (did not build or run)" % label)
            continue
        for _, (_, status, xml) in sorted(attempts[label].items()):
            failed_before = count.failed
            seen = count.add_xml(xml, label) if xml else None
            if status in FAILED and count.failed == failed_before:
                count.fail("%s (%s outside any case)" % (label, status))
            elif not seen:
                count.passed += 1
    if code not in (0, 4) and count.failed == before:
        count.fail("bazel itself (exit %d)" % code)


def pytest_e2e(scratch, name, *options):
    """One run of pytest; (exit code, path of its JUnit file)."""
    path = os.path.join(scratch, name + ".xml")
    code = subprocess.call(
        ["/usr/bin/python3", "-m", "pytest", "-q", "-o", "cache_dir=" + os.path.join(scratch, "cache"),
         "--junitxml=" + path, *options, "tests/e2e"], cwd=ROOT)
    return code, path


def e2e(_, count):
    """A case that failed gets a second try on a new cluster: both are in the output."""
    with tempfile.TemporaryDirectory() as scratch:
        code, path = pytest_e2e(scratch, "first")
        first = Count()
        if not first.add_xml(path, "tests/e2e"):
            first.fail("tests/e2e (pytest exit %d)" % code)
        count.passed += first.passed
        count.skipped += first.skipped
        if code == 0 and not first.failed:
            return
        print("== e2e: second try of %s" % ", ".join(first.bad), flush=True)
        code, path = pytest_e2e(scratch, "second", "--last-failed")
        before = count.failed
        if not count.add_xml(path, "tests/e2e") or (code and count.failed == before):
            count.fail("tests/e2e (pytest exit %d)" % code)


STAGES = {"bazel": bazel, "e2e": e2e}


def main(arguments):
    if arguments[:1] in (["--help"], ["-h"]):
        print(__doc__.strip())
        return 0
    names = list(STAGES)
    if arguments[:1] == ["--only"]:
        if len(arguments) < 2 or arguments[1] not in STAGES:
            print("usage: --only " + "|".join(STAGES), file=sys.stderr)
            return 2
        names, arguments = [arguments[1]], arguments[2:]
    count = Count()
    for name in names:
        start = time.monotonic()
        print("== %s" % name, flush=True)
        STAGES[name](arguments, count)
        print("== %s: %d s" % (name, time.monotonic() - start), flush=True)
    for name in count.bad:
        print("failed: " + name)
    print("%d passed, %d failed%s" % (
        count.passed, count.failed, ", %d skipped" % count.skipped if count.skipped else ""))
    return 1 if count.failed or not count.passed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
