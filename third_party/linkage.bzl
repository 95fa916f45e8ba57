"""//third_party:linkage: how the Debian libraries are linked, `shared` or `static`.

A build setting rather than a --define, so that a rule can choose it for what it depends on: the
images hold static programs whatever the command line says (//deploy:oci.bzl).
"""

def _impl(ctx):
    value = ctx.build_setting_value
    if value not in ["shared", "static"]:
        fail("//third_party:linkage is shared or static, not " + value)
    return []

linkage_flag = rule(
    implementation = _impl,
    build_setting = config.string(flag = True),
)
