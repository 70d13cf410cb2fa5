"""One process that counts calls of keys, for tests that run several and kill one: commands in, counts out.

`enter KEY NUMBER AT_ONCE PER_MINUTE` (0 for no limit) starts so many calls at the same time and prints how many were
admitted, then how many were refused by which code; `leave KEY NUMBER` ends some; `trouble` prints what is wrong.
"""

import asyncio
import os
import sys
import time
from collections import Counter, defaultdict

from registry.canon import Failure
from routing.dataplane.ledger import Ledger
from routing.dataplane.limits import CallLimits
from routing.dataplane.link import Link
from routing.table import Caller


class Program:
    """Calls in flight by key."""

    def __init__(self) -> None:
        self.limits = CallLimits(time.monotonic, Ledger(Link(os.environ["REDIS_URL"]).evaluate))
        self.running: dict[int, list[Caller]] = defaultdict(list)

    async def enter(self, key: int, number: int, at_once: int, per_minute: int) -> str:
        caller = Caller(
            key, "app", frozenset({"call"}), calls_per_minute=per_minute or None, max_concurrency=at_once or None
        )
        fates = Counter(await asyncio.gather(*(self._admit(caller) for _ in range(number))))
        self.running[key] += [caller] * fates[""]
        return " ".join([str(fates.pop("", 0)), *(f"{code}={count}" for code, count in sorted(fates.items()))])

    async def _admit(self, caller: Caller) -> str:
        try:
            waiting = self.limits.admit(caller)
            if waiting is not None:
                await waiting
        except Failure as failure:
            return failure.code or ""
        return ""

    def leave(self, key: int, number: int) -> str:
        for _ in range(number):
            self.limits.release(self.running[key].pop())
        return str(len(self.running[key]))

    async def obey(self, command: str, *given: str) -> str:
        numbers = [int(text) for text in given]
        if command == "enter":
            return await self.enter(*numbers)
        return self.leave(*numbers) if command == "leave" else self.limits.trouble


async def main() -> None:
    program = Program()
    keeper = asyncio.create_task(program.limits.run())
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(await program.obey(*line.split()), flush=True)
    keeper.cancel()
    await program.limits.stop()


asyncio.run(main())
