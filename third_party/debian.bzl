"""All external repositories, served from Debian 12's packages."""

load("//third_party:pkg_config.bzl", "pkg_config_repository")
load("//third_party/toolchain:clang.bzl", "clang_toolchain")

# Upstream's "//absl/<package>:<target>" for each pkg-config module we use.
_ABSL = {
    "absl/algorithm:container": ["absl_algorithm_container"],
    "absl/base:base": ["absl_base"],
    "absl/base:core_headers": ["absl_core_headers"],
    "absl/base:log_severity": ["absl_log_severity"],
    "absl/cleanup:cleanup": ["absl_cleanup"],
    "absl/container:btree": ["absl_btree"],
    "absl/container:fixed_array": ["absl_fixed_array"],
    "absl/container:flat_hash_map": ["absl_flat_hash_map"],
    "absl/container:flat_hash_set": ["absl_flat_hash_set"],
    "absl/container:inlined_vector": ["absl_inlined_vector"],
    "absl/container:node_hash_map": ["absl_node_hash_map"],
    "absl/container:node_hash_set": ["absl_node_hash_set"],
    "absl/debugging:failure_signal_handler": ["absl_failure_signal_handler"],
    "absl/debugging:stacktrace": ["absl_stacktrace"],
    "absl/debugging:symbolize": ["absl_symbolize"],
    "absl/flags:flag": ["absl_flags"],
    "absl/flags:parse": ["absl_flags_parse"],
    "absl/flags:reflection": ["absl_flags_reflection"],
    "absl/flags:usage": ["absl_flags_usage"],
    "absl/functional:any_invocable": ["absl_any_invocable"],
    "absl/functional:bind_front": ["absl_bind_front"],
    "absl/functional:function_ref": ["absl_function_ref"],
    "absl/hash:hash": ["absl_hash"],
    "absl/memory:memory": ["absl_memory"],
    "absl/meta:type_traits": ["absl_type_traits"],
    "absl/numeric:bits": ["absl_bits"],
    "absl/numeric:int128": ["absl_int128"],
    "absl/random:bit_gen_ref": ["absl_random_bit_gen_ref"],
    "absl/random:random": ["absl_random_random"],
    "absl/status:status": ["absl_status"],
    "absl/status:statusor": ["absl_statusor"],
    "absl/strings:cord": ["absl_cord"],
    "absl/strings:str_format": ["absl_str_format"],
    "absl/strings:strings": ["absl_strings"],
    "absl/synchronization:synchronization": ["absl_synchronization"],
    "absl/time:time": ["absl_time"],
    "absl/types:optional": ["absl_optional"],
    "absl/types:span": ["absl_span"],
    "absl/types:variant": ["absl_variant"],
    "absl/utility:utility": ["absl_utility"],
}

def debian_dependencies():
    """Declares every repository that the BUILD files name."""

    # --- what Bazel itself asks for -----------------------------------------
    native.local_repository(
        name = "rules_cc",
        path = "third_party/shims/rules_cc",
    )
    native.local_repository(
        name = "remote_coverage_tools",
        path = "third_party/shims/remote_coverage_tools",
    )
    native.local_repository(
        name = "rules_java",
        path = "/usr/share/bazel/rules/java",
    )
    clang_toolchain(
        name = "local_config_clang",
        clang = "clang-19",
        llvm_cov = "llvm-cov-19",
    )

    # --- Google's stack -------------------------------------------------------
    pkg_config_repository(
        name = "com_google_absl",
        libraries = _ABSL,
        query_once = True,
    )
    pkg_config_repository(
        name = "com_google_protobuf",
        libraries = {
            ":protobuf": ["protobuf"],
            ":protobuf_lite": ["protobuf-lite"],
        },
        symlinks = {
            "protoc": "/usr/bin/protoc",
            "src/google/protobuf": "/usr/include/google/protobuf",
        },
        build_file = "//third_party:protobuf.BUILD",
    )
    pkg_config_repository(
        name = "com_github_grpc_grpc",
        libraries = {
            ":grpc++": ["grpc++", "protobuf"],
            ":grpc++_reflection": ["-lgrpc++_reflection", ":grpc++"],
            ":grpc++_error_details": ["-lgrpc++_error_details", ":grpc++"],
            ":grpcpp_channelz": ["-lgrpcpp_channelz", ":grpc++"],
        },
        symlinks = {"grpc_cpp_plugin": "/usr/bin/grpc_cpp_plugin"},
        files = {
            "//third_party:grpc_cc_grpc_library.bzl": "bazel/cc_grpc_library.bzl",
            "//third_party:empty.BUILD": "bazel/BUILD.bazel",
        },
        build_file = "//third_party:grpc.BUILD",
    )
    pkg_config_repository(
        name = "com_googlesource_code_re2",
        libraries = {":re2": ["re2"]},
    )
    pkg_config_repository(
        name = "com_google_googletest",
        libraries = {
            ":gtest": ["gmock", "gtest"],
            ":gtest_main": ["gmock", "gtest", "-lgmock_main"],
        },
    )
    pkg_config_repository(
        name = "com_github_google_benchmark",
        libraries = {
            ":benchmark": ["benchmark"],
            ":benchmark_main": ["-lbenchmark_main", ":benchmark"],
        },
    )

    # --- transport --------------------------------------------------------------
    pkg_config_repository(
        name = "curl",
        libraries = {":curl": ["libcurl"]},
        # What libcurl.a needs beyond its .pc file, and what it does without.
        static_add = ["unistring", "brotlicommon"],
        static_skip = ["rtmp", "ssh2", "psl", "gssapi_krb5", "ldap", "lber"],
        static_deps = ["@spawner//third_party:curl_static_stubs"],
    )
    pkg_config_repository(
        name = "openssl",
        libraries = {
            ":ssl": ["libssl", "libcrypto"],
            ":crypto": ["libcrypto"],
        },
    )
    pkg_config_repository(
        name = "libsodium",
        libraries = {":libsodium": ["libsodium"]},
    )
    pkg_config_repository(
        name = "nghttp2",
        libraries = {":nghttp2": ["libnghttp2"]},
    )
    pkg_config_repository(
        name = "com_github_cares_cares",
        libraries = {":ares": ["libcares"]},
    )
    pkg_config_repository(
        name = "zlib",
        libraries = {":zlib": ["zlib"]},
    )
    pkg_config_repository(
        name = "boost",
        # Header-only Beast and Asio. Asio 1.74 does not know clang's C++20 coroutines by itself.
        libraries = {":beast": [
            "-DBOOST_ASIO_HAS_CO_AWAIT",
            "-DBOOST_ASIO_HAS_STD_COROUTINE",
            "-pthread",
        ]},
    )
    pkg_config_repository(
        name = "liburing",
        libraries = {":liburing": ["liburing"]},
    )
    pkg_config_repository(
        name = "http_parser",
        libraries = {":http_parser": ["-lhttp_parser"]},
    )

    # --- data -------------------------------------------------------------------
    pkg_config_repository(
        name = "sqlite3",
        libraries = {":sqlite3": ["sqlite3"]},
    )
    pkg_config_repository(
        name = "nlohmann_json",
        libraries = {":json": ["nlohmann_json"]},
    )
    pkg_config_repository(
        name = "rapidjson",
        libraries = {":rapidjson": ["RapidJSON"]},
    )
    pkg_config_repository(
        name = "simdjson",
        libraries = {":simdjson": ["simdjson"]},
    )
    pkg_config_repository(
        name = "yaml-cpp",
        libraries = {":yaml-cpp": ["yaml-cpp"]},
    )

    # --- the images' base ---------------------------------------------------------
    pkg_config_repository(
        name = "glibc",
        symlinks = {
            path: "/" + path
            for path in [
                "lib/x86_64-linux-gnu/libc.so.6",
                "lib/x86_64-linux-gnu/libm.so.6",
                "lib/x86_64-linux-gnu/libresolv.so.2",
                "lib64/ld-linux-x86-64.so.2",
            ]
        },
        build_file = "//third_party:glibc.BUILD",
    )

    # --- operations ---------------------------------------------------------------
    pkg_config_repository(
        name = "fmt",
        # Header-only: Debian ships no libfmt.a, and this links anywhere.
        libraries = {":fmt": ["-DFMT_HEADER_ONLY"]},
    )
    pkg_config_repository(
        name = "spdlog",
        # Header-only over the header-only fmt above.
        libraries = {":spdlog": ["-DSPDLOG_FMT_EXTERNAL", "-DFMT_HEADER_ONLY", "-pthread"]},
    )
    pkg_config_repository(
        name = "com_github_jupp0r_prometheus_cpp",
        libraries = {
            "core:core": ["prometheus-cpp-core"],
            "pull:pull": ["prometheus-cpp-pull"],
        },
    )
    pkg_config_repository(
        name = "jemalloc",
        libraries = {":jemalloc": ["jemalloc"]},
    )
    pkg_config_repository(
        name = "mimalloc",
        libraries = {":mimalloc": ["-lmimalloc"]},
    )
    pkg_config_repository(
        name = "libsystemd",
        libraries = {":libsystemd": ["libsystemd"]},
    )
