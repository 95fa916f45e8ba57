"""A headless Chromium for tests of pages, and of the whiteboard's in particular.

    with Browser() as browser:
        ann = browser.open(url)                 # a tab; each has a session storage of its own
        ben = browser.open(url)
        browser.draw(ann, [(0.2, 0.2), (0.8, 0.6)])
        browser.wait(ben, "window.whiteboard.strokes() === 1")
        browser.screenshot(ben, "two_tabs")     # $TEST_UNDECLARED_OUTPUTS_DIR/two_tabs.png
        assert browser.errors() == []

One Chromium with a fresh profile that is removed at the end. All methods are synchronous.
"""

import os
import shutil
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import JavascriptException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.actions.action_builder import ActionBuilder
from selenium.webdriver.common.actions.interaction import POINTER_TOUCH
from selenium.webdriver.common.actions.pointer_input import PointerInput
from selenium.webdriver.common.by import By

_FLAGS = (
    "--headless=new",
    "--no-sandbox",  # as root it does not start otherwise
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    # Background tabs must go on painting and counting time.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--hide-scrollbars",
)

# Whiteboard pages that show what the link and the board know.
LIVE = "window.whiteboard && window.whiteboard.status() === 'live'"


class Browser:
    """One Chromium. `host_rules` maps names to addresses without DNS: "MAP *.example.test 127.0.0.1".

    `args` are further flags, as "--ignore-certificate-errors".
    """

    def __init__(self, width=1280, height=860, host_rules="", args=()):
        # Not $TEST_TMPDIR: Chromium's socket needs a path of less than 108 bytes.
        self._home = tempfile.mkdtemp(prefix="chromium-", dir="/tmp")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for flag in _FLAGS + tuple(args):
            options.add_argument(flag)
        options.add_argument("--window-size=%d,%d" % (width, height))
        options.add_argument("--user-data-dir=" + os.path.join(self._home, "profile"))
        if host_rules:
            options.add_argument("--host-resolver-rules=" + host_rules)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        environment = dict(os.environ, HOME=self._home, TMPDIR=self._home)
        try:
            self.driver = webdriver.Chrome(
                service=Service("/usr/bin/chromedriver", env=environment), options=options
            )
        except Exception:
            shutil.rmtree(self._home, ignore_errors=True)
            raise
        self.driver.set_page_load_timeout(60)
        self._unused = self.driver.current_window_handle
        self._errors = []

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        """Ends Chromium and removes its profile."""
        try:
            self.driver.quit()
        finally:
            shutil.rmtree(self._home, ignore_errors=True)

    def open(self, url):
        """A new tab on `url`, returned as a handle when the page has loaded."""
        if self._unused:
            tab, self._unused = self._unused, None
        else:
            # new_window() of a tab shares nothing that a test could trip over.
            self.driver.switch_to.new_window("tab")
            tab = self.driver.current_window_handle
        self.driver.switch_to.window(tab)
        self.driver.get(url)
        return tab

    def go(self, tab, url):
        """Sends an open tab to the url, and does not wait: a server may hold the answer back."""
        self.driver.switch_to.window(tab)
        # In a moment, not from the script itself: the driver waits for a page that its command began.
        self.driver.execute_script("setTimeout(url => location.assign(url), 100, arguments[0])", url)

    def close_tab(self, tab):
        """Closes one tab of several."""
        self._collect(tab)
        self.driver.close()
        self.driver.switch_to.window(self.driver.window_handles[0])

    def evaluate(self, tab, expression):
        """The value of a JavaScript expression in the tab."""
        self.driver.switch_to.window(tab)
        return self.driver.execute_script("return (%s)" % expression)

    def wait(self, tab, expression, timeout_s=20.0):
        """Waits until the expression is true in the tab, and returns the seconds it took."""
        start = time.monotonic()
        value = None
        while time.monotonic() - start < timeout_s:
            try:
                value = self.evaluate(tab, expression)
            except JavascriptException as error:  # the page is still loading
                value = error.msg
            else:
                if value:
                    return time.monotonic() - start
            time.sleep(0.02)
        raise AssertionError(
            "%s was not true within %.0f s: %r on %s" % (expression, timeout_s, value, self.driver.current_url)
        )

    def draw(self, tab, fractions, selector="#board"):
        """Draws one stroke with the mouse through points given as fractions of the element."""
        points = self._points(tab, fractions, selector)
        actions = ActionChains(self.driver, duration=20)
        actions.w3c_actions.pointer_action.move_to_location(*points[0])
        actions.w3c_actions.pointer_action.pointer_down()
        for x, y in points[1:]:
            actions.w3c_actions.pointer_action.move_to_location(x, y)
        actions.w3c_actions.pointer_action.pointer_up()
        actions.perform()

    def draw_by_touch(self, tab, fractions, selector="#board"):
        """As draw(), with a finger."""
        points = self._points(tab, fractions, selector)
        finger = PointerInput(POINTER_TOUCH, "finger")
        builder = ActionBuilder(self.driver, mouse=finger, duration=20)
        builder.pointer_action.move_to_location(*points[0])
        builder.pointer_action.pointer_down()
        for x, y in points[1:]:
            builder.pointer_action.move_to_location(x, y)
        builder.pointer_action.pointer_up()
        builder.perform()

    def move(self, tab, fraction, selector="#board"):
        """Moves the mouse over the element."""
        ((x, y),) = self._points(tab, [fraction], selector)
        actions = ActionChains(self.driver, duration=20)
        actions.w3c_actions.pointer_action.move_to_location(x, y)
        actions.perform()

    def click(self, tab, selector):
        """Clicks the middle of an element."""
        self.driver.switch_to.window(tab)
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def answer(self, tab, selector, text):
        """Clicks an element that asks for a text by prompt(), and answers."""
        self.click(tab, selector)
        prompt = self.driver.switch_to.alert
        prompt.send_keys(text)
        prompt.accept()

    def type(self, tab, text):
        """Types into what has the focus."""
        self.driver.switch_to.window(tab)
        self.driver.switch_to.active_element.send_keys(text)

    def screenshot(self, tab, name):
        """Saves NAME.png with the test's outputs (else in the working directory): returns its path."""
        self.driver.switch_to.window(tab)
        path = os.path.join(os.environ.get("TEST_UNDECLARED_OUTPUTS_DIR", "."), name + ".png")
        if not self.driver.save_screenshot(path):
            raise OSError("cannot write " + path)
        return path

    def errors(self):
        """What pages wrote to the console as errors so far, and exceptions that nothing caught."""
        for tab in self.driver.window_handles:
            self._collect(tab)
        return list(self._errors)

    def _collect(self, tab):
        self.driver.switch_to.window(tab)
        self._errors += [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]

    def _points(self, tab, fractions, selector):
        self.driver.switch_to.window(tab)
        box = self.driver.find_element(By.CSS_SELECTOR, selector).rect
        return [(int(box["x"] + fx * box["width"]), int(box["y"] + fy * box["height"])) for fx, fy in fractions]
