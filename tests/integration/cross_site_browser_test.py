"""Pages of other sites and a session in a real Chromium: frames, fetch, WebSockets, cookies.

Every {name}.localhost is a site of its own to Chromium, and trustworthy without TLS.
"""

import http.server
import threading

import pytest

from tests.support.backend import Backend
from tests.support.browser import Browser
from tests.support.fake_controller import FakeController
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"

FETCH = """
const done = arguments[arguments.length - 1];
fetch(arguments[0], arguments[1]).then(
    async answer => done([answer.status, await answer.text()]), error => done(["failed", String(error)]));
"""
# What came back, or the close code; 1006: the handshake failed.
SOCKET = """
const done = arguments[arguments.length - 1];
const socket = arguments[1].length ? new WebSocket(arguments[0], arguments[1]) : new WebSocket(arguments[0]);
socket.onopen = () => socket.send("hello");
socket.onmessage = event => { done(event.data); socket.close(); };
socket.onclose = event => done(event.code);
"""


class Page(http.server.BaseHTTPRequestHandler):
    """An application's page: empty, or with a frame of what its query says."""

    def do_GET(self):
        _, _, source = self.path.partition("?")
        frame = "<iframe src='%s'></iframe>" % source if source else ""
        body = ("<!doctype html><title>app</title>" + frame).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


class World:
    """A session "a" behind a proxy, and an application on another site."""

    def __init__(self, browser, proxy, controller, echo, app_port):
        self.browser, self.proxy, self.controller, self.echo = browser, proxy, controller, echo
        self.driver = browser.driver
        self.app = "http://app.localhost:%d" % app_port
        self.evil = "http://evil.localhost:%d" % app_port
        self.session = "http://a.localhost:%d" % proxy.address[1]
        self.by_path = "http://127.0.0.1:%d/s/a" % proxy.address[1]

    def publish(self, allowed=(), embed=()):
        route = self.controller.route("a", "OPEN", self.echo.address, public=False)
        route.access.allowed_origins.extend(allowed)
        route.access.embed_origins.extend(embed)
        self.controller.acked(self.controller.put(route))
        return route

    def url(self, path="/headers", ttl_s=600, base=None):
        return "%s%s?spawner_token=%s" % (
            base or self.session, path, self.controller.key.token("a", ttl_s=ttl_s))

    def visit(self, url):
        self.browser.open(url)

    def fetch(self, url, **options):
        return self.driver.execute_async_script(FETCH, url, options)

    def socket(self, url, protocols=()):
        return self.driver.execute_async_script(SOCKET, url.replace("http", "ws", 1), list(protocols))

    def text(self):
        return self.driver.execute_script("return document.body.innerText")


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with Backend(ECHO) as echo, FakeController() as controller:
        controller.renewal_secret = b"s" * 32
        log = tmp_path_factory.mktemp("proxy") / "proxy.log"
        with Proxy(controller.address, log, ["--base-domain=localhost"]) as proxy, \
                Browser(host_rules="MAP *.localhost 127.0.0.1") as browser:
            wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
            yield World(browser, proxy, controller, echo, server.server_address[1])
    server.shutdown()
    server.server_close()


@pytest.fixture(autouse=True)
def forget(world):
    yield
    world.driver.switch_to.default_content()
    world.driver.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_a_link_becomes_a_cookie_and_the_page_has_no_token(world):
    world.publish()
    for base in (world.session, world.by_path):
        world.visit(world.url(base=base))
        assert "spawner_token" not in world.driver.current_url
        assert '"ada"' in world.text()
        assert world.driver.execute_script("return document.cookie") == ""  # HttpOnly
        assert world.fetch(base + "/headers")[0] == 200
        assert world.socket(base + "/ws") == "hello"
    assert world.fetch("http://127.0.0.1:%d/s/b/" % world.proxy.address[1])[0] == 404


def test_a_frame_on_another_site_works_where_embed_origins_name_it(world):
    world.publish(embed=[world.app])
    world.visit(world.app + "/?" + world.url())
    world.driver.switch_to.frame(0)
    assert '"ada"' in world.text()
    assert world.fetch(world.session + "/headers")[0] == 200
    assert world.socket(world.session + "/ws") == "hello"
    cookies = world.driver.execute_cdp_cmd("Network.getCookies", {"urls": [world.session]})["cookies"]
    ours = [cookie for cookie in cookies if cookie["name"] == "spawner"]
    assert [(c["secure"], c["sameSite"], "partitionKey" in c) for c in ours] == [(True, "None", True)]
    # Another site's frame shows nothing, whatever token it has.
    world.visit(world.evil + "/?" + world.url())
    world.driver.switch_to.frame(0)
    assert '"ada"' not in (world.driver.execute_script("return document.body && document.body.innerText") or "")


def test_without_embed_origins_a_frame_has_no_access(world):
    world.publish()
    world.visit(world.app + "/?" + world.url())
    world.driver.switch_to.frame(0)
    assert "TOKEN_INVALID" in world.text() or "401" in world.text()


def test_an_allowed_site_calls_with_a_preflight_and_others_do_not(world):
    world.publish(allowed=[world.app])
    options = {"method": "PUT", "body": "x", "headers": {
        "Authorization": "Bearer " + world.controller.key.token("a"), "Content-Type": "application/json"}}
    world.visit(world.app)
    status, text = world.fetch(world.session + "/headers", **options)
    assert status == 200 and '"ada"' in text
    # It may read why it was refused.
    assert world.fetch(world.session + "/headers")[0] == 401
    world.visit(world.evil)
    assert world.fetch(world.session + "/headers", **options)[0] == "failed"


def test_a_websocket_needs_the_right_origin(world):
    world.publish(embed=[world.app], allowed=[world.app])
    token = world.controller.key.token("a")
    protocols = ["spawner", token]
    world.visit(world.app)
    assert world.socket(world.session + "/ws", protocols) == "hello"
    world.visit(world.evil)
    assert world.socket(world.session + "/ws", protocols) == 1006
    world.publish()
    # Nobody is named: a token of its own is enough, the user's cookie is not.
    assert world.socket(world.session + "/ws", protocols) == "hello"
    world.visit(world.url(base=world.by_path))
    assert world.socket(world.by_path + "/ws") == "hello"
    world.visit("http://127.0.0.1:%d/" % int(world.app.rsplit(":", 1)[1]))  # same site, other origin
    assert world.socket(world.by_path + "/ws") == 1006


def test_an_open_tab_reconnects_past_its_tokens_end_until_it_is_revoked(world):
    route = world.publish()
    url = world.url("/headers", ttl_s=2)
    world.visit(url)
    assert world.socket(world.session + "/ws") == "hello"
    path = url.removeprefix(world.session)
    wait_for(lambda: world.proxy.request(path, headers={"Host": "a.localhost"})[0] == 401)
    assert world.socket(world.session + "/ws") == "hello"
    assert world.fetch(world.session + "/headers")[0] == 200
    route.revoked_grants.append("g-1")
    world.controller.acked(world.controller.put(route))
    assert world.socket(world.session + "/ws") == 1006
    assert world.fetch(world.session + "/headers")[0] == 401
