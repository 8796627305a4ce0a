"""`soundalike env`: what a shell needs for Dagster's own commands, and to find soundalike."""

import os
import shlex
import sys
from pathlib import Path

import typer

from soundalike.environment import shell_environment
from soundalike.settings import load_settings


def env() -> None:
    """Print exports for a shell: eval "$(soundalike env)"."""
    for name, value in shell_environment(load_settings()).items():
        typer.echo(f"export {name}={shlex.quote(value)}")
    programs = str(Path(sys.executable).parent)
    if programs not in os.environ.get("PATH", "").split(os.pathsep):
        typer.echo(f'export PATH={shlex.quote(programs)}:"$PATH"')
