"""The packer's archive is a right OCI layout, and depends on nothing but what goes in."""

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile

PACKER = "deploy/oci_image.py"


def pack(directory, umask=0o022):
    """Packs two files of known content that stand in `directory`; returns the archive's bytes."""
    directory.mkdir()
    (directory / "library").write_bytes(b"library")
    (directory / "program").write_bytes(b"program")
    (directory / "program").chmod(0o700 if umask else 0o777)
    out = directory / "image.tar"
    subprocess.run(
        [PACKER, "--out", out, "--name", "localhost/spawner/x:dev", "--entrypoint", "/usr/bin/x",
         "--port", "8080/tcp", "--base", f"/lib64/ld.so={directory}/library",
         f"/usr/bin/x={directory}/program"],
        check=True, preexec_fn=lambda: os.umask(umask))
    return out.read_bytes()


def open_layout(archive):
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        return {entry.name: tar.extractfile(entry).read() for entry in tar if entry.isfile()}


def blob(layout, descriptor):
    """The blob that a descriptor names, after a check of its digest and size."""
    data = layout["blobs/" + descriptor["digest"].replace(":", "/")]
    assert "sha256:" + hashlib.sha256(data).hexdigest() == descriptor["digest"]
    assert len(data) == descriptor["size"]
    return data


def test_the_same_content_gives_the_same_bytes(tmp_path):
    assert pack(tmp_path / "one", umask=0) == pack(tmp_path / "two", umask=0o077)


def test_every_descriptor_names_a_blob_and_no_blob_is_left_over(tmp_path):
    layout = open_layout(pack(tmp_path / "x"))
    (entry,) = json.loads(layout["index.json"])["manifests"]
    assert entry["annotations"]["io.containerd.image.name"] == "localhost/spawner/x:dev"
    manifest = json.loads(blob(layout, entry))
    config = json.loads(blob(layout, manifest["config"]))
    for descriptor, diff_id in zip(manifest["layers"], config["rootfs"]["diff_ids"], strict=True):
        unpacked = gzip.decompress(blob(layout, descriptor))
        assert "sha256:" + hashlib.sha256(unpacked).hexdigest() == diff_id
    assert len(layout) == 2 + 1 + 1 + len(manifest["layers"])  # oci-layout, index, manifest, config


def test_runs_as_nobody_in_particular_with_its_files_in_place(tmp_path):
    layout = open_layout(pack(tmp_path / "x"))
    manifest = json.loads(blob(layout, json.loads(layout["index.json"])["manifests"][0]))
    config = json.loads(blob(layout, manifest["config"]))["config"]
    assert config["User"] == "65532:65532"
    assert config["Entrypoint"] == ["/usr/bin/x"]
    assert config["ExposedPorts"] == {"8080/tcp": {}}
    found = {}
    for descriptor in manifest["layers"]:
        with tarfile.open(fileobj=io.BytesIO(blob(layout, descriptor))) as tar:
            for entry in tar:
                assert (entry.uid, entry.gid, entry.mtime) == (0, 0, 0), entry.name
                if entry.isfile():
                    found[entry.name] = (tar.extractfile(entry).read(), entry.mode)
    assert found["usr/bin/x"] == (b"program", 0o755)
    assert found["lib64/ld.so"] == (b"library", 0o755)
    assert b"65532" in found["etc/passwd"][0]
