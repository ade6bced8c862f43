"""``python -m spincheck``: the command line; ``python -m spincheck worker`` skips it, because importing it costs a build 0.05 s."""

from __future__ import annotations

import gc
import sys


def run() -> int:
    """Run the command line, or a worker directly when that is all that is asked for."""
    if sys.argv[1:] == ["worker"]:
        gc.disable()  # what is loaded stays, and looking through it for garbage would be a twentieth of the start
        from spincheck.worker import serve_standard_streams  # noqa: PLC0415

        gc.enable()
        serve_standard_streams()
    from spincheck.cli.main import main  # noqa: PLC0415

    return main()


if __name__ == "__main__":
    sys.exit(run())
