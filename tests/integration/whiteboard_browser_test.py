"""The whiteboard in a real Chromium: what people see and do. Screenshots are among the test's outputs."""

import http.server
import math
import threading
import urllib.error
import urllib.request

import pytest

from tests.support.backend import Backend
from tests.support.browser import LIVE, Browser

PROGRAM = "deploy/examples/whiteboard/whiteboard"
WAVE = [(0.1 + 0.3 * t / 20, 0.3 + 0.1 * math.sin(t / 3)) for t in range(21)]
ARCH = [(0.6 + 0.3 * t / 20, 0.7 - 0.2 * math.sin(math.pi * t / 20)) for t in range(21)]


@pytest.fixture(scope="module")
def browser():
    with Browser() as chromium:
        yield chromium


@pytest.fixture
def whiteboard():
    with Backend(PROGRAM, env={"SPAWNER_KEY": "Launch plan"}) as backend:
        yield backend


def enter(browser, url):
    tab = browser.open(url)
    browser.wait(tab, LIVE)
    return tab


def test_two_tabs_see_each_others_strokes(browser, whiteboard):
    ann = enter(browser, whiteboard.url())
    ben = enter(browser, whiteboard.url())
    browser.wait(ann, "window.whiteboard.people().length === 2")
    assert browser.evaluate(ben, "document.title") == "Launch plan"

    browser.draw(ann, WAVE)
    browser.wait(ben, "window.whiteboard.strokes() === 1")
    browser.draw(ben, ARCH)
    browser.wait(ann, "window.whiteboard.strokes() === 2")
    # All of it: as many points on both sides, and the same picture.
    points = browser.evaluate(ann, "window.whiteboard.points()")
    assert points > 20
    browser.wait(ben, "window.whiteboard.points() === %d" % points)
    for tab in (ann, ben):
        browser.wait(tab, "document.querySelectorAll('.cursor').length === 1")
    browser.screenshot(ann, "whiteboard_two_tabs")

    late = enter(browser, whiteboard.url())
    assert browser.evaluate(late, "window.whiteboard.points()") == points
    browser.click(ann, "#undo")
    browser.wait(late, "window.whiteboard.strokes() === 1")
    browser.click(ann, "#clear")
    browser.click(ann, "#clear")
    browser.wait(late, "window.whiteboard.strokes() === 0")
    browser.close_tab(late)
    browser.wait(ann, "window.whiteboard.people().length === 2")
    browser.close_tab(ben)
    browser.wait(ann, "window.whiteboard.people().length === 1")
    assert browser.errors() == []


def test_a_finger_draws_too(browser, whiteboard):
    ann = enter(browser, whiteboard.url())
    ben = enter(browser, whiteboard.url())
    browser.draw_by_touch(ann, WAVE)
    browser.wait(ben, "window.whiteboard.strokes() === 1 && window.whiteboard.points() > 5")
    browser.close_tab(ben)


def test_notes_and_reactions_reach_the_other(browser, whiteboard):
    ann = enter(browser, whiteboard.url())
    ben = enter(browser, whiteboard.url())
    browser.click(ann, "[data-tool=note]")
    browser.draw(ann, [(0.3, 0.3)])
    browser.type(ann, "bring <b>cake</b>")
    browser.wait(ben, "window.whiteboard.notes()[0] === 'bring <b>cake</b>'")
    assert browser.evaluate(ben, "document.querySelector('.note div').textContent") == "bring <b>cake</b>"
    browser.move(ann, (0.5, 0.5))
    browser.click(ann, "#reactions button")
    browser.wait(ben, "document.querySelectorAll('.burst').length > 0")
    browser.screenshot(ben, "whiteboard_note")
    browser.close_tab(ben)


def test_it_comes_back_by_itself_after_the_server_was_away(browser, whiteboard):
    ann = enter(browser, whiteboard.url())
    browser.draw(ann, WAVE)
    assert whiteboard.stop() == 0
    browser.wait(ann, "window.whiteboard.status() !== 'live'")
    browser.screenshot(ann, "whiteboard_reconnecting")
    with Backend(PROGRAM, env={"PORT": str(whiteboard.address[1]), "SPAWNER_KEY": "Another life"}):
        browser.wait(ann, LIVE)
        # The new process knows nothing of the old board: the page shows what there is.
        browser.wait(ann, "window.whiteboard.strokes() === 0 && document.title === 'Another life'")
        browser.draw(ann, WAVE)
        browser.wait(ann, "window.whiteboard.strokes() === 1")


class PrefixProxy(http.server.BaseHTTPRequestHandler):
    """Serves the page below /s/some-id/ with the prefix stripped, as Spawner's proxy does; HTTP only."""

    protocol_version = "HTTP/1.1"
    prefix = "/s/some-id/"
    asked = []
    backend = None

    def do_GET(self):
        self.asked.append(self.path)
        if not self.path.startswith(self.prefix):
            self.send_error(404)
            return
        try:
            with urllib.request.urlopen(self.backend.url(self.path[len(self.prefix):])) as answer:
                status, kind, body = answer.status, answer.headers["Content-Type"], answer.read()
        except urllib.error.HTTPError as error:
            status, kind, body = error.code, "text/plain", error.read()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *unused):
        pass


def test_below_a_path_prefix_everything_is_asked_for_there(browser, whiteboard):
    PrefixProxy.backend = whiteboard
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), PrefixProxy)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        tab = browser.open("http://127.0.0.1:%d/s/some-id/?x=1#y" % server.server_address[1])
        # The WebSocket is not proxied here: it is asked for, gets a 404, and the page goes on trying.
        browser.wait(tab, "window.whiteboard.status() === 'offline'")
        assert set(PrefixProxy.asked) == {
            "/s/some-id/" + name for name in ("?x=1", "style.css", "app.js", "board.js", "link.js", "reactions.js", "ws")}
        browser.evaluate(tab, "window.location.replace('about:blank')")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_it_fits_a_phone(browser, whiteboard):
    browser.driver.set_window_size(500, 900)
    try:
        tab = enter(browser, whiteboard.url())
        assert browser.evaluate(tab, "document.documentElement.scrollWidth <= innerWidth")
        browser.draw(tab, WAVE)
        browser.wait(tab, "window.whiteboard.strokes() === 1")
        browser.screenshot(tab, "whiteboard_phone")
    finally:
        browser.driver.set_window_size(1280, 860)
