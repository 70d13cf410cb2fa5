"""REST of versions."""
