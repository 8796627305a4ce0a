"""Installs soundalike into a virtual environment, and says what it does.

    python3 scripts/install.py FOLDER [auto|cpu|default]

Which PyTorch it takes is in docs/operations.md, "Installing". Standard library only, as it runs
before anything is installed.
"""

import http.client
import os
import platform
import queue
import re
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
CONSTRAINTS = ("--constraint", str(ROOT / "requirements.lock"))
PACKAGES = ("--editable", f"{ROOT}[demo,dev,evaluate,gunicorn,milvus,otel,s3]")
TORCH = "torch==2.13.0"  # 2.13.0+cpu, the name of the CPU build, satisfies it
CPU_INDEX = "https://download.pytorch.org/whl/cpu"
PYTHONS = ((3, 11), (3, 13))
COST = "about 2 GB, in a few minutes"

# Settings of pip by which a person says where packages come from.
SOURCES = re.compile(r"^\S*\.(index-url|extra-index-url|find-links|no-index)=", re.MULTILINE)

# Lines that pip writes for every package. A bar is drawn with ━.
CHATTER = re.compile(
    r"\s*($|Collecting|Downloading|Using cached|Obtaining|Requirement already|Processing"
    r"|Looking in|WARNING: Location|Preparing|Installing|Getting|Building|Created wheel|Stored in"
    r"|Checking|Attempting|Found existing|Uninstalling|Successfully|.*━)"
)
LARGE = re.compile(r"\s*Downloading .*\((\d{2,}(\.\d+)? MB|[\d.]+ GB)\)")
COLOURS = re.compile(r"\x1b\[[\d;]*m")
CURSOR = re.compile(r"\x1b\[(\?25[hl]|\d?K)")


def main(folder: str, torch: str = "auto") -> str | None:
    """Install into `folder`; return an error message or None."""
    if not PYTHONS[0] <= sys.version_info[:2] <= PYTHONS[1]:
        wanted = " to ".join(f"{major}.{minor}" for major, minor in PYTHONS)
        return (
            f"soundalike needs Python {wanted}, and this is {platform.python_version()}; "
            "name another one: make PYTHON=python3.12"
        )
    if torch not in ("auto", "cpu", "default"):
        return f"TORCH={torch} is unknown; leave it out, or give cpu or default"
    python = Path(folder).absolute() / "bin" / "python"
    if python.exists():
        print(f"Updating {folder}.", flush=True)
    else:
        print(f"Installing soundalike and all it needs into {folder}: {COST}.", flush=True)
        if subprocess.run([sys.executable, "-m", "venv", folder], check=False).returncode:
            return f"no virtual environment could be made in {folder}; the reason is above"
    sources = SOURCES.search(_pip(python, "config", "list"))
    if torch == "cpu" and not reachable(CPU_INDEX):
        return f"{CPU_INDEX} is not reachable, so TORCH=cpu is not possible; TORCH=default is"
    options, note = torch_source(torch, has_sources=sources is not None)
    print(note, flush=True)
    for packages in ((*options, TORCH), PACKAGES):
        if run_pip(python, "install", *CONSTRAINTS, *packages):
            return "pip could not install; the reason is above. The same command goes on from here"
    return None


def torch_source(choice: str, has_sources: bool) -> tuple[tuple[str, ...], str]:
    """Return options for pip that lead to the wanted PyTorch, and a sentence about them.

    `has_sources`: pip is set up with sources of its own, which are left alone.
    """
    size = "several GB of CUDA libraries come along if it is PyPI's build"
    if choice != "cpu":
        if (sys.platform, platform.machine()) != ("linux", "x86_64"):
            return (), "PyTorch: the build of the package index for this machine."
        if choice == "default":
            return (), f"PyTorch: the build that pip finds first; {size}."
        if has_sources:
            return (), f"PyTorch: from where pip is set up to look; {size} (TORCH=cpu: without)."
        if has_nvidia_gpu():
            return (
                (),
                "PyTorch: with CUDA for the NVIDIA GPU, several GB more (TORCH=cpu: without).",
            )
        if not reachable(CPU_INDEX):
            return (), f"PyTorch: {CPU_INDEX} is not reachable; {size}."
    return ("--extra-index-url", CPU_INDEX), f"PyTorch: the CPU build of {CPU_INDEX}."


def has_nvidia_gpu() -> bool:
    """Return whether NVIDIA's driver is there."""
    return bool(shutil.which("nvidia-smi")) or Path("/proc/driver/nvidia").exists()


def reachable(url: str, seconds: float = 4) -> bool:
    """Return whether a server answers within `seconds`, the time to look up its name included."""
    answer: queue.Queue[bool] = queue.Queue()

    def ask() -> None:
        try:
            request = urllib.request.Request(f"{url}/", method="HEAD")
            urllib.request.urlopen(request, timeout=seconds).close()
        except (OSError, http.client.HTTPException):
            answer.put(False)
        else:
            answer.put(True)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return answer.get(timeout=seconds)
    except queue.Empty:
        return False


def run_pip(python: Path, *arguments: str) -> int:
    """Run pip and return its exit code. A terminal shows its bar; elsewhere only problems show."""
    command = [str(python), "-m", "pip", *arguments, "--disable-pip-version-check"]
    if not sys.stdout.isatty():
        return subprocess.run([*command, "--quiet"], check=False).returncode
    width = shutil.get_terminal_size().columns - 1
    drawn = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(width)}
    output, end = os.pipe()
    with subprocess.Popen(command, env=drawn, stdout=end, stderr=end) as process:
        os.close(end)
        for line in _lines(output):
            print(display(line, width), end="", flush=True)
    os.close(output)
    print("\r\x1b[K", end="", flush=True)
    return process.returncode


def display(line: str, width: int) -> str:
    """Return what to write for a line of pip: chatter is overwritten by the next line."""
    line = CURSOR.sub("", line).rstrip("\r\n")
    plain = COLOURS.sub("", line)
    if not CHATTER.match(plain) or LARGE.match(plain):
        return f"\r\x1b[K{line}\n"
    return f"\r\x1b[K{line if '━' in line else plain[:width]}" if plain.strip() else ""


def _lines(output: int) -> Iterator[str]:
    """Yield what a program writes as soon as a line is complete; a bar's ends are \\r."""
    pending = b""
    while chunk := os.read(output, 8192):
        *complete, pending = re.split(rb"(?<=[\r\n])", pending + chunk)
        yield from (line.decode(errors="replace") for line in complete)
    yield pending.decode(errors="replace")


def _pip(python: Path, *arguments: str) -> str:
    return subprocess.run(
        [str(python), "-m", "pip", *arguments], capture_output=True, text=True, check=False
    ).stdout


if __name__ == "__main__":
    try:
        sys.exit(main(*sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit("stopped; the same command goes on from here")
