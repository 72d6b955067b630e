"""One question a file; each answer stands beside its peer."""
