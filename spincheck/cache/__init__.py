"""The incremental cache: content keys, and the SQLite store behind `spincheck.memory.Memory`.

With `spincheck.cache_schema` the only user of sqlite-utils. Nothing is imported here: a run that needs only keys does not
pay for a database.
"""
