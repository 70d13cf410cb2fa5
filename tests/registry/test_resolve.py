"""The model that a caller's name means, and whether its key may call it."""

from registry import resolve


def test_names_aliases_and_patterns() -> None:
    assert resolve.canonical("a", {"a": 1}, {"a": "b"}) == "a"
    assert resolve.canonical("nick", {"a": 1}, {"nick": "a", "old": "gone"}) == "a"
    assert resolve.canonical("old", {"a": 1}, {"old": "gone"}) is None
    assert resolve.permitted("anything", ())
    assert resolve.permitted("practice-1", ("x", "practice-*"))
    assert not resolve.permitted("Practice-1", ("practice-*",))
