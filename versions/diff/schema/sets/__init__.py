"""Which values a node accepts: its normal form, plain parts, names, items, scalars and single values."""
