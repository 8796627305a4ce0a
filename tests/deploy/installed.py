"""soundalike as its wheel installs it, without the checkout."""

import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tests.source import PACKAGES, REPOSITORY

OTHERS = ("pyproject.toml", "README.md", "LICENSE", "NOTICE", "dagster.yaml", "workspace.yaml")


def installed(folder: Path) -> Path:
    """A virtual environment with the wheel; what it depends on is that of the tests' environment.

    That one's editable install is not among it: a path that a .pth file names is only searched.
    """
    wheel = build(folder)
    environment = folder / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    site = next(environment.glob("lib/python*/site-packages"))
    (site / "dependencies.pth").write_text(f"{sysconfig.get_paths()['purelib']}\n")
    pip = [sys.executable, "-m", "pip", "--python", str(environment / "bin" / "python")]
    subprocess.run(
        [*pip, "install", "--quiet", "--no-deps", "--ignore-installed", "--no-index", wheel],
        check=True,
    )
    for name in ("dagster", "dagster-daemon"):  # programs of a package that is installed elsewhere
        script = (Path(sys.executable).with_name(name)).read_text().partition("\n")[2]
        (environment / "bin" / name).write_text(f"#!{environment / 'bin' / 'python'}\n{script}")
        (environment / "bin" / name).chmod(0o755)
    return environment


def build(folder: Path) -> Path:
    """The wheel, built from a copy of what belongs into it."""
    source = folder / "source"
    source.mkdir(parents=True)
    for name in PACKAGES:
        unwanted = shutil.ignore_patterns("__pycache__")
        shutil.copytree(REPOSITORY / name, source / name, ignore=unwanted)
    for name in OTHERS:
        shutil.copy(REPOSITORY / name, source)
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-index"),
            *("--no-build-isolation", "--wheel-dir", str(folder), str(source)),
        ],
        check=True,
    )
    [wheel] = folder.glob("*.whl")
    return wheel
