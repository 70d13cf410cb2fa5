"""What a new installation is given, and what stays taken away."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command

from controlplane.base import accounts, config
from controlplane.base.models import Role, User
from registry.access import callers
from registry.models import ApiKey

pytestmark = pytest.mark.django_db
PRACTICE = "127.0.0.1:8001"


@pytest.fixture
def file(tmp_path: Path, settings: Any) -> Path:
    """Where first_run writes."""
    settings.DATA_DIR = tmp_path
    return tmp_path / "first-run.json"


def first_run(file: Path, practice: str = PRACTICE) -> dict[str, Any]:
    """Run it; what it wrote."""
    call_command("first_run", practice=practice, practice_models=5, verbosity=0)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_a_new_installation_can_be_signed_in_to_and_called(file: Path) -> None:
    written = first_run(file)
    assert set(written) == {"base_url", "setup_link", "api_key", "practice_models", "practice_address"}
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    user = accounts.use_setup_link(written["setup_link"].rpartition("/")[2], "ada", "a long enough password")
    assert user.role == Role.ADMIN
    actor = callers.actor_of(written["api_key"])
    assert actor is not None
    assert actor.role == Role.ENGINEER
    assert not User.objects.get(username="first-run").has_usable_password()
    assert config.egress_allow() == ("public", PRACTICE)


def test_a_second_time_changes_nothing(file: Path) -> None:
    before = first_run(file)
    assert first_run(file) == before
    assert ApiKey.objects.count() == 1


def test_there_is_no_link_once_there_is_an_admin(file: Path) -> None:
    User.objects.create(username="ada", role=Role.ADMIN)
    assert first_run(file)["setup_link"] is None


def test_an_expired_link_is_replaced_and_the_old_one_is_dead(file: Path) -> None:
    old = first_run(file)["setup_link"]
    file.write_text(json.dumps({**json.loads(file.read_text()), "setup_link": "http://127.0.0.1:8000/set-up/unknown"}))
    new = first_run(file)["setup_link"]
    assert new not in {old, "http://127.0.0.1:8000/set-up/unknown"}
    with pytest.raises(Exception, match="set-up link"):
        accounts.open_setup_link(old.rpartition("/")[2])


def test_a_revoked_key_stays_revoked(file: Path) -> None:
    first_run(file)
    callers.revoke(User.objects.create(username="ada", role=Role.ADMIN), ApiKey.objects.get().pk)
    assert first_run(file)["api_key"] is None
    assert first_run(file)["api_key"] is None


def test_an_account_that_was_shut_out_gets_no_key(file: Path) -> None:
    first_run(file)
    User.objects.filter(username="first-run").update(is_active=False)
    file.unlink()
    assert first_run(file)["api_key"] is None


def test_an_egress_entry_that_an_admin_removed_stays_away(file: Path) -> None:
    first_run(file)
    config.store_egress_allow(None, ["10.0.0.0/8"])
    first_run(file)
    assert config.egress_allow() == ("10.0.0.0/8",)


def test_the_practice_fleet_may_move(file: Path) -> None:
    first_run(file)
    first_run(file, "127.0.0.1:9001")
    assert config.egress_allow() == ("public", "127.0.0.1:9001")


def test_a_damaged_file_is_written_anew(file: Path) -> None:
    file.write_text("{")
    assert callers.actor_of(first_run(file)["api_key"]) is not None
