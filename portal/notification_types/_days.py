"""When a day is over for a message that names only the day."""

from datetime import UTC, date, datetime, time, timedelta


def end_of(day: date) -> datetime:
    """Return the first moment (UTC) at which a day is over in every zone of the country.

    Midnight in Hawaii is 10:00 UTC, so noon; American Samoa is an hour behind it.
    """
    return datetime.combine(day + timedelta(days=1), time(12), tzinfo=UTC)
