"""The number of every advisory lock that Patchbay takes in PostgreSQL, so that no two things share one by chance."""

MIGRATING = 7_401_866
"""One process migrates."""
REPORTS = 7_116_001
"""Reports of devices come one after another: two collectors that see one new device add it once."""
COLLECTOR = 0x7E1E3E79
"""One process scrapes; it holds the lock for as long as its connection lives."""
HISTORY_WRITING = 0x7E1E3E78
"""Transactions that write samples."""
HISTORY_SUMMING = 0x7E1E3E7A
"""The transaction that sums history up."""
ENERGY = 0x0E4E26
"""The transaction that settles energy."""
TRAFFIC = 0x7061746362
"""Transactions that keep or forget sums of traffic."""
ALERTS = 0x41_1E_27_5
"""The transaction that evaluates rules of alerts."""
ROLLOUT = 0x726F6C6C
"""The first half of the key of a rollout's lock; the rollout's id is the other."""
