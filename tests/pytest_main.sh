#!/bin/bash
# Runs pytest as a Bazel test; pytest.bzl says how. Arguments go to pytest.
set -euo pipefail

root=$PWD
export PYTHONPATH=$root PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# Programs under test get a home of their own, not the developer's.
export HOME=${TEST_TMPDIR:?run me with bazel test}/home
mkdir -p "$HOME"

options=(
  -p no:cacheprovider
  --rootdir="$root" --import-mode=importlib
  --basetemp="$TEST_TMPDIR/pytest"
  --tb=short -ra -v
  # A case that hangs shows where, before Bazel ends the whole test.
  -o faulthandler_timeout=120
  # A coroutine that nothing awaits would pass unseen, and so would an exception in a thread.
  -W error::pytest.PytestUnhandledCoroutineWarning
  -W error::pytest.PytestUnhandledThreadExceptionWarning
  -W error::pytest.PytestReturnNotNoneWarning
)
[ -n "${XML_OUTPUT_FILE:-}" ] && options+=(--junitxml="$XML_OUTPUT_FILE")
[ -n "${TESTBRIDGE_TEST_ONLY:-}" ] && options+=(-k "$TESTBRIDGE_TEST_ONLY")

exec /usr/bin/python3 -m pytest "${options[@]}" "$@"
