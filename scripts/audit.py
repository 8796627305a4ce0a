"""Asks whether the versions of requirements.lock have known vulnerabilities.

    python3 scripts/audit.py PIP_AUDIT [LOCK]

Exit code 0: none of them has one; 1: some have, and are listed; 2: it could not be found out.
pip-audit itself ends with 0 where the index has no database of vulnerabilities, as a mirror may:
it skips every package then, and an audit of nothing must not look like a clean one.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

LOCK = Path(__file__).parents[1] / "requirements.lock"
OPTIONS = ("--no-deps", "--disable-pip", "--progress-spinner", "off", "--format", "json")
CLEAN, VULNERABLE, UNKNOWN = 0, 1, 2


def main(program: str, lock: str = str(LOCK)) -> int:
    """Run pip-audit, and say what came of it; return the exit code."""
    done = subprocess.run(
        [program, *OPTIONS, "--requirement", lock], capture_output=True, text=True, check=False
    )
    try:
        packages = json.loads(done.stdout)["dependencies"]
    except (json.JSONDecodeError, KeyError):
        print(f"not audited: {last_line(done.stderr)}")
        return UNKNOWN
    return verdict(packages)


def verdict(packages: list[dict[str, Any]]) -> int:
    """Print what is known of the packages; return the exit code."""
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    found = [(each, fault) for each in packages for fault in each.get("vulns", [])]
    for package, fault in found:
        fixed = ", ".join(fault["fix_versions"]) or "no version yet"
        print(f"{package['name']} {package['version']}: {fault['id']}, mended by {fixed}")
    if skipped or not packages:
        print(
            f"not audited: {len(skipped)} of {len(packages)} packages, of which the index tells no "
            "vulnerabilities; nothing is known about them. PyPI itself tells them"
        )
    else:
        print(f"{len(packages)} packages audited, {len(found)} known vulnerabilities")
    if found:
        return VULNERABLE
    return UNKNOWN if skipped or not packages else CLEAN


def last_line(text: str) -> str:
    """Return the last line that says something."""
    return next((line for line in reversed(text.splitlines()) if line.strip()), "no answer")


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
