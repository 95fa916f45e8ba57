"""The gRPC API for tests: stubs made from proto/ by protoc.

    sessions = api.Api("127.0.0.1:9090").sessions
    sessions.Connect(api.sessions_pb2.ConnectRequest(parent="namespaces/default", ...))
"""

import glob
import os
import subprocess
import sys
import tempfile

import grpc

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def _generate():
    out = tempfile.mkdtemp(prefix="spawner-stubs-")
    protos = sorted(glob.glob(os.path.join(ROOT, "proto", "*", "*", "*.proto")))
    # Not grpc_tools: the one in Debian 12 is too old for `optional`.
    subprocess.check_call(["protoc", "-I" + os.path.join(ROOT, "proto"), "--python_out=" + out,
                           "--grpc_python_out=" + out,
                           "--plugin=protoc-gen-grpc_python=/usr/bin/grpc_python_plugin"] + protos)
    # google/ is a package of its own already: reach ours beside the installed one.
    import google
    google.__path__.append(os.path.join(out, "google"))
    sys.path.insert(0, out)


_generate()

from google.rpc import error_details_pb2  # noqa: E402
from spawner.v1 import admin_pb2  # noqa: E402
from spawner.v1 import admin_pb2_grpc  # noqa: E402
from spawner.v1 import session_pb2  # noqa: E402
from spawner.v1 import sessions_pb2  # noqa: E402
from spawner.v1 import sessions_pb2_grpc  # noqa: E402


class Api:
    """Stubs of one controller address."""

    def __init__(self, address):
        self.channel = grpc.insecure_channel(address)
        self.sessions = sessions_pb2_grpc.SessionsStub(self.channel)
        self.admin = admin_pb2_grpc.AdminStub(self.channel)

    def close(self):
        self.channel.close()


def reason_of(error):
    """ErrorInfo.reason of a grpc.RpcError, or "" if it carries none."""
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin":
            for detail in error_details_pb2.Status.FromString(value).details:
                info = error_details_pb2.ErrorInfo()
                if detail.Unpack(info):
                    return info.reason
    return ""
