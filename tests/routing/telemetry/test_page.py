"""docs/telemetry.md says what the facts say."""

from tests.telemetry_table import PAGE, written


def test_the_tables_of_the_page_are_those_of_the_facts() -> None:
    """Mend it with `python -m tests.telemetry_table`."""
    assert written(PAGE.read_text()) == PAGE.read_text()
