"""What is logged of an error always says something."""

from soundalike.errors import in_one_line


def test_an_error_is_told_in_one_line_and_by_its_kind_if_it_says_nothing() -> None:
    assert in_one_line(ValueError("first\nsecond")) == "first"
    assert in_one_line(TimeoutError()) == "TimeoutError"
