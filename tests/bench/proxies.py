"""The proxies that are compared, each with one worker and a route per host: how they are started.

Every route has a backend address of its own (all on loopback, all the same backend), or pools that
are kept by address would look better than they are. Access logs are off, upstream connections are
kept, and no timeout is shorter than a run.
"""

import json
import os
import shutil
import subprocess
import typing


class Setup(typing.NamedTuple):
    folder: str  # for configuration
    port: int
    backend_port: int
    routes: int
    programs: str  # the folder of our own binaries

    def write(self, name, text):
        path = os.path.join(self.folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def each_route(self, line):
        """line formatted for every route: {i}, {host}, {ip}, {port}."""
        return "".join(line.format(i=i, host=host(i), ip=address(i), port=self.backend_port)
                       for i in range(self.routes))


def host(i):
    return "s%04d.example.test" % i


def address(i):
    return "127.1.%d.%d" % (i // 250, i % 250 + 1)


def floor(setup):
    return [setup.programs + "/tests/bench/relay", "--port=%d" % setup.port,
            "--upstream-port=%d" % setup.backend_port]


def spawner(setup):
    routes = setup.write("routes", setup.each_route("{host} {ip}:{port}\n"))
    return [setup.programs + "/proxy/proxy", "--listen=127.0.0.1:%d" % setup.port, "--workers=1",
            "--static-routes=" + routes, "--log-level=error"]


def nginx(setup):
    upstreams = setup.each_route(
        "upstream u{i} {{ server {ip}:{port}; keepalive 32; keepalive_requests 100000000; "
        "keepalive_timeout 1h; }}\n")
    temporary = "".join("%s_temp_path %s/nginx-%s;\n" % (kind, setup.folder, kind)
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = setup.write("nginx.conf", """
worker_processes 1; daemon off; worker_rlimit_nofile 20000;
error_log %(folder)s/nginx.log error; pid %(folder)s/nginx.pid;
events { worker_connections 19000; multi_accept on; }
http {
access_log off; tcp_nodelay on; keepalive_requests 100000000; keepalive_timeout 1h;
map_hash_max_size 16384; map_hash_bucket_size 128; client_max_body_size 0;
%(temporary)s%(upstreams)smap $host $upstream { hostnames;
%(map)s}
map $http_upgrade $connection_out { default upgrade; '' ''; }
server { listen 127.0.0.1:%(port)d backlog=4096; location / {
if ($upstream = '') { return 404; }
proxy_pass http://$upstream; proxy_http_version 1.1; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_out; proxy_read_timeout 1h; proxy_send_timeout 1h;
proxy_request_buffering off; proxy_max_temp_file_size 0; } } }
""" % {"folder": setup.folder, "temporary": temporary, "upstreams": upstreams, "port": setup.port,
       "map": setup.each_route("{host} u{i};\n")})
    return ["nginx", "-c", path, "-e", setup.folder + "/nginx.log"]


def haproxy(setup):
    hosts = setup.write("haproxy.map", setup.each_route("{host} b{i}\n"))
    path = setup.write("haproxy.cfg", """global
  nbthread 1
  maxconn 9000
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
  timeout http-keep-alive 1h
frontend clients
  bind 127.0.0.1:%d backlog 4096
  http-request set-header X-Forwarded-For %%[src]
  use_backend %%[req.hdr(host),field(1,:),lower,map(%s)]
%s""" % (setup.port, hosts, setup.each_route("backend b{i}\n  server s {ip}:{port}\n")))
    return ["haproxy", "-W", "-q", "-f", path]


def nghttpx(setup):
    path = setup.write("nghttpx.conf", """frontend=127.0.0.1,%d;no-tls
workers=1
backlog=4096
errorlog-file=%s/nghttpx.log
frontend-keep-alive-timeout=1h
backend-keep-alive-timeout=1h
frontend-read-timeout=1h
frontend-write-timeout=1h
backend-read-timeout=1h
backend-write-timeout=1h
worker-frontend-connections=0
backend-connections-per-host=10000
rlimit-nofile=20000
%sbackend=127.0.0.1,1
""" % (setup.port, setup.folder, setup.each_route("backend={ip},{port};{host}\n")))
    return ["nghttpx", "--conf=" + path]


def _envoy_clusters(setup):
    limits = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
    return [{
        "name": "c%d" % i, "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]},
        "load_assignment": {"cluster_name": "c%d" % i, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {
                "address": address(i), "port_value": setup.backend_port}}}}]}]},
    } for i in range(setup.routes)]


def envoy(setup):
    types = "type.googleapis.com/envoy.extensions.filters."
    hosts = [{
        "name": host(i), "domains": [host(i), host(i) + ":*"],
        "routes": [{"match": {"prefix": "/"}, "route": {
            "cluster": "c%d" % i, "timeout": "0s",
            "upgrade_configs": [{"upgrade_type": "websocket"}]}}],
    } for i in range(setup.routes)]
    manager = {
        "@type": types + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "h", "generate_request_id": False, "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "3600s"},
        "route_config": {"name": "r", "virtual_hosts": hosts},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": types + "http.router.v3.Router", "suppress_envoy_headers": True}}],
    }
    listener = {
        "name": "l", "tcp_backlog_size": 4096,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": setup.port}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }
    path = setup.write("envoy.json", json.dumps({
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "static_resources": {"listeners": [listener], "clusters": _envoy_clusters(setup)}}))
    return ["envoy", "-c", path, "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "error"]


class Peer(typing.NamedTuple):
    title: str
    command: typing.Callable  # Setup -> argv
    program: str = ""  # not ours: to be found on PATH
    package: str = ""  # of Debian, that has it


PEERS = {
    "floor": Peer("a relay that parses nothing", floor),
    "spawner": Peer("Spawner's proxy", spawner),
    "nginx": Peer("nginx", nginx, "nginx", "nginx-light"),
    "haproxy": Peer("HAProxy", haproxy, "haproxy", "haproxy"),
    "nghttpx": Peer("nghttpx", nghttpx, "nghttpx", "nghttp2-proxy"),
    "envoy": Peer("Envoy", envoy, "envoy"),
}
# Debian installs some of them where only root looks.
SEARCH_PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin"])


def missing(names):
    """Of these peers, those whose program is not there."""
    return [name for name in names
            if PEERS[name].program and not shutil.which(PEERS[name].program, path=SEARCH_PATH)]


def version(name):
    """What the program says of itself; empty for ours."""
    if not PEERS[name].program:
        return ""
    answer = subprocess.run([PEERS[name].program, "--version" if name == "envoy" else "-v"],
                            env={**os.environ, "PATH": SEARCH_PATH}, stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    lines = [line.strip() for line in answer.stdout.splitlines() if line.strip()]
    return lines[0] if lines else "unknown"
