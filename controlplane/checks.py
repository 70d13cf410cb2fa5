"""What /readyz tries beside the data plane: whether a page would get its connection to PostgreSQL."""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor

from django.db import Error, connection

LOOK_APART_SECONDS = 1.0


class PageConnection:
    """Reads PostgreSQL as a page does, through the pool; at most one look at once, and one a second."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="readyz")
        self._look: asyncio.Future[str] | None = None
        self._looked_at = 0.0

    async def __call__(self) -> str:
        """What is wrong, in words; nothing if a page would be served."""
        over = self._look is None or self._look.done()
        if over and time.monotonic() - self._looked_at > LOOK_APART_SECONDS:
            self._looked_at = time.monotonic()
            self._look = asyncio.get_running_loop().run_in_executor(self._thread, _read)
        assert self._look is not None
        return await asyncio.shield(self._look)


def _read() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("select 1")
    except Error as error:
        return f"pages get no connection to PostgreSQL: {str(error).strip() or type(error).__name__}"
    finally:
        connection.close()
    return ""
