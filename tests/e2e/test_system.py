"""The test bodies that run on local processes, here on real pods. tests/layering_test.py sees to it that none is missing."""

# ruff: noqa: F401, F403
from tests.system.test_browser import *
from tests.system.test_ends import *
from tests.system.test_grants import *
from tests.system.test_keeps_alive import *
from tests.system.test_keys import *
from tests.system.test_logs import *
from tests.system.test_main_job import *
from tests.system.test_promises import *
from tests.system.test_url_race import *
