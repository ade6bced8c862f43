"""Keeps the surroundings of a test run out of the tests.

What a user or a CI service set must not steer the tool under test, and how busy a machine is must not fail it: no example of a property
has a time limit.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

for _name in [name for name in os.environ if name.partition("_")[0] == "SPINCHECK" or name == "GITHUB_STEP_SUMMARY"]:
    del os.environ[_name]

settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")
