"""Check results for the Dagster UI: what a check found, as a sentence, numbers and tables.

Only their form is decided here; the numbers are computed in soundalike. Metadata of assets is in
metadata.py.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from pipelines.charts import columns, named_bars
from pipelines.markdown import recorded_failures_table, table
from soundalike.catalog.coverage import Coverage, DecodedAudio
from soundalike.ingest.root_checks import RootState
from soundalike.maintenance.quality import Quality
from soundalike.vectors.artifact_files import Check
from soundalike.vectors.map_files import MapManifest

WARN = dg.AssetCheckSeverity.WARN
LEAST_TRUST = 0.85
LEAVE_OUT = (
    "`soundalike failures` lists them with their next attempts; a file that stays broken can be "
    "left out with a .soundalikeignore"
)


def check_result(checks: Sequence[Check]) -> dg.AssetCheckResult:
    """One result for several checks, a table row each; it passes if all of them did."""
    rows = [(check.name, "yes" if check.passed else "NO", check.detail) for check in checks]
    wrong = [f"{check.name}: {check.detail}" for check in checks if not check.passed]
    return dg.AssetCheckResult(
        passed=not wrong,
        description="; ".join(wrong) or None,
        metadata={"checked": dg.MetadataValue.md(table(("check", "passed", "detail"), rows))},
    )


def batches_result(checked: Mapping[str, Sequence[Check]]) -> dg.AssetCheckResult:
    """One result for several batches: of one batch all its checks, of more those that failed."""
    rows = [
        (batch, check.name, check.detail)
        for batch, checks in checked.items()
        for check in checks
        if not check.passed
    ]
    wrong = sorted({batch for batch, *_ in rows})
    if len(checked) == 1:
        [(batch, checks)] = checked.items()
        result = check_result(checks)
        return result._replace(description=f"{batch}: {result.description or 'valid'}")
    first = ", ".join(wrong[:10]) + (", ..." if len(wrong) > 10 else "")  # noqa: PLR2004
    return dg.AssetCheckResult(
        passed=not wrong,
        description=f"{len(wrong)} of {len(checked)} batches are not valid: {first}"
        if wrong
        else f"{len(checked)} batches are valid",
        metadata={
            "batches_checked": len(checked),
            "batches_not_valid": len(wrong),
            "failed_checks": dg.MetadataValue.md(
                table(("batch", "check", "detail"), rows) if rows else "none"
            ),
        },
    )


def coverage_result(found: Coverage) -> dg.AssetCheckResult:
    """A warning if a file failed at the stage, or there is nothing that could have."""
    return dg.AssetCheckResult(
        passed=found.total > 0 and not found.failures,
        severity=WARN,
        description=_sentence(found),
        metadata=_numbers(found),
    )


def decoded_result(found: Coverage, audio: DecodedAudio) -> dg.AssetCheckResult:
    """A `coverage_result` that also shows how much of the audio is not broken."""
    result = coverage_result(found)
    return result._replace(
        metadata={
            **result.metadata,
            "share_decoded": dg.MetadataValue.float(round(audio.share, 5)),
            "partly_broken_tracks": dg.MetadataValue.int(audio.flawed),
            "hours": dg.MetadataValue.float(round(audio.seconds / 3600, 2)),
        }
    )


def _sentence(found: Coverage) -> str:
    if not found.total:
        return f"there is no {found.unit} to check; materialise the assets before this one"
    waiting = found.total - found.done - found.failures  # a track's copies may all have failed
    done = f"{found.done} of {found.total} {found.unit}s are done"
    done += f", {waiting} wait" if waiting > 0 else ""
    if not found.failures:
        return done
    codes = ", ".join(f"{count} {code}" for code, count in found.failed.items())
    failed = "1 file" if found.failures == 1 else f"{found.failures} files"
    return f"{failed} failed ({codes}); {done}. {LEAVE_OUT}"


def _numbers(found: Coverage) -> dict[str, Any]:
    """Numbers that the UI plots over time, and the failures by code and by file."""
    return {
        f"{found.unit}s": found.total,
        "done": found.done,
        "share_done": round(found.done / found.total, 5) if found.total else 0.0,
        "failures": found.failures,
        "failures_by_code": dg.MetadataValue.md(named_bars(found.failed, "failures")),
        "failed_files": dg.MetadataValue.md(recorded_failures_table(found.shown, found.failures)),
    }


def roots_result(states: Sequence[RootState]) -> dg.AssetCheckResult:
    """A warning if a root cannot be listed, its last scan had problems, or there is no root."""
    problems = [(state.shown, problem) for state in states for problem in state.problems]
    rows = [
        (state.shown, str(state.files), _time(state), str(len(state.problems))) for state in states
    ]
    return dg.AssetCheckResult(
        passed=bool(states) and not problems,
        severity=WARN,
        description=_root_sentence(states, problems),
        metadata={
            "roots": dg.MetadataValue.md(
                table(("root", "files", "last scan", "problems"), rows) if rows else "none"
            ),
            "problems": len(problems),
            "what_is_wrong": dg.MetadataValue.md(
                table(("root", "problem"), problems) if problems else "nothing"
            ),
        },
    )


def _root_sentence(states: Sequence[RootState], problems: Sequence[tuple[str, str]]) -> str:
    if not states:
        return "no music folder is known: set SOUNDALIKE_MUSIC, or run `soundalike ingest FOLDER`"
    if not problems:
        return f"{len(states)} of {len(states)} music roots can be listed, nothing is wrong"
    root, problem = problems[0]
    more = f" (and {len(problems) - 1} more problems)" if len(problems) > 1 else ""
    return f"{root}: {problem}{more}"


def _time(state: RootState) -> str:
    return f"{state.scanned_at:%Y-%m-%d %H:%M} UTC" if state.scanned_at else "never"


def map_result(manifest: MapManifest) -> dg.AssetCheckResult:
    """A warning if neighbours on the map are often none by sound; a small map passes."""
    trust = manifest.trustworthiness
    told = "too few tracks to measure" if trust is None else f"{trust:.3f} of 1"
    return dg.AssetCheckResult(
        passed=trust is None or trust >= LEAST_TRUST,
        severity=WARN,
        description=f"trustworthiness at 15 neighbours: {told}; at least {LEAST_TRUST} is wanted",
        metadata={} if trust is None else {"trustworthiness": trust},
    )


def quality_result(quality: Quality) -> dg.AssetCheckResult:
    """Numbers that the UI plots over versions; a warning if the vectors are degenerate."""
    return dg.AssetCheckResult(
        passed=not quality.degenerate,
        severity=WARN,
        description=quality.degenerate or None,
        metadata={**quality.numbers, **_similarity(quality)},
    )


def _similarity(quality: Quality) -> dict[str, Any]:
    if not quality.cosine_counts:
        return {}
    low, high = quality.cosine_range
    chart = columns(quality.cosine_counts, low, high, "cosine of two tracks")
    return {"similarity": dg.MetadataValue.md(chart)}
