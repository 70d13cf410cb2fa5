"""What holds the repository together beside the code: commands, pins, documents, migrations."""

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import call_command

from tests.house import modules

ROOT = Path(__file__).resolve().parent.parent
PINNED = re.compile(r"([A-Za-z0-9-]+)(\[[a-z,]+\])?==[0-9][0-9.a-z]*")


def requirements(file: str) -> list[str]:
    """The lines of a requirements file that name a package."""
    lines = (ROOT / file).read_text().splitlines()
    return [line for line in lines if line and not line.startswith(("-", "#"))]


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt"])
def test_every_requirement_is_pinned_and_explained(file: str) -> None:
    text = (ROOT / "docs" / "dependencies.md").read_text()
    for line in requirements(file):
        found = PINNED.fullmatch(line)
        assert found, f"{file}: {line} is not pinned"
        assert re.search(rf"(?<![\w-]){re.escape(found[1])}(?![\w-])", text), f"docs/dependencies.md: no {found[1]}"


def test_the_glossary_names_classes_that_exist() -> None:
    named = set(re.findall(r"`([A-Z]\w+)`", (ROOT / "docs" / "glossary.md").read_text()))
    classes = {
        node.name for text in modules().values() for node in ast.walk(ast.parse(text)) if isinstance(node, ast.ClassDef)
    }
    assert len(named) > 20
    assert named - classes == set()


@pytest.mark.parametrize("file", ["requirements.txt", "tests/requirements.txt", "routing/lab/learn/requirements.txt"])
def test_files_that_requirements_name_are_there(file: str) -> None:
    for line in (ROOT / file).read_text().splitlines():
        if line.startswith(("-r ", "-c ")):
            assert (ROOT / file).parent.joinpath(line[3:].strip()).is_file(), f"{file}: {line}"


def test_an_environment_that_cannot_be_installed_is_no_environment(tmp_path: Path) -> None:
    (tmp_path / ".venv/bin").mkdir(parents=True)
    python = tmp_path / ".venv/bin/python"
    python.write_text('#!/bin/sh\ncase "$*" in *install*) echo no such package; exit 1;; esac\n')
    python.chmod(0o755)
    (tmp_path / ".venv/pip.status").write_text("0\n")
    (tmp_path / "deploy").mkdir()
    script = shutil.copy(ROOT / "deploy/environment.sh", tmp_path / "deploy")
    tried = subprocess.run(["sh", script, "train"], capture_output=True, text=True, check=False)
    assert tried.returncode == 1
    assert "pip failed" in tried.stderr
    assert not (tmp_path / ".venv/.train").exists()


def test_no_package_is_explained_that_we_do_not_take() -> None:
    named = {re.split(r"[\[=]", line)[0] for line in requirements("requirements.txt")}
    table = (ROOT / "docs" / "dependencies.md").read_text().partition("## Tests")[0]
    explained = set(re.findall(r"^\| ([a-z][\w-]*) \|", table, re.MULTILINE)) - {"package"}
    assert explained == named


def test_the_product_takes_no_package_that_only_tests_use() -> None:
    assert not {line.partition("==")[0] for line in requirements("requirements.txt")} & {
        line.partition("==")[0] for line in requirements("tests/requirements.txt")
    }


def test_make_help_lists_every_target_and_there_are_no_more_than_twelve() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)
    assert targets
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert {line.split()[1] for line in listed.splitlines()} == set(targets[1].split())
    assert len(targets[1].split()) <= 12


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)
