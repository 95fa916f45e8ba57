"""The proxies that are compared, each with one worker and a route per host: how they are started.

Every route has a backend address of its own (all on loopback, all the same backend), or pools that
are kept by address would look better than they are. Access logs are off, upstream connections are
kept, and no timeout is shorter than a run.
"""

import os
import shutil
import subprocess
import typing

from tests.bench import envoy


class Setup(typing.NamedTuple):
    folder: str  # for configuration
    port: int
    backend_port: int
    routes: int
    programs: str  # the folder of our own binaries
    tls_port: int = 0  # not 0: TLS there as well,
    tls_folder: str = ""  # with tls.crt and tls.key, or both as tls.pem
    is_h2c: bool = False  # the backend speaks HTTP/2 with prior knowledge

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
    routes = setup.write("routes", setup.each_route("{host} {ip}:{port}%s\n" % (" h2c" if setup.is_h2c else "")))
    tls = ["--tls-listen=127.0.0.1:%d" % setup.tls_port, "--tls-cert=" + setup.tls_folder]
    return [setup.programs + "/proxy/proxy", "--listen=127.0.0.1:%d" % setup.port, "--workers=1",
            "--static-routes=" + routes, "--log-level=error", *(tls if setup.tls_port else [])]


def nginx(setup):
    upstreams = setup.each_route(
        "upstream u{i} {{ server {ip}:{port}; keepalive 32; keepalive_requests 100000000; "
        "keepalive_timeout 1h; }}\n")
    temporary = "".join("%s_temp_path %s/nginx-%s;\n" % (kind, setup.folder, kind)
                        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    tls = """listen 127.0.0.1:%d ssl backlog=4096; ssl_protocols TLSv1.3; ssl_ecdh_curve X25519;
ssl_certificate %s/tls.crt; ssl_certificate_key %s/tls.key; ssl_session_cache off; ssl_buffer_size 16k;
proxy_buffers 8 128k; proxy_buffer_size 128k; proxy_busy_buffers_size 256k;
""" % (setup.tls_port, setup.tls_folder, setup.tls_folder)
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
server { listen 127.0.0.1:%(port)d backlog=4096; %(tls)slocation / {
if ($upstream = '') { return 404; }
proxy_pass http://$upstream; proxy_http_version 1.1; proxy_set_header Host $host;
proxy_set_header X-Forwarded-For $remote_addr; proxy_set_header Upgrade $http_upgrade;
proxy_set_header Connection $connection_out; proxy_read_timeout 1h; proxy_send_timeout 1h;
proxy_request_buffering off; proxy_max_temp_file_size 0; } } }
""" % {"folder": setup.folder, "temporary": temporary, "upstreams": upstreams, "port": setup.port,
       "tls": tls if setup.tls_port else "",
       "map": setup.each_route("{host} u{i};\n")})
    return ["nginx", "-c", path, "-e", setup.folder + "/nginx.log"]


def haproxy(setup):
    hosts = setup.write("haproxy.map", setup.each_route("{host} b{i}\n"))
    tls = "bind 127.0.0.1:%d ssl crt %s/tls.pem ssl-min-ver TLSv1.3 curves X25519 backlog 4096" % (
        setup.tls_port, setup.tls_folder)
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
  %s
  http-request set-header X-Forwarded-For %%[src]
  use_backend %%[req.hdr(host),field(1,:),lower,map(%s)]
%s""" % (setup.port, tls if setup.tls_port else "", hosts, setup.each_route(
    "backend b{i}\n  server s {ip}:{port}%s\n" % (" proto h2" if setup.is_h2c else ""))))
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
""" % (setup.port, setup.folder, setup.each_route(
    "backend={ip},{port};{host}%s\n" % (";proto=h2" if setup.is_h2c else ""))))
    return ["nghttpx", "--conf=" + path]


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
    "envoy": Peer("Envoy", lambda setup: envoy.command(setup, host, address), "envoy"),
}
# Debian installs some of them where only root looks.
SEARCH_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/local/sbin", "/usr/sbin", envoy.PROGRAM_FOLDER])


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
