#!/usr/bin/env python3
"""Writes an OCI image archive (a tar of an OCI layout) with nothing but the standard library.

    oci_image.py --out IMAGE.tar --name NAME:TAG --entrypoint /usr/bin/x
                 [--base /PATH=FILE]... [--port 8080/tcp]... [/PATH=FILE]...

Two layers: what images share (--base), then the program. The same inputs give the same bytes: no times, fixed owners, sorted names. It runs as
user 65532 and needs to write nowhere.
"""

import argparse
import gzip
import hashlib
import io
import json
import tarfile

USER = "65532:65532"
ACCOUNTS = {
    "etc/passwd": b"root:x:0:0:root:/:/sbin/nologin\nnonroot:x:65532:65532:nonroot:/:/sbin/nologin\n",
    "etc/group": b"root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": b"passwd: files\ngroup: files\nhosts: files dns\n",
}


def make_tar(files):
    """The bytes of a tar of {path: (content, mode)}, with the directories above each path."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as tar:
        directories = set()
        for path in files:
            parts = path.split("/")[:-1]
            directories.update("/".join(parts[: n + 1]) for n in range(len(parts)))
        for directory in sorted(directories):
            entry = tarfile.TarInfo(directory + "/")
            entry.type = tarfile.DIRTYPE
            entry.mode = 0o755
            tar.addfile(entry)
        for path, (content, mode) in sorted(files.items()):
            entry = tarfile.TarInfo(path)
            entry.mode = mode
            entry.size = len(content)
            tar.addfile(entry, io.BytesIO(content))
    return out.getvalue()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def to_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Layout:
    """The blobs of one image."""

    def __init__(self):
        self.files = {"oci-layout": (to_json({"imageLayoutVersion": "1.0.0"}), 0o644)}

    def add(self, data, media_type):
        """Keeps a blob and returns its descriptor."""
        digest = sha256(data)
        self.files["blobs/sha256/" + digest] = (data, 0o644)
        return {"mediaType": media_type, "digest": "sha256:" + digest, "size": len(data)}


def layer_contents(options):
    base = {path: (content, 0o644) for path, content in ACCOUNTS.items()}
    program = {}
    for layer, items in ((base, options.base), (program, options.files)):
        for item in items:
            path, _, name = item.partition("=")
            with open(name, "rb") as source:
                layer[path.lstrip("/")] = (source.read(), 0o755)
    return base, program


def make_image(options):
    layout = Layout()
    layers, diff_ids = [], []
    for files in layer_contents(options):
        tar = make_tar(files)
        diff_ids.append("sha256:" + sha256(tar))
        media_type = "application/vnd.oci.image.layer.v1.tar+gzip"
        layers.append(layout.add(gzip.compress(tar, 6, mtime=0), media_type))
    epoch = "1970-01-01T00:00:00Z"
    config = {
        "architecture": options.architecture,
        "os": "linux",
        "created": epoch,
        "config": {
            "User": USER,
            "WorkingDir": "/",
            "Entrypoint": [options.entrypoint],
            "Env": ["PATH=/usr/bin:/bin"],
            "ExposedPorts": {port: {} for port in options.port},
        },
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
        "history": [{"created": epoch, "created_by": "oci_image.py"} for _ in layers],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": layout.add(to_json(config), "application/vnd.oci.image.config.v1+json"),
        "layers": layers,
    }
    entry = layout.add(to_json(manifest), manifest["mediaType"])
    entry["platform"] = {"architecture": options.architecture, "os": "linux"}
    entry["annotations"] = {
        "org.opencontainers.image.ref.name": options.name.rpartition(":")[2],
        "io.containerd.image.name": options.name,
    }
    layout.files["index.json"] = (to_json({"schemaVersion": 2, "manifests": [entry]}), 0o644)
    return make_tar(layout.files)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--entrypoint", required=True)
    parser.add_argument("--architecture", default="amd64")
    parser.add_argument("--base", action="append", default=[])
    parser.add_argument("--port", action="append", default=[])
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()
    image = make_image(options)
    with open(options.out, "wb") as out:
        out.write(image)


if __name__ == "__main__":
    main()
