"""JupyterLab behind the proxy: a cell is run over its WebSocket to the kernel, a terminal over another.

By host the proxy passes paths as they are; by path Jupyter is told the prefix, and the route keeps it.
"""

import contextlib
import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import pytest
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

from tests.support.browser import Browser
from tests.support.fake_controller import FakeController
from tests.support.ports import free_port
from tests.support.proxy import Proxy

VENV = os.environ["JUPYTER_VENV"]
START_S = 180
PAGE_S = 180
ATTEMPTS = 6
# What xterm draws is on a canvas; for a screen reader it is text too.
SETTINGS = {"@jupyterlab/terminal-extension:plugin": {"screenReaderMode": True},
            "@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
LAUNCH = "[...document.querySelectorAll('.jp-LauncherCard')].find(e => e.title.includes(%r))"
OUTPUT = "[...document.querySelectorAll('.jp-OutputArea-output')].map(e => e.innerText).join('')"
SCREEN = "[...document.querySelectorAll('.xterm-accessibility')].map(e => e.innerText).join('\\n')"


@contextlib.contextmanager
def jupyter(folder, base_url):
    """JupyterLab as its own process; its port."""
    port = free_port()
    settings = folder / "settings"
    settings.mkdir()
    (settings / "overrides.json").write_text(json.dumps(SETTINGS))
    (folder / "work").mkdir()
    environment = {"PATH": VENV + "/bin:" + os.environ["PATH"], "HOME": str(folder), "SHELL": "/bin/sh",
                   "LANG": "C.UTF-8"}
    with open(folder / "log", "wb") as log:
        process = subprocess.Popen(
            [VENV + "/bin/jupyter-lab", "--no-browser", "--allow-root", "--ServerApp.ip=127.0.0.1",
             "--ServerApp.port=%d" % port, "--ServerApp.port_retries=0", "--IdentityProvider.token=",
             "--ServerApp.allow_remote_access=True", "--ServerApp.base_url=" + base_url,
             "--ServerApp.root_dir=%s" % (folder / "work"), "--LabApp.app_settings_dir=%s" % settings],
            cwd=folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_S
        while not answers("http://127.0.0.1:%d%sapi" % (port, base_url)):
            assert process.poll() is None and time.monotonic() < deadline, (folder / "log").read_text()
            time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(30)


def answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status == 200
    except (OSError, urllib.error.URLError):
        return False


@pytest.fixture(name="browser", scope="module")
def fixture_browser():
    with Browser(args=("--window-size=1400,1000",)) as browser:
        yield browser


@pytest.fixture(name="lab", params=["host", "path"])
def fixture_lab(request, tmp_path):
    """The URL of JupyterLab's pages through a proxy."""
    by_host = request.param == "host"
    base_url = "/" if by_host else "/s/lab/"
    with jupyter(tmp_path, base_url) as port, FakeController() as controller:
        route = controller.route("lab", "OPEN", address=("127.0.0.1", port))
        route.access.path_prefix = 2  # PATH_PREFIX_KEEP
        controller.routes = {"lab": route}
        with Proxy(controller.address, str(tmp_path / "proxy.log"), ["--base-domain=localhost"]) as proxy:
            host = "lab.localhost" if by_host else "127.0.0.1"
            yield "http://%s:%d%slab" % (host, proxy.address[1], base_url), controller


def close(driver):
    """The tab. A page that is only left may keep its connections: it rests in Chromium's back/forward cache."""
    left = driver.current_window_handle
    driver.switch_to.new_window("tab")
    kept = driver.current_window_handle
    driver.switch_to.window(left)
    driver.close()
    driver.switch_to.window(kept)


def write(browser, tab, selector, keys, expected):
    """Types where a person would click first; again if the page took the focus away while it was still
    being built."""
    for attempt in range(ATTEMPTS):
        browser.evaluate(tab, "document.querySelector(%r).focus()" % selector)
        keys(ActionChains(browser.driver)).perform()
        try:
            return browser.wait(tab, expected, PAGE_S / ATTEMPTS)
        except AssertionError:
            browser.screenshot(tab, "attempt-%d" % attempt)
            if attempt == ATTEMPTS - 1:
                raise


def test_runs_a_cell_and_a_terminal(browser, lab, request):
    url, controller = lab
    tab = browser.open(url + "?reset")
    browser.wait(tab, LAUNCH % "Python 3", PAGE_S)
    browser.evaluate(tab, LAUNCH % "Python 3" + ".click()")
    browser.wait(tab, "document.querySelector('.jp-Notebook .jp-Cell .cm-content') !== null", PAGE_S)
    browser.wait(tab, "document.querySelector('.jp-Notebook-ExecutionIndicator')?.dataset.status"
                 " === 'idle'", PAGE_S)
    write(browser, tab, ".jp-Notebook .jp-Cell .cm-content",
          lambda actions: actions.key_down(Keys.CONTROL).send_keys("a").key_up(Keys.CONTROL).send_keys(
              "print('cell', 6 * 7)").key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT),
          OUTPUT + ".includes('cell 42')")
    browser.screenshot(tab, "cell-" + request.node.callspec.id)

    browser.driver.get(url + "/workspaces/another?reset")
    browser.wait(tab, LAUNCH % "terminal session", PAGE_S)
    browser.evaluate(tab, LAUNCH % "terminal session" + ".click()")
    browser.wait(tab, "document.querySelector('.jp-Terminal .xterm-helper-textarea') !== null", PAGE_S)
    browser.wait(tab, SCREEN + ".match(/[$#]/) !== null", PAGE_S)
    write(browser, tab, ".jp-Terminal .xterm-helper-textarea",
          lambda actions: actions.send_keys("echo terminal $((6 * 7))", Keys.ENTER),
          SCREEN + ".includes('terminal 42')")
    browser.screenshot(tab, "terminal-" + request.node.callspec.id)

    # Both WebSockets went through the proxy: it counts them, and no more once the page has gone.
    controller.wait(lambda m: any(s.session_id == "lab" and s.open >= 2 for s in m.usage.sessions))
    since = time.monotonic()
    close(browser.driver)
    controller.wait(lambda m: any(s.session_id == "lab" and s.open == 0 for s in m.usage.sessions), since)
