"""Two people with a real browser on the whiteboard, from before its pod is ready to after its end."""

import math
import time
import urllib.parse

import pytest

from tests.support import api
from tests.support.browser import LIVE, Browser
from tests.support.system import reason_name

GRACE_S = 2.0
START_S = 2

# Strokes in hundredths of the board's width and height.
ROCKET = [
    ("blue", [(29.9, 61.9), (28.8, 53.8), (27.9, 45), (28.3, 37.1), (29.9, 30.8), (31.8, 26.2), (33.5, 24.3),
              (35.2, 26.2), (37.1, 30.8), (38.7, 37.1), (39, 45), (38.2, 53.8), (36.5, 61.9), (33.5, 62.7),
              (29.9, 61.9)]),
    ("blue", [(33.5 + 2.2 * math.cos(t / 3), 40 + 3.5 * math.sin(t / 3)) for t in range(20)]),
    ("red", [(28.4, 51.9), (26, 57.8), (24.9, 63.7), (25.6, 66), (27.8, 64.7), (29.9, 61.9)]),
    ("red", [(38.5, 51.9), (41, 57.8), (42.1, 63.7), (41.4, 66), (39.1, 64.7), (36.8, 61.9)]),
    ("orange", [(31.8, 65.7), (31, 72.6), (32.1, 78.1), (33.5, 79.9), (34.9, 78.1), (36.1, 72.6), (35.1, 65.7)]),
]
PLANET = [
    ("violet", [(78 + 6 * math.cos(t / 4), 26 + 9.6 * math.sin(t / 4)) for t in range(26)]),
    ("pink", [(68.2, 25), (67.4, 26.6), (69.7, 28.2), (78, 29.4), (86.3, 28.4), (88.5, 26.4), (87.7, 25.2)]),
]
# The page's order.
COLOURS = ["blue", "red", "green", "orange", "violet", "pink", "yellow", "ink"]


@pytest.fixture(scope="module")
def browser():
    with Browser(width=1200, height=800) as chromium:
        chromium.open("about:blank")  # the last tab would take Chromium with it
        yield chromium


def draw(browser, tab, strokes):
    for colour, points in strokes:
        browser.click(tab, "#colours button:nth-child(%d)" % (COLOURS.index(colour) + 1))
        browser.draw(tab, [(x / 100, y / 100) for x, y in points])


def statuses(browser, tab):
    """Of the page and all that it asked for, by name."""
    return dict(browser.evaluate(tab, """
        [...performance.getEntriesByType("navigation"), ...performance.getEntriesByType("resource")]
            .map(entry => [entry.name.split("?")[0].split("/").pop(), entry.responseStatus])"""))


def same_place(one, two):
    return urllib.parse.urlsplit(one)[:3] == urllib.parse.urlsplit(two)[:3]


def connect(system, key, user):
    """A whiteboard that takes its time to start."""
    spec = system.spec(backend="whiteboard", grace=GRACE_S)
    system.slow_down(spec, START_S)
    return system.connect(key, spec, user=user)


def test_two_people_meet_draw_leave_and_come_back(system, browser):
    ada, grace = [browser.open("about:blank") for _ in range(2)]
    first = connect(system, "Launch plan", "ada")
    second = connect(system, "Launch plan", "grace")
    name = first.session.name
    assert same_place(first.url, second.url) and first.url != second.url
    browser.go(ada, first.url)
    browser.go(grace, second.url)
    went = time.time() + 0.1  # go() takes a moment

    # Both were there before the pod was, and had nothing but good answers: the application's, or
    # first the progress page, of which nothing is left.
    for tab in (ada, grace):
        browser.wait(tab, LIVE)
    assert went < system.get(name).ready_time.ToMicroseconds() / 1e6
    for tab in (ada, grace):
        assert set(statuses(browser, tab).values()) == {200}, statuses(browser, tab)
        assert browser.evaluate(tab, "document.title") == "Launch plan"
        # The token went into a cookie: it is not in the address, where it would be passed on.
        assert browser.evaluate(tab, "location.search") == ""

    browser.answer(ada, "#people .me", "Ada")
    browser.answer(grace, "#people .me", "Grace")
    browser.wait(ada, "window.whiteboard.people().includes('Grace')")
    browser.wait(grace, "window.whiteboard.people().includes('Ada')")

    draw(browser, ada, ROCKET)
    browser.wait(grace, "window.whiteboard.strokes() === %d" % len(ROCKET))
    draw(browser, grace, PLANET)
    browser.wait(ada, "window.whiteboard.strokes() === %d" % len(ROCKET + PLANET))
    points = browser.evaluate(grace, "window.whiteboard.points()")
    browser.wait(ada, "window.whiteboard.points() === %d" % points)

    browser.click(grace, "[data-tool=note]")
    browser.draw(grace, [(0.62, 0.55)])
    browser.type(grace, "Launch on Friday?")
    browser.wait(ada, "window.whiteboard.notes()[0] === 'Launch on Friday?'")
    browser.move(grace, (0.57, 0.72))
    browser.wait(ada, "document.querySelectorAll('.cursor').length === 1")
    browser.click(grace, "#reactions button")
    browser.wait(ada, "document.querySelectorAll('.burst').length > 0")
    browser.screenshot(ada, "two_people_ada")
    browser.screenshot(grace, "two_people_grace")
    assert system.get(name).connections == 2
    assert browser.errors() == []

    browser.close_tab(ada)
    browser.close_tab(grace)
    left = time.monotonic()
    ending = system.wait_state(name, "TERMINATING", "TERMINATED", timeout=GRACE_S + 5)
    took = time.monotonic() - left
    assert reason_name(ending) == "IDLE" and GRACE_S - 0.2 <= took <= GRACE_S + 1, took

    # The same key runs anew at the same place, while what ended is kept.
    again = connect(system, "Launch plan", "ada")
    assert again.created and same_place(again.url, first.url)
    assert again.session.epoch > first.session.epoch
    tab = browser.open(again.url)
    browser.wait(tab, LIVE)
    assert browser.evaluate(tab, "window.whiteboard.strokes()") == 0
    kept = system.wait_ended(name, epoch=first.session.epoch)
    assert (reason_name(kept), kept.exit_code) == ("IDLE", 0)
    assert system.get(name).state == api.session_pb2.READY
    assert browser.errors() == []
    browser.close_tab(tab)


def test_a_page_of_an_ended_session_says_so_and_joins_the_next(system, browser):
    first = connect(system, "Ends early", "ada")
    tab = browser.open(first.url)
    browser.wait(tab, LIVE)
    system.terminate(first.session.name)
    browser.wait(tab, "window.whiteboard.status() === 'ended' && !document.querySelector('#ended').hidden")
    browser.screenshot(tab, "ended")
    system.wait_ended(first.session.name)
    late = browser.open(first.url)
    assert browser.evaluate(late, "document.title") == "This session has ended"
    browser.screenshot(late, "too_late")

    again = connect(system, "Ends early", "ada")
    assert again.session.epoch > first.session.epoch
    browser.wait(tab, LIVE)
    assert browser.evaluate(tab, "document.querySelector('#ended').hidden")
    browser.close_tab(tab)
    browser.close_tab(late)


def test_without_a_link_of_ones_own_nobody_gets_in(system, browser):
    connected = connect(system, "Private", "ada")
    tab = browser.open(connected.url.split("?")[0])
    assert browser.evaluate(tab, "document.title") == "This needs a fresh link"
    browser.screenshot(tab, "no_token")
    browser.close_tab(tab)
    system.terminate(connected.session.name, hard=True)
