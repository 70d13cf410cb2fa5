"""The fleet as pages show it live: what telemetry knows of each device of the inventory, as tables for streams."""
