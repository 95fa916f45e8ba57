"""One key, many callers on a running Spawner: get-or-create gives one session, whoever asks."""

import concurrent.futures
import itertools
import urllib.parse

from tests.support import api

CALLS = 1000
unique = itertools.count()


def request(system, key, user):
    pb = api.sessions_pb2
    return pb.ConnectRequest(
        parent="namespaces/" + system.namespace, key=api.session_pb2.SessionKey(name=key),
        spec=system.spec(), grant=pb.GrantSpec(user=user))


def at_once(system, key):
    calls = [system.api.sessions.Connect.future(request(system, key, "user-%d" % i), timeout=60)
             for i in range(CALLS)]
    return [call.result() for call in calls]


def assert_one(answers):
    created = [answer for answer in answers if answer.created]
    assert len(created) == 1
    assert {answer.started_from for answer in answers if not answer.created} == {api.sessions_pb2.LIVE}
    assert len({(answer.session.name, answer.session.epoch) for answer in answers}) == 1
    assert len({urllib.parse.urlsplit(answer.url)[:3] for answer in answers}) == 1, "one URL"
    assert len({answer.token for answer in answers}) == CALLS, "a grant for each"
    return created[0]


def test_a_thousand_connects_at_once_are_one_session(system):
    first = assert_one(at_once(system, "thousand-%d" % next(unique)))
    system.terminate(first.session.name)


def test_and_so_are_those_that_meet_its_end(system):
    key = "ending-%d" % next(unique)
    former = system.connect(key)
    with concurrent.futures.ThreadPoolExecutor() as pool:
        end = pool.submit(system.terminate, former.session.name)
        answers = at_once(system, key)
        end.result()
    # Before its end was decided they got the former one, after it the next; nobody got a third.
    epochs = sorted({answer.session.epoch for answer in answers})
    assert {answer.session.name for answer in answers} == {former.session.name}
    assert set(epochs) <= {former.session.epoch, epochs[-1]} and len(epochs) <= 2
    of_next = [answer for answer in answers if answer.session.epoch > former.session.epoch]
    assert sum(answer.created for answer in answers) == (1 if of_next else 0)
    after = system.connect(key)
    assert after.session.epoch > former.session.epoch
    assert not of_next or after.session.epoch == of_next[0].session.epoch
    system.terminate(after.session.name)
