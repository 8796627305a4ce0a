"""`make help` must name every target that a person may want, on lines that fit a terminal."""

import re
import subprocess

from tests.source import REPOSITORY

MAKEFILE = (REPOSITORY / "Makefile").read_text()


def made(*arguments: str) -> str:
    done = subprocess.run(
        ["make", "--no-print-directory", *arguments],
        cwd=REPOSITORY,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_help_lists_every_target_and_fits_80_columns() -> None:
    targets = re.findall(r"[a-z-]+", " ".join(re.findall(r"^\.PHONY: (.*)$", MAKEFILE, re.M)))
    listed = re.findall(r"^make ([a-z-]+) +\S", made("help"), re.M)
    assert len(targets) > 15
    assert sorted(listed) == sorted(targets)
    assert max(map(len, made("help").splitlines())) <= 80


def test_make_alone_only_helps() -> None:
    assert made() == made("help")
    assert "source .venv/bin/activate" in made()


def test_the_targets_of_the_readme_exist() -> None:
    named = set(
        re.findall(r"(?:`|^    )make ([a-z-]+)", (REPOSITORY / "README.md").read_text(), re.M)
    )
    assert {"demo", "test", "uninstall"} <= named
    assert [name for name in sorted(named) if f"\n{name}:" not in MAKEFILE] == []


def test_every_benchmark_but_that_of_gpus_is_part_of_bench() -> None:
    """It ends with an exit code where there is no GPU, at which `make bench` would stop."""
    run = set(re.findall(r"benchmarks/(bench_\w+)\.py", made("-n", "bench")))
    there = {path.stem for path in (REPOSITORY / "benchmarks").glob("bench_*.py")}
    assert there - run == {"bench_gpu"}
    assert "benchmarks/bench_gpu.py" in made("-n", "bench-gpu")
