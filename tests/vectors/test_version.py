"""A version is the hash of what goes into an index: another one if any of it is."""

import dataclasses
from typing import Any

from soundalike.vectors.index_files import version_of
from soundalike.vectors.kinds import IndexKind
from tests.fakes import FAKE_SPACE

INPUTS: dict[str, Any] = {
    "space": FAKE_SPACE,
    "kind": IndexKind("flat"),
    "batches": {"b000001": "1" * 64, "b000002": "2" * 64},
    "removed": {},
}
OTHERS: tuple[dict[str, Any], ...] = (
    {"space": dataclasses.replace(FAKE_SPACE, parameters={"version": 2})},
    {"kind": IndexKind("flat+pq", {"codes": 1})},
    {"kind": IndexKind("flat+pq", {"codes": 2})},
    {"batches": {"b000001": "1" * 64, "b000002": "3" * 64}},
    {"batches": {"b000001": "1" * 64}},
    {"removed": {"b000001": [3]}},
    {"removed": {"b000001": [4]}},
    {"removed": {"b000002": [3]}},
)


def test_whatever_goes_into_an_index_makes_another_version() -> None:
    versions = {version_of(**{**INPUTS, **other}) for other in ({}, *OTHERS)}
    assert len(versions) == len(OTHERS) + 1


def test_the_order_of_what_goes_in_makes_none() -> None:
    there = {**INPUTS, "removed": {"b000001": [3, 1]}}
    again = {
        **there,
        "batches": dict(reversed(INPUTS["batches"].items())),
        "removed": {"b000001": {1, 3}, "b000002": ()},
    }
    assert version_of(**there) == version_of(**again)
