"""Compatibility tests: a candidate is called as its callers would, before anybody is moved to it."""
