"""Alerts: rules over telemetry and calls, their states, silences, and messages to receivers."""
