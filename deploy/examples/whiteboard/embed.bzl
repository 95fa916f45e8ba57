"""embed: text files as std::string_view constants of namespace spawner::examples."""

def embed(name, header, files):
    """Makes name.cc, which defines one constant for each file.

    Args:
      name: of the genrule and of the .cc file.
      header: the file that declares the constants.
      files: path -> name of the constant. A file may not contain )embedded".
    """
    commands = ["echo '#include \"%s/%s\"'" % (native.package_name(), header)]
    commands.append("echo 'namespace spawner::examples {'")
    for path, constant in files.items():
        commands.append("echo 'const std::string_view %s = R\"embedded('" % constant)
        commands.append("cat $(location %s)" % path)
        commands.append("echo ')embedded\";'")
    commands.append("echo '}  // namespace spawner::examples'")
    native.genrule(
        name = name + "_cc",
        srcs = files.keys(),
        outs = [name + ".cc"],
        cmd = "{ " + "; ".join(commands) + "; } > $@",
    )
    native.cc_library(
        name = name,
        srcs = [name + ".cc"],
        hdrs = [header],
    )
