"""The driver: from the files of a run to its report; the only room that knows both the cache and the analysis."""
