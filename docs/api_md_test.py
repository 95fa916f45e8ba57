"""docs/api.md says what the .proto files say, and they say something of everything."""

import importlib.machinery
import importlib.util
import re
import subprocess
import sys

import pytest

PAGE = "docs/api.md"


@pytest.fixture(scope="module")
def generator():
    sys.dont_write_bytecode = True
    loader = importlib.machinery.SourceFileLoader("generate_api", "docs/generate_api")
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("generate_api", loader))
    loader.exec_module(module)
    return module


def text_of(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def test_the_page_is_as_the_rule_makes_it():
    assert text_of(PAGE) == text_of("docs/generated/api.md"), (
        "docs/api.md is stale. Run: docs/generate_api")


def test_a_changed_comment_makes_the_page_stale(tmp_path):
    subprocess.run(["cp", "-rL", "proto", tmp_path / "proto"], check=True)
    path = tmp_path / "proto/spawner/v1/sessions.proto"
    path.chmod(0o644)
    old = path.read_text()
    path.write_text(old.replace("Who gets in.", "Who is let in."))
    assert path.read_text() != old
    made = subprocess.run(["docs/generate_api", "--stdout", PAGE, tmp_path / "proto"], check=True,
                          capture_output=True, text=True).stdout
    assert "Who is let in." in made and made != text_of(PAGE)


def test_conflicts_within_the_markers_are_resolved_by_a_run(generator):
    page = text_of(PAGE)
    head, tail = page.split(generator.END)
    broken = head + "<<<<<<< HEAD\n=======\n>>>>>>> theirs\n" + generator.END + tail
    assert generator.page(broken, generator.reference("proto")[0]) == page


def test_everything_has_a_comment(generator):
    assert generator.reference("proto")[1] == []


def test_every_link_leads_to_a_heading(generator):
    page = text_of(PAGE)
    anchors = {generator.anchor(heading) for heading in re.findall(r"^#+ (.*)$", page, re.M)}
    assert {link for link in re.findall(r"\]\(#([^)]*)\)", page)} <= anchors


@pytest.mark.parametrize("row", [
    "| `Connect` | [ConnectRequest](#connectrequest) | [ConnectResponse](#connectresponse) | Get-or-create by key",
    "| `WatchSessions` | [WatchSessionsRequest](#watchsessionsrequest) | stream of [WatchSessionsResponse]",
    "| `labels` | map of string to string |",
    "| `exit_code` | optional int32 |",
    "| `conditions` | repeated [Condition](#condition) |",
    "| `hello` | [Hello](#hello) | One of `message`. First, and only first. |",
    "| 4 | `BOOKMARK` | No session:",
    "| `claims` | Struct |",
])
def test_a_row_of_each_kind_is_there(row):
    assert row in text_of(PAGE)
