"""Loading beforehand what a check will need.

Owns the list of what a process pays once: modules, the database's connection, the identity of the code, the tables. A worker does it while the
compiler still preprocesses its first file, so that no file waits for it.
"""

from __future__ import annotations

import gc
from typing import get_args

import spincheck.analysis.program
import spincheck.driver.read
import spincheck.driver.render
import spincheck.driver.units  # noqa: F401 -- loading them is what there is to do
from spincheck.cache.keys import stamp
from spincheck.driver.session import Session
from spincheck.memory import Shelf


def warm(session: Session) -> None:
    """Pay what is paid once, and check nothing."""
    if session.store is not None:
        session.store.connection()
    for shelf in get_args(Shelf):
        stamp(shelf)
    _ = session.knowledge.settings
    # It stays as long as the process: the collector need not look at it again
    gc.freeze()
