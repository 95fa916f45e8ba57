"""pkg_config_repository: an external repository made of system libraries.

Each entry of `libraries` maps an upstream label ("package:target") to the
pkg-config modules behind it, or to plain linker words ("-lfoo") for libraries
without a .pc file. A library becomes one cc_library with

  * the include directories and defines of `pkg-config --cflags`, less
    /usr/include, which the compiler searches anyway;
  * `pkg-config --libs` as link options, or, under --//third_party:linkage=static,
    `pkg-config --static --libs` with each -lfoo turned into libfoo.a where the
    system has one;
  * a stamp header with the packages' versions, an input of each compile that
    depends on the library, so that upgrading a Debian package rebuilds what
    uses it.
"""

_NEVER_STATIC = ["c", "m", "dl", "rt", "pthread", "resolv", "gcc", "gcc_s", "stdc++"]

def _run(repository_ctx, arguments):
    result = repository_ctx.execute(arguments)
    if result.return_code != 0:
        fail("%s failed (run .ci/install?): %s%s" % (" ".join(arguments), result.stdout, result.stderr))
    return [word for word in result.stdout.replace("\n", " ").split(" ") if word]

def _dedupe_keep_last(words):
    """Linker order: a library must come after all that use it."""
    seen = {}
    out = []
    for word in reversed(words):
        if word not in seen:
            seen[word] = True
            out.append(word)
    return list(reversed(out))

def _static_words(repository_ctx, words, libdir, skip):
    out = []
    shared = []
    for word in words:
        if not word.startswith("-l") or word.startswith("-l:"):
            continue
        name = word[2:]
        if name in skip:
            continue
        if name == "atomic":  # in gcc's own directory
            out.append("-l:libatomic.a")
        elif name not in _NEVER_STATIC and repository_ctx.path("%s/lib%s.a" % (libdir, name)).exists:
            out.append("-l:lib%s.a" % name)
        else:
            shared.append(word)
    if len(out) > 1:
        out = ["-Wl,--start-group"] + out + ["-Wl,--end-group"]
    return out + shared

def _starlark_list(words):
    return "[" + ", ".join(['"%s"' % word.replace("\\", "\\\\").replace('"', '\\"') for word in words]) + "]"

def _modules(words):
    return [word for word in words if word[0] not in "-:/@"]

def _query(repository_ctx, pkg_config, modules):
    includes = []
    defines = []
    for flag in _run(repository_ctx, [pkg_config, "--cflags"] + modules):
        if flag.startswith("-I") and flag != "-I/usr/include":
            includes.append(flag)
        elif flag.startswith("-D") and flag != "-DNOMINMAX":
            defines.append(flag[2:])
    versions = _run(repository_ctx, [pkg_config, "--modversion"] + modules)
    return struct(
        includes = includes,
        defines = defines,
        libs = _run(repository_ctx, [pkg_config, "--libs"] + modules),
        static_libs = _run(repository_ctx, [pkg_config, "--static", "--libs"] + modules),
        versions = ["%s %s" % (modules[i], versions[i]) for i in range(len(modules))],
    )

def _impl(repository_ctx):
    pkg_config = repository_ctx.which("pkg-config")
    if not pkg_config:
        fail("pkg-config is not installed: run .ci/install")
    pkg_config = str(pkg_config)
    multiarch = _run(repository_ctx, ["/usr/bin/gcc", "-print-multiarch"])[0]
    libdir = "/usr/lib/" + multiarch

    # pkg-config needs about a second for each set of Abseil modules, so a
    # repository of many small libraries is asked about as a whole: with
    # --as-needed and .a archives, what a binary does not use is not linked.
    together = None
    if repository_ctx.attr.query_once:
        together = _query(repository_ctx, pkg_config, [
            module
            for words in repository_ctx.attr.libraries.values()
            for module in _modules(words)
        ])

    packages = {"": []}
    versions = []
    for label, words in repository_ctx.attr.libraries.items():
        package, _, target = label.partition(":")
        modules = _modules(words)
        raw = [word for word in words if word.startswith("-l") or word.startswith("-p")]
        defines = [word[2:] for word in words if word.startswith("-D")]
        deps = [word for word in words if word.startswith(":") or word.startswith("//")]
        includes = []
        libs = []
        static_libs = []
        if modules:
            found = together or _query(repository_ctx, pkg_config, modules)
            includes = found.includes
            defines = defines + found.defines
            libs = found.libs
            static_libs = found.static_libs
            for version in found.versions:
                if version not in versions:
                    versions.append(version)
        libs = _dedupe_keep_last([word for word in raw + libs if word.startswith("-l") or word == "-pthread"])
        static_libs = _static_words(
            repository_ctx,
            _dedupe_keep_last(raw + static_libs + ["-l" + name for name in repository_ctx.attr.static_add]),
            libdir,
            repository_ctx.attr.static_skip,
        )
        packages.setdefault(package, [])
        packages[package].append("""
cc_library(
    name = "{name}",
    hdrs = ["//:{stamp}"],
    copts = {copts},
    defines = {defines},
    linkopts = select({{
        "@spawner//third_party:static_linkage": {static_libs},
        "//conditions:default": {libs},
    }}),
    deps = {deps} + select({{
        "@spawner//third_party:static_linkage": {static_deps},
        "//conditions:default": [],
    }}),
)
""".format(
            name = target,
            stamp = "debian_version_%s.h" % repository_ctx.name,
            copts = _starlark_list(includes),
            defines = _starlark_list(defines),
            static_libs = _starlark_list(static_libs),
            libs = _starlark_list(libs),
            deps = _starlark_list(deps),
            static_deps = _starlark_list(repository_ctx.attr.static_deps),
        ))

    repository_ctx.file(
        "debian_version_%s.h" % repository_ctx.name,
        "".join(["// %s\n" % version for version in versions]),
    )
    for path, source in repository_ctx.attr.symlinks.items():
        if not repository_ctx.path(source).exists:
            fail("%s is not installed: run .ci/install" % source)
        repository_ctx.symlink(source, path)
    for source, path in repository_ctx.attr.files.items():
        repository_ctx.symlink(source, path)
    for package, rules in packages.items():
        text = 'package(default_visibility = ["//visibility:public"])\n'
        if package == "":
            text += """
exports_files(["debian_version_%s.h"])
""" % repository_ctx.name
            if repository_ctx.attr.build_file:
                text += repository_ctx.read(repository_ctx.attr.build_file)
        repository_ctx.file((package + "/" if package else "") + "BUILD.bazel", text + "".join(rules))

pkg_config_repository = repository_rule(
    implementation = _impl,
    attrs = {
        "libraries": attr.string_list_dict(doc = "upstream label -> pkg-config modules, -l words, :deps"),
        "query_once": attr.bool(doc = "ask pkg-config about all modules together"),
        "static_skip": attr.string_list(doc = "libraries left out of a static link"),
        "static_add": attr.string_list(doc = "libraries a static link needs that pkg-config does not name"),
        "static_deps": attr.string_list(doc = "labels added in a static link"),
        "symlinks": attr.string_dict(doc = "path in the repository -> absolute path on the system"),
        "files": attr.label_keyed_string_dict(doc = "file of this workspace -> path in the repository"),
        "build_file": attr.label(doc = "more of the root BUILD file"),
    },
    local = True,
    configure = True,
    environ = ["PATH", "PKG_CONFIG_PATH"],
)
