"""Keeps the surroundings of a test run out of the tests: what a user or a CI service set must not steer the tool under test."""

from __future__ import annotations

import os

for _name in [name for name in os.environ if name.partition("_")[0] == "SPINCHECK" or name == "GITHUB_STEP_SUMMARY"]:
    del os.environ[_name]
