"""The test bodies that run on local processes, here on real pods."""

# ruff: noqa: F401, F403
from tests.system.test_browser import *
from tests.system.test_ends import *
from tests.system.test_keeps_alive import *
from tests.system.test_logs import *
from tests.system.test_main_job import *
from tests.system.test_url_race import *
