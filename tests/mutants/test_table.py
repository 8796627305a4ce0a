"""The table of mutants follows the code, and the campaign tells what it finds."""

import ast
import subprocess
from pathlib import Path

import pytest

from tests.mutants.campaign import report
from tests.mutants.checkout import Checkout
from tests.mutants.table import Mutant, StaleMutantError, mutants, named_files
from tests.source import REPOSITORY

TABLE = """
[[module]]
file = "sums.py"
tests = ["test_sums.py"]
[[module.mutant]]
mistake = "Sums are differences."
old = "a + b"
new = "a - b"
"""


def project(folder: Path) -> Path:
    """A small project with one function, and a test that looks at one sum."""
    (folder / "sums.py").write_text("def add(a, b):\n    return a + b\n")
    test = "from sums import add\ndef test_sum():\n    assert add(2, 0) == 2\n"
    (folder / "test_sums.py").write_text(test)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def mutant(new: str, mistake: str = "x", equivalent: str = "") -> Mutant:
    return Mutant("sums.py", mistake, "a + b", new, ("test_sums.py",), equivalent)


def is_there(test: str) -> bool:
    """Whether the function that a path for pytest names, if it names one, is in its file."""
    file, _, function = test.partition("::")
    name = function.partition("[")[0]
    return not name or f"def {name}(" in (REPOSITORY / file).read_text()


@pytest.mark.parametrize("mutant", mutants(), ids=lambda m: f"{m.file}: {m.mistake}")
def test_each_mutant_is_python_and_has_tests(mutant: Mutant) -> None:
    ast.parse(mutant.applied(REPOSITORY))
    assert mutant.old != mutant.new
    assert named_files(mutant.tests)
    assert [file for file in named_files(mutant.tests) if not file.is_file()] == []
    assert [test for test in mutant.tests if not is_there(test)] == []


def test_a_table_is_read(tmp_path: Path) -> None:
    (tmp_path / "sums.toml").write_text(TABLE)
    assert list(mutants(tmp_path)) == [mutant("a - b", "Sums are differences.")]


@pytest.mark.slow
def test_a_mistake_that_a_test_notices_is_told_from_one_that_none_does(tmp_path: Path) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "project").mkdir()
    checkout = Checkout(tmp_path / "copy", project(tmp_path / "project"))
    assert checkout.run(("test_sums.py",)) == "survived"
    assert checkout.outcome(mutant("a - b")) == "survived"
    assert checkout.outcome(mutant("a * b")) == "killed"
    assert checkout.outcome(mutant("a +")) == "broken"
    assert checkout.run(("test_sums.py",)) == "survived", "the mistake was taken out again"


@pytest.mark.slow
def test_the_tests_that_run_a_line_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "copy").mkdir()
    (tmp_path / "project").mkdir()
    made = project(tmp_path / "project")
    other = "def test_nothing():\n    pass\n"
    with (made / "test_sums.py").open("a") as file:
        file.write(other)
    (made / "test_others.py").write_text("from sums import add\ndef test_add():\n    add(1, 1)\n")
    monkeypatch.setattr("tests.mutants.checkout.SETTINGS", "[run]\nsource = .\n")
    checkout = Checkout(tmp_path / "copy", made)
    traces = checkout.traced(("test_sums.py", "test_others.py"), 60)
    assert traces
    assert traces.tests_of(mutant("a - b"), (made / "sums.py").read_text()) == [
        "test_sums.py::test_sum"
    ]
    assert checkout.outcome(mutant("a * b"), ["test_sums.py::test_sum"]) == "killed"
    assert checkout.outcome(mutant("a * b"), ["test_sums.py::test_nothing"]) == "killed"
    assert checkout.outcome(mutant("a - b"), ["test_sums.py::test_sum"]) == "survived"


def test_source_that_changed_is_named(tmp_path: Path) -> None:
    (project(tmp_path) / "sums.py").write_text("def add(a, b):\n    return b + a\n")
    with pytest.raises(StaleMutantError, match=r"0 times in sums\.py"):
        mutant("a - b").applied(tmp_path)


def test_too_many_survivors_are_a_failure_and_equivalent_ones_do_not_count(
    capsys: pytest.CaptureFixture[str],
) -> None:
    killed = {mutant(str(number)): "killed" for number in range(19)}
    assert report({**killed, mutant("a - b"): "survived"})
    assert '"killed_share": 0.95' in capsys.readouterr().out
    assert not report({**killed, mutant("a - b"): "survived", mutant("b - a"): "survived"})
    assert report({**killed, mutant("b + a", equivalent="the same"): "survived"})
    assert not report({**killed, mutant("a +"): "broken"})
