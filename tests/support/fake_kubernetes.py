"""As much of a Kubernetes API server as a controller needs to start, with reviews that a test answers."""

import contextlib
import http.server
import json
import threading


class FakeKubernetes:
    """`tokens`: token -> user info; `allowed`: (user, verb, resource, namespace). `is_down`: every review
    gets a 500. `reviews`: the specs that were asked. `objects`: by path, may be changed."""

    def __init__(self):
        self.tokens, self.allowed, self.reviews, self.is_down = {}, set(), [], False
        self.objects, self._version, self._lock = {}, 1, threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                body = json.loads(self.rfile.read(length)) if length else None
                code, answer = fake.serve(self.command, self.path, body)
                if answer is None:  # a watch: nothing happens
                    self.send_response(200)
                    self.send_header("Transfer-Encoding", "chunked")
                    self.end_headers()
                    fake.is_closing.wait()
                    return
                text = json.dumps(answer).encode()
                self.send_response(code)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PUT = do_PATCH = answer

            def log_message(self, *_):
                pass

        self.is_closing = threading.Event()
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = "http://127.0.0.1:%d" % self._server.server_port

    def __enter__(self):
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_):
        self.is_closing.set()
        self._server.shutdown()
        self._thread.join()
        with contextlib.suppress(OSError):
            self._server.server_close()

    def kubeconfig(self, path):
        path.write_text(json.dumps({
            "current-context": "c", "users": [{"name": "u", "user": {}}],
            "contexts": [{"name": "c", "context": {"cluster": "k", "user": "u"}}],
            "clusters": [{"name": "k", "cluster": {"server": self.url}}]}))
        return path

    def serve(self, method, path, body):
        with self._lock:
            path, _, query = path.partition("?")
            if path.endswith("reviews"):
                return self._review(path, body)
            if "watch=" in query:
                return 200, None
            self._version += 1
            if method == "POST":
                path += "/" + body["metadata"]["name"]
            if method == "PUT" or method == "POST":
                body["metadata"].update(resourceVersion=str(self._version), uid="u-1")
                self.objects[path] = body
                return 201, body
            if path in self.objects:
                return 200, self.objects[path]
            if path.endswith("/pods"):
                return 200, {"kind": "PodList", "apiVersion": "v1", "items": [],
                             "metadata": {"resourceVersion": str(self._version)}}
            return 404, {"kind": "Status", "code": 404, "reason": "NotFound", "message": "not found"}

    def _review(self, path, body):
        spec = body["spec"]
        self.reviews.append(spec)
        if self.is_down:
            return 500, {"kind": "Status", "code": 500, "message": "down"}
        if path.endswith("/tokenreviews"):
            user = self.tokens.get(spec["token"])
            status = {"user": {}, "error": "no such token"}
            if user:
                status = {"authenticated": True, "user": user, "audiences": spec["audiences"]}
        else:
            asked = spec["resourceAttributes"]
            key = (spec["user"], asked["verb"], asked["resource"], asked.get("namespace", ""))
            status = {"allowed": key in self.allowed}
        return 201, dict(body, status=status)
