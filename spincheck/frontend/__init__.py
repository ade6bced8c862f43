"""The front end: from preprocessed C text to units and functions in `spincheck.ir`; the only user of pycparser."""
