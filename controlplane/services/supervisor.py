"""The processes of one run: started, watched, started again when they die, ended together.

Everything is forked from this one thread, because the kernel's parent-death signal follows the forking thread.
"""

import os
import select
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from controlplane.services import leftovers
from controlplane.services.children import Inherited, launch, send_session, tail, wait_for
from controlplane.services.console import Console
from controlplane.services.files import rotate
from controlplane.services.home import StoreError
from controlplane.services.launcher import Launcher
from controlplane.services.place import Place, RunRefused
from controlplane.services.postgres import Postgres
from controlplane.services.programs import Program
from controlplane.services.valkey import Valkey
from controlplane.services.watched import Watched, in_words

READY_WITHIN = 120.0
PROGRAMS_STOP_WITHIN, STORES_STOP_WITHIN = 3.0, 1.5
ROTATE_EVERY = 5.0
ENDINGS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopping(Exception):
    """Somebody asked for the end."""


class Supervisor:
    """The processes of one run in `place`."""

    def __init__(self, place: Place, console: Console, launcher: Launcher | None) -> None:
        self.place, self.console, self.launcher = place, console, launcher
        self.stores: list[Postgres | Valkey] = []
        self.watched: list[Watched] = []
        self.sockets: list[socket.socket] = []
        self.stop_asked = False
        self.rotated_at = 0.0
        self.unwritten = False
        self.refused: set[str] = set()
        self.wakeup, self.bell = os.pipe()
        os.set_blocking(self.wakeup, False)
        os.set_blocking(self.bell, False)

    def listen_to_signals(self) -> None:
        """From now on an interrupt, a termination or a hang-up asks for the end, and a child's death wakes us."""
        signal.set_wakeup_fd(self.bell, warn_on_full_buffer=False)
        for number in ENDINGS:
            signal.signal(number, self._ask_to_stop)
        signal.signal(signal.SIGCHLD, lambda *_: None)

    def wait(self, seconds: float) -> None:
        """Sleep until a signal comes or `seconds` are over. Raises Stopping once the end was asked for."""
        if not self.stop_asked:
            select.select([self.wakeup], [], [], seconds)
        with suppress(BlockingIOError):
            os.read(self.wakeup, 4096)
        if self.stop_asked or (self.launcher is not None and self.launcher.interrupted()):
            raise Stopping

    def hold(self, listener: socket.socket) -> int:
        """Keep a listening socket for programs that inherit it, so that a caller waits for one that died; its number.

        Held here, it outlives each of them: nobody gets "connection refused" while a program starts again.
        """
        self.sockets.append(listener)
        return listener.fileno()

    def begin_store(self, name: str, store: Postgres | Valkey) -> None:
        """Start a store. Raises StoreError."""
        self.stores.append(store)
        self._begin(Watched(name, store.launch, store.log))

    def begin(self, chosen: Iterable[Program]) -> None:
        """Start programs."""
        for program in chosen:
            self._begin(Watched(program.name, self._start_of(program), self.place.log(program.name)))

    def await_ready(self, chosen: Iterable[Program]) -> None:
        """Wait until each program is ready. Raises RunRefused with the end of the log of one that dies or hangs."""
        waiting = {program.name: program for program in chosen}
        deadline = time.monotonic() + READY_WITHIN
        while waiting:
            for name in [name for name, program in waiting.items() if program.ready()]:
                del waiting[name]
                self.console.step(f"{name} is ready")
            self._none_died()
            if time.monotonic() > deadline:
                raise self._not_ready(next(iter(waiting)), f"is not ready after {READY_WITHIN:g} s")
            self.wait(0.05)

    def finish(self, command: tuple[str, ...], output: Path, say: Callable[[str], None]) -> int:
        """Run a program that ends by itself; hand each line it writes to `output` to `say`; return its exit code.

        What it complains about goes to the log NAME.errors.
        """
        errors = self.place.log(f"{output.stem}.errors")
        for file in (output, errors):
            file.write_bytes(b"")
        process = launch(command, output, errors=errors, inherited=Inherited(self.place.environment()))
        said, code = 0, None
        try:
            while code is None:
                code = process.poll()
                lines, newline, _ = output.read_bytes()[said:].rpartition(b"\n")
                said += len(lines) + len(newline)
                for line in lines.decode(errors="replace").splitlines():
                    say(line)
                self.tend()
                self.wait(0.0 if code is not None else 0.1)
        finally:
            if process.poll() is None:
                send_session(process.pid, signal.SIGKILL)
                process.wait()
        return code

    def tend(self) -> None:
        """Start again what has died; keep logs under their cap. Raises nothing: a full disk must not end what runs."""
        for watched in self.watched:
            how = watched.died()
            if how:
                self.console.step(how)
            if watched.due():
                self._begin_again(watched)
        if time.monotonic() - self.rotated_at > ROTATE_EVERY:
            self.rotated_at = time.monotonic()
            self._keep_files()

    def stop(self) -> None:
        """End everything: the programs first, because they still write to the stores, then the stores."""
        stores = [store.process for store in self.stores if store.process]
        running = [watched.process for watched in self.watched if watched.process]
        own = [process for process in running if process not in stores]
        for process in own:
            send_session(process.pid, signal.SIGTERM)
        wait_for(lambda: all(process.poll() is not None for process in own), PROGRAMS_STOP_WITHIN)
        for process in own:
            send_session(process.pid, signal.SIGKILL)
            process.wait()
        for store in self.stores:
            store.request_stop()
        for store in self.stores:
            store.stop(STORES_STOP_WITHIN)

    def _ask_to_stop(self, *_: object) -> None:
        self.stop_asked = True

    def _start_of(self, program: Program) -> Callable[[], subprocess.Popen[bytes]]:
        inherited = Inherited({**self.place.environment(), **program.environment}, program.sockets)
        log = self.place.log(program.name)
        return lambda: launch(program.command, log, inherited=inherited)

    def _begin(self, watched: Watched) -> None:
        watched.begin()
        self.watched.append(watched)
        self._remember()

    def _begin_again(self, watched: Watched) -> None:
        try:
            watched.begin()
        except (OSError, ValueError, StoreError, subprocess.SubprocessError) as problem:
            self.console.step(watched.failed(str(problem)))
            return
        self._remember()

    def _remember(self) -> None:
        """Write down what runs; if that fails, `_keep_files` tries again."""
        pids = {watched.name: watched.process.pid for watched in self.watched if watched.process}
        self.unwritten = True
        with self._said_once("processes.json"):
            leftovers.remember(self.place.data / "processes.json", pids)
            self.unwritten = False

    def _keep_files(self) -> None:
        for watched in self.watched:
            with self._said_once(watched.log.name):
                rotate(watched.log)
        if self.unwritten:
            self._remember()

    @contextmanager
    def _said_once(self, name: str) -> Iterator[None]:
        """Catch what the disk refuses, and say it when it begins and when it is over."""
        try:
            yield
        except OSError as problem:
            if name not in self.refused:
                self.console.step(f"{name} cannot be written: {problem}; everything goes on, and it is tried again")
            self.refused.add(name)
            return
        if name in self.refused:
            self.refused.remove(name)
            self.console.step(f"{name} is written again")

    def _none_died(self) -> None:
        for watched in self.watched:
            if watched.process is not None and watched.process.poll() is not None:
                raise self._not_ready(watched.name, f"ended with {in_words(watched.process.returncode)}")

    def _not_ready(self, name: str, what: str) -> RunRefused:
        log = self.place.log(name)
        return RunRefused(f"{name} {what}. The end of {log}:\n{tail(log)}")
