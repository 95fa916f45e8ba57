"""The runner itself: each case here fails if pytest_main.sh breaks a promise of pytest.bzl."""

import os
import sys


def test_runs_under_debians_python():
    assert sys.executable == "/usr/bin/python3"


def test_runs_at_the_root_of_the_runfiles():
    assert os.path.exists("tests/pytest_main.sh")
    assert os.getcwd() in sys.path


def test_has_a_home_of_its_own():
    assert os.environ["HOME"].startswith(os.environ["TEST_TMPDIR"])


def test_temporary_files_are_inside_the_tests_own_directory(tmp_path):
    assert str(tmp_path).startswith(os.environ["TEST_TMPDIR"])


def test_cases_are_reported_one_by_one(request):
    assert request.config.getoption("xmlpath") == os.environ["XML_OUTPUT_FILE"]
