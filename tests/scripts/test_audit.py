"""An audit that could not ask must never look like one that found nothing."""

import json
from pathlib import Path

import pytest

from scripts import audit

FAULT = {"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}
GOOD = {"name": "good", "version": "1.0", "vulns": []}
BAD = {"name": "bad", "version": "1.0", "vulns": [FAULT]}
SKIPPED = {"name": "odd", "skip_reason": "Dependency not found on PyPI and could not be audited"}


def pip_audit(folder: Path, output: str, code: int = 0) -> str:
    """A program that answers as pip-audit does."""
    program = folder / "pip-audit"
    (folder / "output").write_text(output)
    program.write_text(
        f"#!/bin/sh\necho 'ConnectionError: no route' >&2\ncat '{folder}/output'\nexit {code}\n"
    )
    program.chmod(0o755)
    return str(program)


@pytest.mark.parametrize(
    ("packages", "code", "said"),
    [
        ([GOOD], audit.CLEAN, "1 packages audited, 0 known"),
        ([GOOD, BAD], audit.VULNERABLE, "bad 1.0: PYSEC-2026-1, mended by 1.1"),
        ([GOOD, SKIPPED], audit.UNKNOWN, "not audited: 1 of 2 packages"),
        ([BAD, SKIPPED], audit.VULNERABLE, "not audited: 1 of 2 packages"),
        ([], audit.UNKNOWN, "not audited: 0 of 0"),
    ],
)
def test_the_exit_code_says_what_is_known(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], packages: list[object], code: int, said: str
) -> None:
    assert audit.main(pip_audit(tmp_path, json.dumps({"dependencies": packages}))) == code
    assert said in capsys.readouterr().out


def test_a_database_that_is_away_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert audit.main(pip_audit(tmp_path, "", code=1)) == audit.UNKNOWN
    assert capsys.readouterr().out == "not audited: ConnectionError: no route\n"
