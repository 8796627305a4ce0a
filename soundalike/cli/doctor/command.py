"""The command: it runs all checks, and creates nothing."""

from collections.abc import Iterator
from contextlib import ExitStack

import typer
from rich.console import Console
from rich.table import Table

from soundalike.catalog.library_settings import follow
from soundalike.cli.doctor import artifacts, library, machine
from soundalike.cli.doctor.findings import Check, Examined, Finding, findings_of, problem
from soundalike.cli.library import existing_library
from soundalike.errors import SettingsError, SoundalikeError
from soundalike.postgres import has_database
from soundalike.settings import load_settings, settings_file
from soundalike.terminal import safe, safe_lines

CHECKS: tuple[Check, ...] = (
    machine.device,
    library.model,
    machine.memory,
    machine.decoder,
    library.music,
    machine.data,
    artifacts.bucket,
    artifacts.milvus,
    library.catalog,
    artifacts.artifacts,
    library.access,
    machine.ports,
    machine.dagster,
)


def doctor() -> None:
    """Check what is installed, configured and reachable, and advise on what is not."""
    with ExitStack() as stack:
        findings = [*machine.software(), *_all_findings(stack)]
    table = Table.grid(padding=(0, 2))
    for overflow in ("ellipsis", "ellipsis", "fold"):
        table.add_column(overflow=overflow)
    for finding in findings:
        mark = "[yellow]![/yellow]" if finding.advice else "[green]ok[/green]"
        advice = f"\n[yellow]-> {safe_lines(finding.advice)}[/yellow]" if finding.advice else ""
        table.add_row(mark, safe(finding.subject), safe(finding.state) + advice)
    Console().print(table)
    raise typer.Exit(1 if any(finding.advice for finding in findings) else 0)


def _all_findings(stack: ExitStack) -> Iterator[Finding]:
    """Check everything; what `soundalike up` would refuse is found by the same functions."""
    try:
        settings = load_settings()
    except SettingsError as error:
        yield problem("settings", error)
        return
    file = settings_file(settings.data)
    yield Finding("settings", str(file) if file else "no settings file")
    examined = Examined(settings)
    if has_database(settings):
        try:
            sessions = stack.enter_context(existing_library(settings))
            examined = Examined(settings, sessions)
            examined = Examined(follow(sessions, settings), sessions)
        except (SoundalikeError, OSError) as error:
            yield problem("library", error)
    for check in CHECKS:
        yield from findings_of(check, examined)
