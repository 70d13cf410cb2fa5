"""The embedded stores and the process supervisor. Nothing here imports Django."""
