"""Sets Django up for a gateway, which shows no page and runs no job: what apps declare for those is not read.

That is a third of such a process: descriptions of pages bring the code behind them along.
"""

import os

SKIPPED = "WITHOUT_DECLARATIONS"
os.environ[SKIPPED] = "1"

from controlplane.base.boot import DJANGO_VERSION  # noqa: E402

# Programs that this one starts read theirs.
del os.environ[SKIPPED]

__all__ = ["DJANGO_VERSION", "SKIPPED"]
