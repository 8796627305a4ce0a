"""Docstrings must begin with a sentence of their own, and say shapes and errors."""

import ast

from tests.source import PACKAGES, Definition, Function, definitions

# A first line that begins so leans on the name above it instead of saying something itself.
LEANING = frozenset(
    (
        *("of", "as", "see", "by", "for", "in", "on", "at", "from", "to", "into", "with", "around"),
        *("what", "whether", "where", "which", "who", "whose", "why", "how", "when", "raises"),
        *("and", "or", "but", "if", "than", "that", "those"),
    )
)
ARRAYS = ("NDArray", "FloatArray", "Matrix", "Tensor", "Samples", "Rows", "Bools", "Floats")


def documented() -> list[Definition]:
    return [each for each in definitions(*PACKAGES) if each.docstring]


def public_functions() -> list[Definition]:
    return [
        each
        for each in definitions("soundalike")
        if isinstance(each.node, Function) and each.is_public
    ]


def test_first_lines_stand_on_their_own() -> None:
    assert len(documented()) > 500
    leaning = [
        f"{each.place}: {each.docstring.splitlines()[0]}"
        for each in documented()
        if each.docstring.split()[0].strip("`.,:").casefold() in LEANING
    ]
    assert leaning == []


def test_first_lines_end() -> None:
    endless = [
        each.place for each in documented() if not each.docstring.splitlines()[0].endswith(".")
    ]
    assert endless == []


def test_arrays_have_their_shapes_said() -> None:
    """`[n, dim]` or the like, wherever a public function takes or returns an array."""
    functions = [each for each in public_functions() if _signature_has_array(each)]
    assert len(functions) > 40
    assert [each.place for each in functions if "[" not in each.docstring] == []


def _signature_has_array(function: Definition) -> bool:
    arguments = function.node.args  # type: ignore[union-attr]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    annotations = [argument.annotation for argument in every]
    annotations.append(function.node.returns)  # type: ignore[union-attr]
    text = " ".join(ast.unparse(each) for each in annotations if each is not None)
    return any(name in text for name in ARRAYS)


def test_errors_that_a_function_raises_are_said() -> None:
    raising = [(each, _raised(each)) for each in public_functions()]
    assert sum(len(names) for _, names in raising) > 40
    unsaid = [
        f"{each.place}: {name}"
        for each, names in raising
        for name in sorted(names)
        if name not in each.docstring and name not in INTERNAL
    ]
    assert unsaid == []


# Not the caller's concern: a protocol's stub, Typer's way to end, what the same function catches.
INTERNAL = frozenset(("NotImplementedError", "Exit", "TypeError"))


def _raised(function: Definition) -> set[str]:
    """Exception classes that the function's own body raises by name."""
    names = set()
    for node in ast.walk(function.node):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            called = node.exc.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            if name[:1].isupper():
                names.add(name)
    return names
