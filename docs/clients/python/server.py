"""An application server that gives each document a process of its own.

GET /documents/NAME asks for the user's name and password and sends the browser on to the session of
that document: the same one for everybody who opens it, started if it does not run.
"""

import base64
import hmac
import json
import logging
import os
import signal
import threading
import time
import uuid
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from spawner.v1 import session_pb2, sessions_pb2, sessions_pb2_grpc

ADDRESS = os.environ.get("SPAWNER_ADDRESS", "127.0.0.1:9090")
PARENT = "namespaces/" + os.environ.get("SPAWNER_NAMESPACE", "default")
LISTEN = os.environ.get("LISTEN", "127.0.0.1:8000")
USERS = {"ada": "lovelace", "grace": "hopper"}  # yours come from where your users are
CONNECT_WITHIN_S = 10

log = logging.getLogger("documents")


def metadata():
    """Who calls, if the controller wants to know. Asked for each call: Kubernetes replaces a
    ServiceAccount's token in its file long before the former one expires."""
    token = os.environ.get("SPAWNER_TOKEN", "")
    if path := os.environ.get("SPAWNER_TOKEN_FILE"):
        try:
            with open(path, encoding="ascii") as file:
                token = file.read().strip()
        except (OSError, ValueError) as error:
            log.error("token file: %s", error)  # the controller says UNAUTHENTICATED then
    return [("authorization", "Bearer " + token)] if token else []


def spec():
    """What runs for a document. COMMAND is for `./quickstart`, which has programs and no images."""
    idle = session_pb2.IdlePolicy()
    idle.grace.FromSeconds(60)  # how long it outlives its last connection
    return session_pb2.SessionSpec(
        template=os.environ.get("TEMPLATE", ""), image=os.environ.get("IMAGE", ""),
        command=os.environ.get("COMMAND", "").split(), idle=idle)


def details(error):
    """(ErrorInfo.reason or "", RetryInfo in seconds or None) of a grpc.RpcError."""
    reason, retry = "", None
    status = rpc_status.from_call(error)
    for detail in status.details if status else ():
        if detail.Is(error_details_pb2.ErrorInfo.DESCRIPTOR):
            info = error_details_pb2.ErrorInfo()
            detail.Unpack(info)
            reason = info.reason
        elif detail.Is(error_details_pb2.RetryInfo.DESCRIPTOR):
            info = error_details_pb2.RetryInfo()
            detail.Unpack(info)
            retry = info.retry_delay.ToMilliseconds() / 1000
    return reason, retry


class Documents:
    """The documents' sessions."""

    def __init__(self, channel):
        self.stub = sessions_pb2_grpc.SessionsStub(channel)
        self.stopping = threading.Event()
        self.watching = None

    def open(self, name, user):
        """The URL at which this user, and nobody else, gets into the document's session."""
        request = sessions_pb2.ConnectRequest(
            parent=PARENT, key=session_pb2.SessionKey(name="documents/" + name), spec=spec(),
            grant=sessions_pb2.GrantSpec(user=user), request_id=str(uuid.uuid4()))
        request.grant.claims.update({"document": name, "role": "editor"})
        deadline = time.monotonic() + CONNECT_WITHIN_S
        while True:
            try:
                # The same request_id each time: a retry never starts a second session.
                return self.stub.Connect(request, timeout=deadline - time.monotonic(), metadata=metadata()).url
            except grpc.RpcError as error:
                _, retry = details(error)
                if retry is None or time.monotonic() + retry > deadline or self.stopping.wait(retry):
                    raise

    def watch(self):
        """Logs each session's end, until stop()."""
        version = ""
        while not self.stopping.is_set():
            try:
                self.watching = self.stub.WatchSessions(
                    sessions_pb2.WatchSessionsRequest(parent=PARENT, resume_version=version), metadata=metadata())
                if self.stopping.is_set():  # stop() came before there was something to cancel
                    return
                for event in self.watching:
                    is_new = version != ""  # what there was before we came is no news
                    if event.type == event.BOOKMARK or is_new:
                        version = event.version
                    if is_new and event.type == event.MODIFIED and event.session.state == session_pb2.TERMINATED:
                        log.info("ended: %s %s %s", event.session.key.name,
                                 session_pb2.EndReason.Name(event.session.reason), event.session.message)
            except grpc.RpcError as error:
                if self.stopping.is_set():
                    return
                reason, retry = details(error)
                if reason == "VERSION_EXPIRED":  # away for too long: from the start
                    version = ""
                log.warning("watch again: %s %s", reason, error.details())
                self.stopping.wait(retry or 1)

    def stop(self):
        self.stopping.set()
        if self.watching:
            self.watching.cancel()


class Handler(BaseHTTPRequestHandler):
    documents = None
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self):
        user = self.authenticated()
        parts = urlsplit(self.path).path.split("/")
        name = unquote(parts[2]) if len(parts) == 3 and parts[1] == "documents" else ""
        if not name:
            return self.answer(404, "no such page; documents are at /documents/NAME")
        if user is None:
            return self.answer(401, "who are you?", {"WWW-Authenticate": 'Basic realm="documents"'})
        try:
            url = self.documents.open(name, user)
        except grpc.RpcError as error:
            return self.failed(error)
        self.answer(303, "", {"Location": url, "Cache-Control": "no-store"})  # the URL is a secret

    def authenticated(self):
        """The user's name, or None."""
        try:
            scheme, _, credentials = self.headers.get("Authorization", "").partition(" ")
            user, _, password = base64.b64decode(credentials).decode().partition(":")
        except ValueError:
            return None
        is_right = hmac.compare_digest(password.encode(), USERS.get(user, "").encode())
        return user if scheme.lower() == "basic" and user in USERS and is_right else None

    def failed(self, error):
        reason, retry = details(error)
        log.error("connect: %s %s: %s", error.code().name, reason, error.details())
        if reason == "KEY_TAG_MISMATCH":
            return self.answer(409, "the document is open in another version of the editor")
        if retry is not None or error.code() in (grpc.StatusCode.UNAVAILABLE,
                                                 grpc.StatusCode.DEADLINE_EXCEEDED):
            return self.answer(503, "busy; try again", {"Retry-After": str(int((retry or 1) + 0.999))})
        self.answer(500, "the document can't be opened")

    def answer(self, status, message, headers=None):
        body = json.dumps({"message": message}).encode() if message else b""
        self.send_response(status)
        for name, value in {**(headers or {}), "Content-Type": "application/json",
                            "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *args):  # pylint: disable=redefined-builtin
        log.debug(format, *args)


class Server(ThreadingHTTPServer):
    daemon_threads = False  # server_close() waits for answers under way
    block_on_close = True


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    # TLS: grpc.secure_channel(ADDRESS, grpc.ssl_channel_credentials())
    with grpc.insecure_channel(ADDRESS, options=[("grpc.keepalive_time_ms", 30_000)]) as channel:
        Handler.documents = Documents(channel)
        host, port = LISTEN.rsplit(":", 1)
        server = Server((host, int(port)), Handler)
        watch = threading.Thread(target=Handler.documents.watch)
        watch.start()
        # shutdown() waits for serve_forever(), which runs in this thread: so from another one.
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
        log.info("listening on %s:%d", *server.server_address)
        server.serve_forever()
        Handler.documents.stop()
        server.server_close()
        watch.join()
    log.info("stopped")


if __name__ == "__main__":
    main()
