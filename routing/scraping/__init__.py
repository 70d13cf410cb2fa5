"""The collecting process: asks every telemetry endpoint at its interval, and sends what it says to the store."""
