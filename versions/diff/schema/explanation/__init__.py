"""From two schemas to findings: the walk side by side, severities, witnesses, steps, and the last gate."""
