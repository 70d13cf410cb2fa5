"""The two commands: one for a person, one for a machine; neither needs a store."""

import json
import os
import subprocess
import sys
from io import StringIO
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

ROOT = Path(__file__).resolve().parent.parent.parent
OLD = {"type": "object", "properties": {"temperature": {"type": "number", "maximum": 2}}}
NEW = {"type": "object", "properties": {"temperature": {"type": "number", "maximum": 1}}}


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(OLD))
    new.write_text(json.dumps(NEW))
    return str(old), str(new)


def run_diff(*arguments: str) -> tuple[str, int]:
    out = StringIO()
    try:
        call_command("diff_spec", *arguments, stdout=out, no_color=True)
    except SystemExit as ended:
        return out.getvalue(), int(str(ended.code))
    return out.getvalue(), 0


def test_a_person_sees_the_worst_first_with_witness_and_way_out(files: tuple[str, str]) -> None:
    text, status = run_diff(*files, "--direction", "request")
    assert status == 2
    assert text.startswith("BREAKING")
    assert 'try: {"temperature": 2}' in text
    assert '"do": "clamp"' in text


def test_a_person_may_read_chinese(files: tuple[str, str]) -> None:
    text, _status = run_diff(*files, "--language", "zh-hans")
    assert "的范围缩小" in text


def test_the_report_as_json(files: tuple[str, str]) -> None:
    text, _status = run_diff(*files, "--json", "--direction", "request")
    report = json.loads(text)
    assert report["verdict"] == "breaking"
    assert report["adaptable"] is True


def test_equal_files_are_compatible(files: tuple[str, str]) -> None:
    text, status = run_diff(files[0], files[0])
    assert (status, text.startswith("COMPATIBLE")) == (0, True)


def test_a_missing_file_is_named(files: tuple[str, str]) -> None:
    with pytest.raises(CommandError, match=r"cannot read .*nowhere"):
        call_command("diff_spec", files[0], "/nowhere")


def test_a_machine_gets_lines_without_any_store() -> None:
    case = {"id": "a", "kind": "jsonschema", "direction": "request", "old": OLD, "new": NEW}
    environment = {
        **os.environ,
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
        "REDIS_URL": "redis://127.0.0.1:1",
    }
    command = [sys.executable, "manage.py", "classify_changes", "--policy", '{"price_rise_percent": 5}']
    lines = f"{json.dumps(case)}\nbroken\n{json.dumps(case)}\n"
    ended = subprocess.run(command, cwd=ROOT, env=environment, input=lines, capture_output=True, text=True, check=True)
    answers = [json.loads(line) for line in ended.stdout.splitlines()]
    assert [answer["verdict"] for answer in answers] == ["breaking", "review", "breaking"]
    assert answers[0]["findings"][0]["witness"]["value"] == {"temperature": 2}
