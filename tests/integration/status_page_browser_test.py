"""The controller's status page in a real Chromium."""

import contextlib
import os
import signal
import urllib.request

import pytest

from tests.support.browser import Browser
from tests.support.system import LocalSystem

NASTY = "<img src=x onerror=\"document.title='owned'\"></script><b>bold"
ROWS = "[...document.querySelectorAll('#sessions tbody tr')]"
PROBLEMS = "document.getElementById('problems').textContent"
LIVE = "document.getElementById('live').textContent"


def text_of(row):
    return "%s.find(row => row.textContent.includes(%r))?.textContent || ''" % (ROWS, row)


@pytest.fixture(scope="module")
def browser():
    with Browser(width=1240, height=1250) as running:
        yield running


@pytest.fixture(scope="module")
def system(tmp_path_factory):
    with LocalSystem(tmp_path_factory.mktemp("logs"), proxies=2) as running:
        yield running


@pytest.fixture(scope="module")
def crowd(system):
    """Sessions in all kinds of states, some of them connected."""
    streams = contextlib.ExitStack()
    with streams:
        for i, key in enumerate(["launch-plan", "quarterly-budget", "design-review", "notebook/ada", "notebook/ben"]):
            connected = system.connect(key, grace=120)
            system.wait_state(connected.session.name, "READY")
            for _ in range(i):
                streams.enter_context(urllib.request.urlopen(
                    system.url(connected, "sse?n=0&interval_ms=1000", proxy=i % 2), timeout=10))
        nasty = system.connect(NASTY, grace=120)
        system.wait_state(nasty.session.name, "READY")
        for key in ("import-42", "import-43"):
            spec = system.spec(retention=300)
            spec.command[:] = ["/bin/sh", "-c", "echo 'no such table: boards' >&2; exit 3"]
            system.wait_ended(system.connect(key, spec).session.name)
        idle = system.connect("finished-sketch", grace=0.1, initial_grace=0.1, retention=300)
        system.wait_ended(idle.session.name)
        slow = system.spec(start_timeout=300)
        system.slow_down(slow, 240)
        system.connect("big-dataset", slow)
        yield system


@pytest.fixture(scope="module")
def tab(browser, crowd):
    tab = browser.open("http://%s/" % crowd.http)
    browser.wait(tab, LIVE + " === 'Live' && %s.length >= 9" % ROWS)
    return tab


def dark(browser, is_dark):
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [
        {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]})


def width(browser, pixels, height):
    browser.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
        "width": pixels, "height": height, "deviceScaleFactor": 1, "mobile": False})


def test_it_says_first_what_is_wrong(browser, tab):
    browser.wait(tab, PROBLEMS + ".includes('2 sessions failed in the last 10 minutes')")
    assert browser.evaluate(tab, PROBLEMS + ".includes('2 × crashed')")
    assert browser.evaluate(tab, "document.title") == "(1) Spawner"
    # Those in trouble are the first rows, with the backend's last words.
    first = browser.evaluate(tab, ROWS + "[0].textContent")
    assert "import-4" in first and "Failed" in first and "exit code 3" in first


def test_it_follows_sessions_connections_and_proxies(browser, tab, crowd):
    assert "Starting" in browser.evaluate(tab, text_of("big-dataset"))
    browser.wait(tab, "%s.find(row => row.textContent.includes('notebook/ben')).cells[3].textContent === '4'" % ROWS)
    browser.wait(tab, "document.getElementById('chart-now').textContent.startsWith('10 now')", timeout_s=30)
    assert browser.evaluate(tab, "document.querySelectorAll('#proxies tbody tr').length") == 2
    assert "create pods" in browser.evaluate(tab, "document.getElementById('requests').textContent")
    new = crowd.connect("just-now", grace=120)
    browser.wait(tab, text_of("just-now") + ".includes('Ready')")
    crowd.terminate(new.session.name)
    browser.wait(tab, "/Terminat/.test(%s)" % text_of("just-now"))


def test_what_comes_from_outside_is_text(browser, tab):
    assert NASTY in browser.evaluate(tab, text_of("onerror"))
    assert browser.evaluate(tab, "document.querySelectorAll('#sessions img, #sessions b').length") == 0
    # And would not run if it were not.
    browser.evaluate(tab, """(() => { const script = document.createElement('script');
        script.textContent = "document.title = 'owned'"; document.body.append(script); })()""")
    assert "owned" not in browser.evaluate(tab, "document.title")
    browser.errors()  # the refusal is one


def test_search_and_states_narrow_it(browser, tab):
    browser.click(tab, "#search")
    browser.type(tab, "notebook/")
    browser.wait(tab, ROWS + ".length === 2")
    assert browser.evaluate(tab, "document.getElementById('sessions-count').textContent").startswith("2 of ")
    browser.type(tab, "nothing such")
    browser.wait(tab, "!document.getElementById('sessions-none').hidden")
    browser.evaluate(tab, "(() => { const s = document.getElementById('search'); s.value = '';"
                          " s.dispatchEvent(new Event('input')); })()")
    browser.evaluate(tab, "(() => { const s = document.getElementById('state'); s.value = 'trouble';"
                          " s.dispatchEvent(new Event('change')); })()")
    browser.wait(tab, ROWS + ".length === 2 && %s.every(row => row.textContent.includes('Failed'))" % ROWS)
    browser.evaluate(tab, "(() => { const s = document.getElementById('state'); s.value = '';"
                          " s.dispatchEvent(new Event('change')); })()")
    browser.wait(tab, ROWS + ".length >= 9")


def test_it_looks_as_it_should(browser, tab):
    """For people: the screenshots. For the machine: nothing is wider than the window."""
    fits = "document.documentElement.scrollWidth <= window.innerWidth"
    for name, pixels, height in (("wide", 1240, 1250), ("narrow", 400, 1800)):
        width(browser, pixels, height)
        for is_dark in (False, True):
            dark(browser, is_dark)
            assert browser.evaluate(tab, fits), name
            browser.screenshot(tab, "status_%s_%s" % (name, "dark" if is_dark else "light"))
    width(browser, 1240, 1250)
    dark(browser, False)
    # A control has a name, a table a caption, a column a scope.
    assert browser.evaluate(tab, "[...document.querySelectorAll('input, select')].every(e => e.labels.length)")
    assert browser.evaluate(tab, "[...document.querySelectorAll('table')].every(t => t.caption"
                                 " && [...t.tHead.rows[0].cells].every(c => c.scope === 'col'))")


def test_a_lost_proxy_and_a_lost_controller_are_said(browser, tab, crowd):
    process = crowd.processes["proxy1"]
    process.send_signal(signal.SIGKILL)
    process.wait()
    del crowd.processes["proxy1"]
    browser.wait(tab, PROBLEMS + ".includes('1 proxy lost')", timeout_s=40)
    browser.screenshot(tab, "status_proxy_lost")
    assert [e for e in browser.errors() if "script-src" not in e] == []
    crowd.stop("controller")
    browser.wait(tab, PROBLEMS + ".includes('This page is not up to date')", timeout_s=40)
    browser.screenshot(tab, "status_controller_gone")
    crowd.start_controller()
    browser.wait(tab, LIVE + " === 'Live'", timeout_s=40)
    browser.wait(tab, "!%s.includes('not up to date')" % PROBLEMS)
