"""`make run`, in order: stores, database, programs, ready, practice fleet, and then watching until the end."""

import json
import subprocess

from controlplane.services import leftovers, programs
from controlplane.services.children import tail
from controlplane.services.console import Console
from controlplane.services.files import write_private
from controlplane.services.home import StoreError
from controlplane.services.launcher import Launcher
from controlplane.services.lock import Lock
from controlplane.services.place import Place, RunRefused
from controlplane.services.ports import LOOPBACK, Ports, listen, listen_at
from controlplane.services.postgres import Postgres
from controlplane.services.supervisor import Stopping, Supervisor
from controlplane.services.valkey import Valkey

TICK = 1.0


def run(place: Place, console: Console, launcher: Launcher | None) -> int:
    """Run until somebody asks for the end; the exit code."""
    lock = Lock(place)
    try:
        lock.take()
    except RunRefused as problem:
        console.problem(str(problem))
        return 1
    supervisor = Supervisor(place, console, launcher)
    supervisor.listen_to_signals()
    try:
        _start(supervisor)
        while True:
            lock.check()
            supervisor.tend()
            supervisor.wait(TICK)
    except Stopping:
        console.plain()
        console.step("stopping")
        return 0
    except (RunRefused, StoreError) as problem:
        console.problem(str(problem))
        return 1
    except (OSError, subprocess.SubprocessError) as problem:
        console.problem(f"The start failed: {problem}. Is the disk of {place.data} full, or somebody else's?")
        return 1
    finally:
        lock.say(stopping=True)
        began = console.elapsed()
        supervisor.stop()
        console.step(f"everything is stopped ({console.elapsed() - began:.1f} s)")


def _start(supervisor: Supervisor) -> None:
    place, console = supervisor.place, supervisor.console
    console.plain(f"Patchbay: data in {place.data}, logs in {place.data / 'logs'}")
    door = _clear(supervisor)
    ports = Ports(place.data / "ports.json")
    practice_port = ports.take("practice", place.port + 1) if place.practice else 0
    fleet = [programs.practice(place, practice_port)] if practice_port else []
    supervisor.begin(fleet)
    _start_stores(supervisor, ports)
    _prepare(supervisor, practice_port)
    back_door = supervisor.hold(listen_at(place.console))
    gateways = [programs.gateway(place, number, door) for number in range(place.gateways)]
    chosen = [programs.console(place, back_door), *gateways, programs.worker(place), programs.beat(place)]
    chosen.append(programs.collector(place))
    supervisor.begin(chosen)
    supervisor.await_ready([*chosen, *fleet])
    _say_ready(place, console)
    if practice_port:
        try:
            _onboard(supervisor, practice_port)
            _furnish(supervisor)
        except (OSError, subprocess.SubprocessError) as problem:
            console.step(f"the practice fleet was not plugged in: {problem}")
    console.plain("Stop with Ctrl-C.")


def _clear(supervisor: Supervisor) -> int:
    """End what an earlier run left; then take the port, whose listening socket every gateway inherits."""
    place = supervisor.place
    ended = leftovers.end(place.data / "processes.json")
    if ended:
        supervisor.console.step(f"ended what an earlier run left behind: {', '.join(ended)}")
    try:
        return supervisor.hold(listen(place.port))
    except OSError:
        raise RunRefused(
            f"Port {place.port} on {LOOPBACK} is taken by another program. Stop that program, or choose another port:\n"
            f"  PORT={place.port + 1} make run"
        ) from None


def _start_stores(supervisor: Supervisor, ports: Ports) -> None:
    """PostgreSQL and Valkey, each only if no address of one was given."""
    place = supervisor.place
    addresses: dict[str, str] = {}
    valkey = Valkey(place.data / "valkey", ports.take("valkey"), place.log("valkey"))
    postgres = Postgres(place.data / "postgres", ports.take("postgres"), place.log("postgres"))
    if not place.redis_url:
        supervisor.begin_store("valkey", valkey)
    if not place.database_url:
        supervisor.begin_store("postgres", postgres)
        postgres.wait_ready()
        addresses["DATABASE_URL"] = postgres.url("patchbay")
        supervisor.console.step(f"PostgreSQL answers on {LOOPBACK}:{postgres.port}{_where(postgres)}")
    if not place.redis_url:
        valkey.wait_ready()
        addresses["REDIS_URL"] = valkey.url
        supervisor.console.step(f"Valkey answers on {LOOPBACK}:{valkey.port}")
    write_private(place.data / "stores.json", json.dumps(addresses, indent=1))


def _where(postgres: Postgres) -> str:
    """Said only where the files are not below the data folder."""
    home = postgres.home.folder if postgres.home else postgres.folder
    return "" if home == postgres.folder else f"; its files are in {home}, because root's folders are closed to it"


def _prepare(supervisor: Supervisor, practice_port: int) -> None:
    place = supervisor.place
    address = f"{LOOPBACK}:{practice_port}" if practice_port else ""
    sizes = ("--practice-gpus", str(place.practice_gpus), "--practice-traffic", str(place.practice_traffic))
    command = place.manage("prepare", "--practice", address, "--practice-models", str(place.practice), *sizes)
    if supervisor.finish(command, place.log("prepare"), supervisor.console.step):
        log = place.log("prepare.errors")
        raise RunRefused(f"The database could not be prepared. The end of {log}:\n{tail(log)}")


def _say_ready(place: Place, console: Console) -> None:
    written = json.loads((place.data / "first-run.json").read_text())
    console.step("ready")
    console.plain()
    console.plain(f"  Console   {place.url}/")
    if written["setup_link"]:
        console.plain(f"  Set up    {written['setup_link']}  (works once)")
    else:
        console.plain(f"  Sign in   {place.url}/sign-in")
    if written["api_key"]:
        console.plain(f"  API key   in {place.data / 'first-run.json'}")
    console.plain()


def _onboard(supervisor: Supervisor, practice_port: int) -> None:
    """Plug in the practice fleet, each model proven by a real call."""
    place, console = supervisor.place, supervisor.console
    console.step(f"plugging in the practice fleet (emulated): {place.practice} models, each proven by a real call")
    file = place.data / "practice.yaml"
    supervisor.finish(programs.practice_specs(place, practice_port), file, lambda line: None)
    command = place.manage("import_models", "--skip-checks", str(file), "--apply", "--user", "first-run")
    if supervisor.finish(command, place.log("import"), console.step):
        log = place.log("import.errors")
        console.step(f"not every model of the practice fleet answered. The end of {log}:")
        console.plain(tail(log))


def _furnish(supervisor: Supervisor) -> None:
    """Let the practice callers begin, and seat the practice models on the emulated GPUs."""
    place, console = supervisor.place, supervisor.console
    if place.practice_traffic:
        supervisor.begin([programs.callers(place)])
        console.step(f"practice callers (emulated): {place.practice_traffic} calls a second (PRACTICE_TRAFFIC)")
    if not place.practice_gpus:
        return
    if supervisor.finish(place.manage("furnish", "--seat"), place.log("furnish"), console.step):
        log = place.log("furnish.errors")
        console.step(f"the practice models were not seated on the GPUs. The end of {log}:")
        console.plain(tail(log))
    supervisor.begin([programs.operator(place)])
