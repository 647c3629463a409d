"""Time zones by their IANA names."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _


@cache
def _zones() -> set[str]:
    return available_timezones()


def validate_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA zone such as America/New_York."""
    if name not in _zones():
        raise ValidationError(_("%(name)s is not a time zone"), params={"name": name})
