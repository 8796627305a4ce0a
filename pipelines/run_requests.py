"""Requests to the run server: a line of JSON each way, over a socket that only its user may use."""

import json
import os
import socket
from typing import Any, Literal

RUN_SERVER = "SOUNDALIKE_RUN_SERVER"  # names the run server's socket

Action = Literal["launch", "terminate", "lives"]


class RunServerAwayError(Exception):
    """The run server cannot be reached, or could not do what it was asked for."""


def ask(action: Action, run_id: str) -> Any:  # noqa: ANN401 - what the action answers
    """Ask the run server for something, and return its answer.

    There is no limit of time: a launch that is repeated because its answer came late would execute
    the run twice. A server that ends closes its connections. Raises RunServerAwayError.
    """
    request = json.dumps({"action": action, "run_id": run_id}).encode() + b"\n"
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(os.environ[RUN_SERVER])
            connection.sendall(request)
            with connection.makefile("rb") as answers:
                line = answers.readline()
    except OSError as error:
        raise RunServerAwayError(f"the run server is away: {error.strerror}") from error
    if not line:
        raise RunServerAwayError("the run server ended before it answered")
    answer = json.loads(line)
    if "error" in answer:
        raise RunServerAwayError(f"the run server could not {action} the run: {answer['error']}")
    return answer["answer"]
