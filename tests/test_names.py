"""One name, one thing."""

import ast
from collections import defaultdict

from tests.source import PACKAGES, REPOSITORY, definitions

# The client's answers have the names of the service's, which tests/client/test_schema.py compares.
MIRROR = REPOSITORY / "soundalike" / "client" / "answers"


def test_no_class_name_exists_twice() -> None:
    places = defaultdict(list)
    for each in definitions(*PACKAGES):
        if isinstance(each.node, ast.ClassDef) and MIRROR not in each.file.parents:
            places[each.node.name].append(each.place)
    assert len(places) > 100
    assert {name: where for name, where in places.items() if len(where) > 1} == {}
