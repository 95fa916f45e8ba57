"""docs/api.md's table of errors and the reasons that the sources give are the same.

Reads the sources, as layering_test does.
"""

import os
import re

ROOT = os.environ.get("SPAWNER_SOURCE_ROOT") or os.path.dirname(
    os.path.dirname(os.path.realpath(__file__)))
# Of what is not built yet: warm pools.
NOT_YET = {"POOL_EMPTY"}
CODES = {"INVALID_ARGUMENT", "PERMISSION_DENIED", "NOT_FOUND", "FAILED_PRECONDITION", "OUT_OF_RANGE",
         "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED", "UNAUTHENTICATED", "ALREADY_EXISTS"}
WORD = r"[A-Z]+(?:_[A-Z]+)+"


def arguments(text, begin):
    """What is in the parentheses that open right before `begin`."""
    depth, end = 1, begin
    while depth and end < len(text):
        depth += {"(": 1, ")": -1}.get(text[end], 0)
        end += 1
    return text[begin:end - 1]


def reasons(*tops):
    """Each WithReason of the sources below: its file, what is in its parentheses, what stands before."""
    for top in tops:
        for folder, _, names in os.walk(os.path.join(ROOT, top)):
            for name in names:
                if not name.endswith((".cc", ".h")) or name.endswith("_test.cc") or name.startswith("fake_"):
                    continue
                with open(os.path.join(folder, name), encoding="utf-8") as file:
                    text = file.read()
                for call in re.finditer(r"\bWithReason\(", text):
                    yield name, arguments(text, call.end()), text[:call.start()]


def given():
    """{reason: a file that gives it}"""
    found = {}
    for name, inside, _ in reasons("base", "controller", "cli"):
        last = re.search(r'"(%s)"(?:,\s*\{\{.*)?$' % WORD, inside.rstrip(), re.S)
        if last:
            found[last[1]] = name
    return found


def without_a_wait():
    """Refusals for want of something that do not say when another try may help."""
    found = []
    for name, inside, before in reasons("controller"):
        reason = re.search(r'"(RATE_LIMITED|NO_CAPACITY|POOL_EMPTY|QUOTA_[A-Z]+)"', inside)
        if reason and not re.search(r"WithRetryAfter\(\s*$", before):
            found.append((name, reason[1]))
    return found


def documented():
    with open(os.path.join(ROOT, "docs", "api.md"), encoding="utf-8") as page:
        table = re.search(r"^## Errors$(.*?)^## ", page.read(), re.M | re.S)[1]
    return set(re.findall(r"\b%s\b" % WORD, table)) - CODES


def test_every_reason_is_documented():
    undocumented = {reason: file for reason, file in given().items() if reason not in documented()}
    assert not undocumented, "add them to the table of errors in docs/api.md: %s" % undocumented


def test_every_documented_reason_is_given():
    nowhere = documented() - set(given()) - NOT_YET
    assert not nowhere


def test_every_resource_exhausted_says_when_to_try_again():
    assert not without_a_wait(), "wrap it: WithRetryAfter(WithReason(...), wait)"


def test_the_sources_were_read():
    assert {"SESSION_NOT_FOUND", "KEY_TAG_MISMATCH", "NO_LEADER", "RATE_LIMITED"} <= set(given())
