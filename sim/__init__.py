"""A deterministic simulator that drives the real engines: `python -m sim`."""
