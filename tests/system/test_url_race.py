"""A URL works at once at every proxy, also at one that hears of everything late.

Goal: many Connects, the first request at once to a random one of two proxies: no 404, no 5xx.
Method: every byte of the second proxy's link takes 150 ms, longer than the controller waits for
acknowledgements; the backend takes a moment to start.
"""

import collections
import concurrent.futures
import random
import urllib.error
import urllib.request

AT_ONCE = 12


def test_the_url_works_at_once_at_every_proxy(race):
    system, sessions = race
    seed = random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    chance = random.Random(seed)
    proxies = [chance.randrange(2) for _ in range(sessions)]
    answers = collections.Counter()

    def visit(number):
        connected = system.connect("race-%d" % number, env={"START_DELAY_MS": "30"}, retention=1)
        try:
            with urllib.request.urlopen(system.url(connected, proxy=proxies[number]), timeout=60) as answer:
                status, text = answer.status, answer.read().decode()
            assert "SPAWNER_KEY: race-%d\n" % number in text
        except urllib.error.HTTPError as error:
            status, text = error.code, error.read().decode()
        system.terminate(connected.session.name, hard=True)
        return proxies[number], status, text if status != 200 else ""

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        for answer in pool.map(visit, range(sessions)):
            answers[answer] += 1

    print(answers)
    assert {status for _, status, _ in answers} == {200}, answers
    assert all(answers[proxy, 200, ""] > sessions // 4 for proxy in range(2))
