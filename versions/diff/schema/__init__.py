"""JSON Schema as sets of values: read, normal form, inclusion, witnesses, differences."""
