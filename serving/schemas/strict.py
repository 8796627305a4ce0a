"""Bodies whose unknown fields are refused, however many they are."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic_core import PydanticCustomError

from serving.limits import MAX_FIELD_PROBLEMS

UNKNOWN_FIELDS = "unknown_fields"


class StrictBody(BaseModel):
    """A body, or an object in one, that may have no other fields than these.

    pydantic makes an error of each unknown field, which takes seconds for what fits into a body:
    more than a 422 names are refused as one error, before anything else is validated.
    """

    model_config = ConfigDict(extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _bound_unknown_fields(cls, body: Any) -> Any:  # noqa: ANN401 - any JSON
        unknown = body.keys() - cls.model_fields.keys() if isinstance(body, dict) else ()
        if len(unknown) > MAX_FIELD_PROBLEMS:
            first = [name for name in body if name in unknown][:MAX_FIELD_PROBLEMS]
            facts = {"names": first, "more": len(unknown) - len(first)}
            raise PydanticCustomError(UNKNOWN_FIELDS, "Extra inputs are not permitted", facts)
        return body
