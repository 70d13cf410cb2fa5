"""`manage.py import_models` without a worker: what scripts and people read."""

import json
import re
from collections.abc import Callable
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from controlplane.base.models import User
from registry.models import Model
from tests.upstreams import Upstreams

pytestmark = pytest.mark.django_db(transaction=True)


def call(*arguments: str) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_models", *arguments, stdout=out, stderr=err)
    return out.getvalue(), err.getvalue()


def spoil(file: Path) -> None:
    file.write_text(re.sub(r"type: \w+", "type: nonsense", file.read_text(), count=1))


@pytest.fixture
def file(tmp_path: Path, upstreams: Upstreams, person: Callable[..., User]) -> Path:
    person("engineer")
    path = tmp_path / "fleet.yaml"
    path.write_text(upstreams.yaml(12))
    return path


def test_it_only_shows_unless_told_to_apply(file: Path) -> None:
    out, _ = call(str(file))
    assert "12 new (nothing was written" in out
    assert not Model.objects.exists()


def test_it_imports_and_says_how_long_it_took(file: Path) -> None:
    out, _ = call(str(file), "--apply", "--here")
    assert "12 new: 12 of 12 ready in " in out
    out, _ = call(str(file), "--apply", "--here")
    assert "12 unchanged: 12 of 12 ready in " in out


def test_scripts_get_one_json_document(file: Path) -> None:
    report = json.loads(call(str(file), "--apply", "--here", "--json")[0])
    assert (report["ok"], report["counts"]["ready"]) == (True, 12)
    spoil(file)
    out, err = StringIO(), StringIO()
    with pytest.raises(SystemExit, match="1"):
        call_command("import_models", str(file), "--apply", "--json", stdout=out, stderr=err)
    assert json.loads(out.getvalue())["error"] == "import_invalid"


def test_errors_name_file_and_line(file: Path) -> None:
    spoil(file)
    err = StringIO()
    with pytest.raises(SystemExit):
        call_command("import_models", str(file), stdout=StringIO(), stderr=err)
    assert "fleet.yaml:" in err.getvalue()
    assert "nonsense" in err.getvalue()


def test_a_missing_file_or_account_is_named(file: Path) -> None:
    with pytest.raises(CommandError, match="nowhere"):
        call("nowhere.yaml")
    with pytest.raises(CommandError, match="'ghost'"):
        call(str(file), "--user", "ghost")
