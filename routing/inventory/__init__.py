"""The inventory: nodes, devices, and what sits on them. Collectors discover it, people correct it."""
