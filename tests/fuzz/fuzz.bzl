"""cc_fuzz_test: a libFuzzer target that is also an ordinary test.

Without --config=fuzz it is built with replay_main.cc, which replays the
corpus: a regression test for any compiler. With --config=fuzz the same target
is a libFuzzer binary: bazel run --config=fuzz //pkg:name -- -max_total_time=60
"""

load("@rules_cc//cc:defs.bzl", "cc_test")

def cc_fuzz_test(name, srcs, corpus = [], deps = [], **kwargs):
    cc_test(
        name = name,
        srcs = srcs + select({
            "//tests/fuzz:libfuzzer": [],
            "//conditions:default": ["//tests/fuzz:replay_main"],
        }),
        linkopts = select({
            "//tests/fuzz:libfuzzer": ["-fsanitize=fuzzer"],
            "//conditions:default": [],
        }),
        linkstatic = True,
        args = select({
            "//tests/fuzz:libfuzzer": ["-runs=0"],
            "//conditions:default": [],
        }) + ["$(location %s)" % f for f in corpus],
        data = corpus,
        deps = deps,
        tags = ["fuzz"] + kwargs.pop("tags", []),
        size = kwargs.pop("size", "small"),
        **kwargs
    )
