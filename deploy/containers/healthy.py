"""Ends with 0 if a service of this container answers: at a URL, or at a Unix socket.

python healthy.py http://127.0.0.1:8000/health/live
python healthy.py /data/dagster/runs.sock
"""

import socket
import sys
import urllib.request

SECONDS = 5


def check(place: str) -> None:
    """Connect, and read the answer if it is a URL. Raises OSError if there is none or an error."""
    if place.startswith("http://"):
        direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        direct.open(place, timeout=SECONDS).close()
        return
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(SECONDS)
        client.connect(place)


if __name__ == "__main__":
    try:
        check(sys.argv[1])
    except OSError as error:
        sys.exit(f"{sys.argv[1]}: {error}")
