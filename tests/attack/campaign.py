"""The campaign of `make attack`: one attack after another, while a patient client asks for health.

It ends with a JSON line: for each attack the worst time of /health/live in ms, what was answered,
what memory grew by and what uploads held of the disk, in bytes; answers of 500 and above that are
no 503; wrong answers from a changed index, and how often readiness told of the change; seconds to
stop with half-sent requests waiting. It fails where a bound does not hold.
"""

import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.attack.attacks import ATTACKS, Attack, half_requests
from tests.attack.changed_index import changed_index
from tests.attack.target import Target, target

ATTACK_SECONDS = float(os.environ.get("ATTACK_SECONDS", "15"))
MAX_HEALTH_MS = 1000
MAX_BYTES_HELD = 8 * 64 * 2**20  # of the disk: as many uploads as there are places
MAX_STOP_SECONDS = 10.0
PORT = 8765
LOOK_SECONDS = 0.25


async def attacked(running: Target, attack: Attack) -> dict[str, Any]:
    """Attack for a while; return the figures."""
    answers: Counter[str] = Counter()
    memory, grown, held = running.memory(), 0, 0
    command = [sys.executable, "-m", "tests.attack.probe", str(running.port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as probe:
        attacking = asyncio.ensure_future(attack(running, answers))
        end = time.monotonic() + ATTACK_SECONDS
        while time.monotonic() < end and not attacking.done():
            await asyncio.sleep(LOOK_SECONDS)
            grown, held = max(grown, running.memory() - memory), max(held, running.disk())
        attacking.cancel()
        with suppress(asyncio.CancelledError):
            await attacking
        output, _ = await asyncio.to_thread(probe.communicate)
    return {
        **json.loads(output),
        "answers": dict(sorted(answers.items())),
        "memory_grown": grown,
        "bytes_held": held,
    }


async def stopped(running: Target) -> float:
    """Stop the server while half-sent requests wait; return the seconds that it took."""
    attacking = asyncio.ensure_future(half_requests(running, Counter()))
    await asyncio.sleep(1.0)
    started = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    await asyncio.to_thread(running.process.wait, 60)
    attacking.cancel()
    return round(time.monotonic() - started, 1)


async def campaign(running: Target) -> dict[str, Any]:
    """Run every attack, then stop the server; return all figures."""
    figures: dict[str, Any] = {}
    for attack in (*ATTACKS, changed_index):
        figures[attack.__name__] = await attacked(running, attack)
        print(attack.__name__, json.dumps(figures[attack.__name__]), flush=True)
    return {
        "attacks": figures,
        "health_worst_ms": max(each["health_worst_ms"] for each in figures.values()),
        "health_failed": sum(each["failed"] for each in figures.values()),
        "bytes_held": max(each["bytes_held"] for each in figures.values()),
        "wrong_answers": figures["changed_index"]["answers"].get("wrong", 0),
        "changes_noticed": figures["changed_index"]["answers"].get("noticed", 0),
        "stop_seconds": await stopped(running),
        "unexpected_5xx": running.unexpected(),
    }


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="soundalike-attack-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # root's private PostgreSQL runs as nobody
        with target(folder, PORT) as running:
            figures = asyncio.run(campaign(running))
    print(json.dumps(figures))
    broken = [
        figures["health_worst_ms"] > MAX_HEALTH_MS,
        figures["health_failed"] > 0,
        figures["bytes_held"] > MAX_BYTES_HELD,
        figures["wrong_answers"] > 0,
        figures["changes_noticed"] == 0,
        figures["stop_seconds"] > MAX_STOP_SECONDS,
        bool(figures["unexpected_5xx"]),
    ]
    sys.exit(any(broken))


if __name__ == "__main__":
    main()
