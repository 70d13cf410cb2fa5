"""Fixtures that every test package may use."""
