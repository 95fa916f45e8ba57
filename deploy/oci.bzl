"""oci_image: an OCI archive of one program and the few system files it needs.

The program is built as a release, static but for glibc, whatever the configuration of the command
line: a plain `bazel build //deploy:images` gives what is to be installed.
"""

_RELEASE = {
    "//command_line_option:compilation_mode": "opt",
    "//command_line_option:dynamic_mode": "off",
    "//command_line_option:platform_suffix": "-image",
    "//command_line_option:strip": "never",
    "//command_line_option:stripopt": ["-s"],
    "//third_party:linkage": "static",
}

# As --config=release in .bazelrc has them.
_RELEASE_COPTS = ["-O2", "-DNDEBUG", "-g1"]
_RELEASE_LINKOPTS = ["-static-libgcc", "-l:libstdc++.a", "-lm"]

def _add(words, more):
    return words + [word for word in more if word not in words]

def _release_impl(settings, attr):
    copts = settings["//command_line_option:copt"]
    linkopts = settings["//command_line_option:linkopt"]
    return dict(_RELEASE, **{
        "//command_line_option:copt": _add(copts, _RELEASE_COPTS),
        "//command_line_option:linkopt": _add(linkopts, _RELEASE_LINKOPTS),
    })

_release = transition(
    implementation = _release_impl,
    inputs = ["//command_line_option:copt", "//command_line_option:linkopt"],
    outputs = _RELEASE.keys() + ["//command_line_option:copt", "//command_line_option:linkopt"],
)

def _oci_image_impl(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".tar")
    program = ctx.files.stripped[0]
    entrypoint = "/usr/bin/" + ctx.attr.program
    arguments = ctx.actions.args()
    arguments.add("--out", out)
    arguments.add("--name", ctx.attr.image)
    arguments.add("--entrypoint", entrypoint)
    for port in ctx.attr.ports:
        arguments.add("--port", "%d/tcp" % port)
    for file in ctx.files.base:
        # "../repository/lib64/x" stands at /lib64/x.
        arguments.add("--base", "/%s=%s" % (file.short_path.split("/", 2)[2], file.path))
    arguments.add("%s=%s" % (entrypoint, program.path))
    ctx.actions.run(
        executable = ctx.file._packer,
        inputs = ctx.files.base + [program],
        outputs = [out],
        arguments = [arguments],
        mnemonic = "OciImage",
    )
    return [DefaultInfo(files = depset([out]))]

_oci_image = rule(
    implementation = _oci_image_impl,
    attrs = {
        "base": attr.label(doc = "system files, each under its own path in its repository"),
        "image": attr.string(mandatory = True, doc = "name and tag"),
        "ports": attr.int_list(),
        "program": attr.string(mandatory = True, doc = "its name in /usr/bin"),
        "stripped": attr.label(mandatory = True, cfg = _release, allow_single_file = True),
        "_allowlist_function_transition": attr.label(
            default = "@bazel_tools//tools/allowlists/function_transition_allowlist",
        ),
        "_packer": attr.label(default = "//deploy:oci_image.py", allow_single_file = True),
    },
)

def oci_image(name, binary, image, ports = []):
    """Builds name.tar from a cc_binary, under the name `image` (name:tag)."""
    _oci_image(
        name = name,
        base = "@glibc//:runtime",
        image = image,
        ports = ports,
        program = binary.split(":")[-1],
        stripped = binary + ".stripped",
        tags = ["manual"],  # not for `bazel build //...`: a release build takes its time
    )
