"""As much of a Kubernetes API server as a controller needs, with objects that a test puts there: what
another version wrote. Nothing is scheduled and nothing runs.

    with Kube() as kube:
        kube.put("pods", pod)
        flags = ["--kubeconfig=%s" % kube.kubeconfig(tmp_path)]
"""

import contextlib
import copy
import http.server
import itertools
import json
import pathlib
import queue
import re
import threading
import urllib.parse

PATH = re.compile(r"^/(?:api/v1|apis/[^/]+/v1)(?:/namespaces/([^/]+))?/([a-z]+)(?:/([^/]+))?(/status)?$")
KINDS = {"pods": "Pod", "secrets": "Secret", "leases": "Lease", "podtemplates": "PodTemplate"}
NOW = "2026-11-30T12:00:00Z"


def merged(old, patch):
    """RFC 7386."""
    if not isinstance(patch, dict):
        return patch
    new = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            new.pop(key, None)
        else:
            new[key] = merged(new.get(key), value)
    return new


class Kube:
    def __init__(self):
        self.objects = {}  # (resource, namespace, name) -> object
        self.requests = []  # (method, path, body)
        self.metrics = None  # of metrics.k8s.io: {pod's name: (cpu, memory)}; None: it is not installed
        self._version = itertools.count(1000)
        self._watches = []
        self.lock = threading.RLock()
        kube = self

        class Handler(_Handler):
            pass

        Handler.kube = kube
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        with self.lock:
            for _, events in self._watches:
                events.put(None)
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def kubeconfig(self, folder):
        path = pathlib.Path(folder) / "kubeconfig"
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "c",
            "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
            "users": [{"name": "u", "user": {}}],
            "clusters": [{"name": "c", "cluster": {
                "server": "http://127.0.0.1:%d" % self._server.server_address[1]}}]}))
        return path

    def put(self, resource, given, event=None):
        """Creates or replaces; the object as it is then."""
        with self.lock:
            new = copy.deepcopy(given)
            meta = new["metadata"]
            key = (resource, meta["namespace"], meta["name"])
            meta.setdefault("uid", "uid-%d" % next(self._version))
            meta.setdefault("creationTimestamp", NOW)
            meta["resourceVersion"] = str(next(self._version))
            event = event or ("MODIFIED" if key in self.objects else "ADDED")
            self.objects[key] = new
            self._tell(resource, meta["namespace"], event, new)
            return new

    def remove(self, key):
        with self.lock:
            gone = self.objects.pop(key)
            self._tell(key[0], key[1], "DELETED", gone)

    def get(self, resource, name=None):
        with self.lock:
            return [o for (r, _, n), o in self.objects.items() if r == resource and name in (None, n)]

    def _tell(self, resource, namespace, event, item):
        for (what, where), events in self._watches:
            if what == resource and where in (None, namespace):
                events.put({"type": event, "object": item})


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    kube = None

    def log_message(self, *_):
        pass

    def answer(self, code, body):
        data = json.dumps(body).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def fail(self, code, reason):
        self.answer(code, {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code,
                           "reason": reason, "message": reason})

    def parse(self):
        url = urllib.parse.urlsplit(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.loads(body) if body else None
        self.kube.requests.append((self.command, self.path, body))
        found = PATH.match(url.path)
        if not found or found[2] not in KINDS:
            return None
        return found[1], found[2], found[3], dict(urllib.parse.parse_qsl(url.query)), body

    def do_GET(self):
        if self.path.startswith("/apis/metrics.k8s.io/v1beta1/") and self.kube.metrics is not None:
            return self.answer_metrics()
        parsed = self.parse()
        if parsed is None:
            return self.fail(404, "NotFound")
        namespace, resource, name, query, _ = parsed
        if name:
            found = self.kube.objects.get((resource, namespace, name))
            return self.answer(200, found) if found else self.fail(404, "NotFound")
        if query.get("watch") == "true":
            return self.watch(resource, namespace)
        with self.kube.lock:
            items = [o for (r, ns, _), o in self.kube.objects.items()
                     if r == resource and namespace in (None, ns)]
            return self.answer(200, {"kind": KINDS[resource] + "List", "apiVersion": "v1", "metadata": {
                "resourceVersion": str(next(self.kube._version))}, "items": items})

    def answer_metrics(self):
        """As metrics-server does."""
        self.parse()
        with self.kube.lock:
            items = [{"metadata": pod["metadata"], "timestamp": NOW, "window": "15s", "containers": [
                {"name": "backend", "usage": dict(zip(("cpu", "memory"), self.kube.metrics[name]))}]}
                     for (resource, _, name), pod in self.kube.objects.items()
                     if resource == "pods" and name in self.kube.metrics]
        self.answer(200, {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": items})

    def watch(self, resource, namespace):
        # What changes between the list and here is not missed: the test's objects are there before.
        events = queue.Queue()
        with self.kube.lock:
            self.kube._watches.append(((resource, namespace), events))
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        with contextlib.suppress(OSError):
            while (event := events.get()) is not None:
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
                self.wfile.flush()
            self.wfile.write(b"0\r\n\r\n")
        self.close_connection = True

    def do_POST(self):
        parsed = self.parse()
        if parsed is None:
            return self.fail(404, "NotFound")
        namespace, resource, _, _, body = parsed
        body["metadata"].setdefault("namespace", namespace)
        with self.kube.lock:
            if (resource, namespace, body["metadata"]["name"]) in self.kube.objects:
                return self.fail(409, "AlreadyExists")
            return self.answer(201, self.kube.put(resource, body))

    def change(self, make):
        parsed = self.parse()
        if parsed is None:
            return self.fail(404, "NotFound")
        namespace, resource, name, _, body = parsed
        with self.kube.lock:
            old = self.kube.objects.get((resource, namespace, name))
            if old is None:
                return self.fail(404, "NotFound")
            wanted = body.get("metadata", {}).get("resourceVersion")
            if wanted not in (None, old["metadata"]["resourceVersion"]):
                return self.fail(409, "Conflict")
            return self.answer(200, self.kube.put(resource, make(old, body)))

    def do_PUT(self):
        self.change(lambda old, new: merged(new, {"metadata": {"uid": old["metadata"]["uid"]}}))

    def do_PATCH(self):
        self.change(merged)

    def do_DELETE(self):
        parsed = self.parse()
        if parsed is None or parsed[:3] is None:
            return self.fail(404, "NotFound")
        key = (parsed[1], parsed[0], parsed[2])
        with self.kube.lock:
            if key not in self.kube.objects:
                return self.fail(404, "NotFound")
            self.kube.remove(key)
        return self.answer(200, {"kind": "Status", "status": "Success"})
