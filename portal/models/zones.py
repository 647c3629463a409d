"""Time zones by their IANA names, and US states by their two letters."""

from functools import cache
from zoneinfo import available_timezones

from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

# The fifty states and the District of Columbia, as the Postal Service writes them.
_LETTERS = """
    AK AL AR AZ CA CO CT DC DE FL GA HI IA ID IL IN KS KY LA MA MD ME MI MN MO MS MT NC ND NE NH NJ
    NM NV NY OH OK OR PA RI SC SD TN TX UT VA VT WA WI WV WY
"""
STATES = frozenset(_LETTERS.split())


@cache
def _zones() -> set[str]:
    return available_timezones()


def validate_zone(name: str) -> None:
    """Raise ValidationError unless `name` is an IANA zone such as America/New_York."""
    if name not in _zones():
        raise ValidationError(_("%(name)s is not a time zone"), params={"name": name})


def validate_state(letters: str) -> None:
    """Raise ValidationError unless `letters` is a US state such as NY."""
    if letters not in STATES:
        raise ValidationError(_("%(letters)s is not a state"), params={"letters": letters})
