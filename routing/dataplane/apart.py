"""Work on large bodies in threads of its own, so that the loop goes on with other calls between its steps."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

AT_ONCE = 2
"""Large bodies that are worked on at the same time; others wait, so that they cannot take the interpreter for long."""
Given = ParamSpec("Given")
Made = TypeVar("Made")
_threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="large-body")


async def apart(work: Callable[Given, Made], *given: Given.args, **named: Given.kwargs) -> Made:
    """What `work` returns or raises, without the event loop waiting for it."""
    return await asyncio.get_running_loop().run_in_executor(_threads, lambda: work(*given, **named))
