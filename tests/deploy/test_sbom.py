"""A bill of materials that leaves a package out hides it from whoever looks for a faulty one."""

import json
import re
import subprocess
from pathlib import Path

import pytest

from tests.source import REPOSITORY

pytestmark = pytest.mark.slow


def test_it_has_every_package_of_the_lock_and_is_the_same_each_time(tmp_path: Path) -> None:
    written = []
    for name in ("first.json", "second.json"):
        command = ["make", "--silent", "sbom", f"OUT={tmp_path / name}"]
        subprocess.run(command, cwd=REPOSITORY, check=True, capture_output=True)
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    bill = json.loads(written[0])
    locked = re.findall(
        r"^([\w.-]+)==(\S+)$", (REPOSITORY / "requirements.lock").read_text(), re.MULTILINE
    )
    assert len(locked) > 150
    listed = [(each["name"], each["version"]) for each in bill["components"]]
    assert sorted(listed) == sorted(locked)
    assert bill["metadata"]["component"]["name"] == "soundalike"
