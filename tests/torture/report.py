"""What a campaign has found: a table for people, and one line of JSON for programs."""

import json
from collections import Counter
from dataclasses import dataclass

from tests.torture.witness import Witness

SHOWN = 20  # of what is wrong, of each kind


@dataclass(frozen=True)
class Result:
    """What was done to the ingest, and what is wrong with what it made, by kind."""

    seconds: float
    stages: Counter[str]
    changes: Counter[str]
    postgres_kills: int
    ended_alone: int
    looks: int
    wrong: dict[str, list[str]]


def report(result: Result, witness: Witness | None) -> bool:
    """Print it; True if all is well."""
    kills = result.stages.total()
    print(f"{kills} kills in {result.seconds:.0f} s, by the step they hit:")
    for stage, number in result.stages.most_common():
        print(f"  {stage:<28}{number:>4}")
    print(f"  {'with PostgreSQL':<28}{result.postgres_kills:>4}")
    changes = ", ".join(f"{number} x {kind}" for kind, number in result.changes.most_common())
    print(f"{result.ended_alone} ingests ended by themselves; the library changed: {changes}")
    print(f"visible artifacts were looked at {result.looks} times")
    if witness:
        _print_witness(witness)
    for kind, items in result.wrong.items():
        for item in items[:SHOWN]:
            print(f"{kind}: {item}")
    figures = {
        "kills": kills,
        **{kind: len(items) for kind, items in result.wrong.items()},
        "seconds": round(result.seconds, 1),
        "postgres_kills": result.postgres_kills,
        "kills_by_step": dict(result.stages.most_common()),
        "answers": witness.answers if witness else 0,
        "unavailable_answers": witness.unavailable if witness else 0,
    }
    print(json.dumps(figures))
    return not any(result.wrong.values())


def _print_witness(witness: Witness) -> None:
    spans = [ended - begun for begun, ended in witness.outages.spans]
    print(
        f"the API answered {witness.answers} times from {len(set(witness.versions))} versions, "
        f"503 {witness.unavailable} times; the slowest answer took {witness.slowest:.2f} s; "
        f"PostgreSQL was away for {max(spans, default=0):.1f} s at most"
    )
