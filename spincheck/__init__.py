"""spincheck: a path-sensitive lock-balance checker for Windows drivers.

The rooms and the one direction of their imports are described in
``docs/architecture.md``; nothing is imported here, so that a worker process
pays only for what it uses.
"""

__version__ = "0.1.0"
