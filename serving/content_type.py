"""The content type of JSON bodies."""

from email.message import Message

from fastapi import Request

from serving.errors import Problem


async def require_json(request: Request) -> None:
    """Require a JSON body's content type. Raises Problem: 415 for any other one, and for none.

    A browser sends no JSON to another site without asking it first, so this also refuses requests
    that a foreign page makes.
    """
    message = Message()
    message["content-type"] = request.headers.get("content-type", "")
    subtype = message.get_content_subtype()
    is_json = subtype == "json" or subtype.endswith("+json")
    if message.get_content_maintype() != "application" or not is_json:
        detail = "the body must be JSON: send it with `Content-Type: application/json`"
        raise Problem(415, "unsupported-media-type", detail)
