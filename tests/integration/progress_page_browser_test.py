"""What a real Chromium shows while a session starts, through the proxy's binary."""

import time

import pytest

from tests.support.backend import Backend
from tests.support.browser import Browser
from tests.support.fake_controller import FakeController
from tests.support.proxy import Proxy, wait_for

ECHO = "deploy/examples/echo/echo"
ABOUT = "document.getElementById('about').textContent"
PAGES = "spawner_proxy_progress_pages_total"


class World:
    """A proxy with a controller that starts sessions step by step."""

    def __init__(self, browser, proxy, controller, echo):
        self.browser, self.proxy, self.controller, self.echo = browser, proxy, controller, echo

    def step(self, session, state, **fields):
        address = self.echo.address if state == "OPEN" else None
        route = self.controller.route(session, state, address, **fields)
        self.controller.acked(self.controller.put(route))

    def visit(self, session, path="/headers?x=1#part"):
        tab = self.browser.open("about:blank")
        self.browser.go(tab, "http://%s.localhost:%d%s" % (session, self.proxy.address[1], path))
        return tab

    def usage(self, session):
        """Its newest (open, held) as the controller knows it."""
        found = [(s.open, s.held) for _, message in list(self.controller.received)
                 for s in message.usage.sessions if s.session_id == session]
        return found[-1] if found else None


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    log = tmp_path_factory.mktemp("proxy") / "proxy.log"
    with Backend(ECHO) as echo, FakeController() as controller, \
            Proxy(controller.address, log, ["--base-domain=localhost"]) as proxy, \
            Browser(width=800, height=600, host_rules="MAP *.localhost 127.0.0.1") as browser:
        wait_for(lambda: proxy.request("/readyz", admin=True)[0] == 200, proxy.log)
        yield World(browser, proxy, controller, echo)


def dark(browser, is_dark):
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})


def test_it_follows_the_phases_and_becomes_the_application(world):
    browser = world.browser
    world.step("a", "HOLD", phase="SCHEDULING")
    tab = world.visit("a")
    browser.wait(tab, "document.title.startsWith('Starting')")
    assert browser.evaluate(tab, ABOUT) == "Looking for a place to run it"
    entries = browser.evaluate(tab, "history.length")
    # It counts as one who waits, as long as it is open.
    wait_for(lambda: world.usage("a") == (1, 1))
    since = time.monotonic()
    world.step("a", "HOLD", phase="PULLING")
    browser.wait(tab, ABOUT + " === 'Fetching the application'", timeout_s=3)
    for name, is_dark in (("progress_page", False), ("progress_page_dark", True)):
        dark(browser, is_dark)
        browser.screenshot(tab, name)
    dark(browser, False)
    wait_for(lambda: world.usage("a") == (1, 1))
    world.step("a", "HOLD", phase="ROUTING")
    browser.wait(tab, ABOUT + " === 'Connecting you'", timeout_s=3)
    assert browser.errors() == []  # its own policy allows all that it does
    world.step("a", "OPEN")
    # The address is what it was, and nothing of the page is left in the tab's history.
    browser.wait(tab, "document.body.innerText.includes('X-Forwarded-Host') || "
                 "document.body.innerText.toLowerCase().includes('x-forwarded-host')", timeout_s=5)
    assert browser.evaluate(tab, "location.pathname + location.search + location.hash") == "/headers?x=1#part"
    assert browser.evaluate(tab, "history.length") == entries
    assert "spawner-progress" not in browser.evaluate(tab, "document.body.innerText.toLowerCase()")
    assert time.monotonic() - since < 15
    wait_for(lambda: world.usage("a") == (0, 0))


def test_a_start_that_fails_says_why(world):
    browser = world.browser
    world.step("b", "HOLD", phase="PULLING")
    tab = world.visit("b")
    browser.wait(tab, "document.title.startsWith('Starting')")
    world.step("b", "ENDED", reason="IMAGE_PULL_FAILED", message="the image no-such/app is not there")
    browser.wait(tab, "document.title === 'The session could not start'", timeout_s=3)
    assert "The image no-such/app is not there." in browser.evaluate(tab, "document.body.innerText")
    browser.screenshot(tab, "start_failed")


def test_a_fast_start_opens_directly(world):
    pages = world.proxy.metric(PAGES)
    world.step("c", "HOLD", phase="STARTED")
    tab = world.visit("c", "/hello")
    wait_for(lambda: world.usage("c") == (1, 1))
    world.step("c", "OPEN")
    world.browser.wait(tab, "location.pathname === '/hello' && document.readyState === 'complete'")
    assert world.proxy.metric(PAGES) == pages


def test_without_javascript_it_loads_itself_again(world):
    browser = world.browser
    world.step("d", "HOLD", phase="PULLING")
    tab = browser.open("about:blank")
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.driver.get("http://d.localhost:%d/headers" % world.proxy.address[1])
    assert "Fetching the application" in browser.driver.page_source
    world.step("d", "OPEN")
    wait_for(lambda: "x-forwarded-host" in browser.driver.page_source.lower(), timeout_s=8)
    browser.driver.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})
    assert tab
