"""Samples of telemetry, without a framework: dimensions, expositions, readings, and frames for the wire."""
