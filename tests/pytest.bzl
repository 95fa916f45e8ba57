"""pytest_test: pytest files as one Bazel test whose cases are counted one by one.

    load("//tests:pytest.bzl", "pytest_test")

    pytest_test(
        name = "echo_test",
        srcs = ["echo_test.py"],
        data = ["//deploy/examples/echo"],
        tags = ["integration"],
        deps = ["//tests/support"],
    )

Runs under Debian's /usr/bin/python3 and its python3-* packages; no Python toolchain is needed. The
working directory and PYTHONPATH are the root of the runfiles: `from tests.support import websocket`
works, and a program of data is at its path in the tree ("deploy/examples/echo/echo").
`bazel test --test_filter=EXPRESSION` is pytest's -k. Files to keep (screenshots, logs) belong in
$TEST_UNDECLARED_OUTPUTS_DIR. An `async def` test without a plugin fails instead of being skipped.
"""

def pytest_test(name, srcs, deps = [], data = [], args = [], tags = [], size = "medium", **kwargs):
    """Runs pytest on srcs.

    Args:
      name: of the test.
      srcs: the files that pytest collects.
      deps: filegroups of Python modules that they import.
      data: programs and files that they use.
      args: further arguments of pytest.
      tags: "integration", "e2e", ...
      size: of the test: "medium" has 5 minutes.
      **kwargs: as of sh_test.
    """
    native.sh_test(
        name = name,
        size = size,
        srcs = ["//tests:pytest_main.sh"],
        args = args + ["$(location %s)" % src for src in srcs],
        data = srcs + deps + data,
        tags = tags,
        **kwargs
    )

def program_test(name, data, deps = [], tags = [], **kwargs):
    """pytest on NAME.py, which starts whole programs and has everything of //tests/support.

    Args:
      name: of the test, and of its file.
      data: programs and files that it uses.
      deps: further modules.
      tags: besides "integration".
      **kwargs: as of pytest_test.
    """
    pytest_test(
        name = name,
        srcs = [name + ".py"],
        data = data,
        tags = tags + ["integration"],
        deps = [
            "//tests/support",
            "//tests/support:api",
            "//tests/support:system",
        ] + deps,
        **kwargs
    )
