"""One text for a household's visits of one day: two children, one number, one segment."""

from datetime import timedelta

import pytest

from notifications.models import Delivery
from portal.services import default_reminder_rules
from tests.clinic import a_visit, wall
from tests.engine import phone_of, run

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
MORNING = wall("2026-11-30 09:30")
LATER = MORNING + timedelta(minutes=45)
TWO_DAYS = wall("2026-11-28 09:30")


@pytest.fixture
def book(location, provider):
    """Put a visit into the book, reminded of by the default rules, without a word about it."""
    default_reminder_rules(location)

    def book(patient, at=MORNING, **options):
        options = {"location": location, "provider": provider, "announce": False} | options
        return a_visit(patient, at, **options)

    return book


@pytest.fixture
def family(ana, ben):
    """Two children whose parent has one number."""
    for child in (ana, ben):
        phone_of(child)
    return ana, ben


def text_of(patient):
    return Delivery.objects.get(
        notification__patient=patient, channel="sms", notification__type="appointment_reminder"
    )


def test_two_childrens_visits_of_one_day_are_one_text_that_names_neither(family, book, carrier):
    ana, ben = family
    book(ana)
    book(ben, LATER)
    run(at=TWO_DAYS)
    assert carrier.texts() == [
        "Main Street Dental: visits Mon, Nov 30, Main St: A 9:30 AM, B 10:15 AM EST. "
        "Reply 1A, 1B or 1AB to confirm, 2 for a call. STOP to opt out."
    ]
