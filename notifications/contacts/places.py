"""Where a mobile number may be: its state and its clocks, as far as the area code tells."""

import phonenumbers
from phonenumbers import timezone

from notifications.contacts.area_codes import STATE_OF

NOWHERE: tuple[str, tuple[str, ...]] = ("", ())


def place_of(*, number: str) -> tuple[str, tuple[str, ...]]:
    """Return the state (two letters) and the IANA zones of an E.164 number's area code.

    ("", ()) for a number of no state. People keep their number when they move, so this says where
    somebody may be, beside where they live.
    """
    state = STATE_OF.get(number[2:5], "") if number.startswith("+1") else ""
    if not state:
        return NOWHERE
    zones = timezone.time_zones_for_geographical_number(phonenumbers.parse(number))
    return state, tuple(zones)
