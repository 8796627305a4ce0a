"""The patient client: asks /health/live on a new connection again and again, in its own process.

`python -m tests.attack.probe PORT` prints the worst and the number of its questions as JSON, and
those that failed, once its standard input ends.
"""

import http.client
import json
import sys
import threading
import time

PAUSE_SECONDS = 0.05
TIMEOUT_SECONDS = 30


def main() -> None:
    port, ended = int(sys.argv[1]), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), ended.set()), daemon=True).start()
    worst, asked, failed = 0.0, 0, 0
    while not ended.wait(PAUSE_SECONDS):
        started = time.perf_counter()
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/health/live")
            failed += connection.getresponse().status != 200
        except OSError:
            failed += 1
        finally:
            connection.close()
        worst, asked = max(worst, time.perf_counter() - started), asked + 1
    print(json.dumps({"health_worst_ms": round(1000 * worst), "asked": asked, "failed": failed}))


if __name__ == "__main__":
    main()
