"""JSON only, and not much of it."""

from typing import Any

from rest_framework import exceptions, status
from rest_framework.parsers import BaseParser, JSONParser

LARGEST = 64 * 1024  # bytes: the longest sensible request is a few hundred


class TooLarge(exceptions.APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = f"Send {LARGEST // 1024} KiB at most."


class SmallJSONParser(JSONParser):
    """Reads JSON. Raises TooLarge or ParseError before it could hurt."""

    def parse(self, stream: Any, media_type: str | None = None, parser_context=None) -> Any:
        if int(parser_context["request"].META.get("CONTENT_LENGTH") or 0) > LARGEST:
            raise TooLarge
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError:
            raise exceptions.ParseError("This JSON is nested too deeply.") from None


class EmptyFormParser(BaseParser):
    """A POST without anything to say, which some clients send as a form without fields."""

    media_type = "multipart/form-data"

    def parse(self, stream: Any, media_type: str | None = None, parser_context=None) -> dict:
        if len(stream.read(LARGEST).strip().splitlines()) > 1:
            raise exceptions.UnsupportedMediaType(media_type)
        return {}
