"""What a stage is said to have cost must be what it cost, in whichever process."""

import subprocess
import sys

from soundalike.cores import available_cores
from soundalike.resource_usage import Monitor, _resident_bytes

BUSY = "import sys, time; x = bytearray(300 * 2**20); t = time.process_time()\n"
SPIN = "while time.process_time() - t < 0.5: pass\nprint('done', flush=True); sys.stdin.read()"


def test_processes_that_decode_count_as_the_run_that_started_them() -> None:
    with (
        subprocess.Popen(
            [sys.executable, "-c", BUSY + SPIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child,
        Monitor() as monitor,
    ):
        assert child.stdout is not None
        child.stdout.readline()
        usage = monitor.usage()
        peak = _resident_bytes(monitor._family())
        assert child.stdin is not None
        child.stdin.close()
    cores = available_cores()
    assert usage.cpu_percent / 100 * usage.wall_seconds * cores > 0.3
    assert peak > 300 * 2**20


def test_a_process_that_ended_is_no_error() -> None:
    with Monitor() as monitor:
        subprocess.run([sys.executable, "-c", ""], check=True)
        usage = monitor.usage()
    assert usage.cpu_percent >= 0, "it may have taken its seconds along"
