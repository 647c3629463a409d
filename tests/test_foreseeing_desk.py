"""The desk looks ahead: what is coming to a patient, and what a rule would change before it is."""

import re
from datetime import timedelta
from decimal import Decimal
from html import unescape

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from notifications import clock
from notifications.models import AuditEvent, ScheduledNotification
from portal.models import ReminderRule, User
from portal.services import forecast
from tests.clinic import a_visit, wall
from tests.conftest import PASSWORD, signed_in
from tests.engine import BENS_NUMBER, NOON, phone_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
DAY, MINUTES = timedelta(days=1), 24 * 60
NEEDED = (
    "portal.view_user",
    "notifications.view_patientnotification",
    "notifications.view_delivery",
    "notifications.view_schedulednotification",
)


@pytest.fixture
def rule(location) -> ReminderRule:
    ReminderRule.objects.create(location=location, name="2-hours", minutes_before=120)
    return ReminderRule.objects.create(location=location, name="1-day", minutes_before=MINUTES)


@pytest.fixture
def visit(rule, ana, location, provider):
    return visit_of(ana, "2026-12-01 10:00", location=location, provider=provider)


def visit_of(patient, start: str, **where):
    with clock.at(NOON - 20 * DAY):
        return a_visit(patient, wall(start), announce=False, **where)


@pytest.fixture
def desk(db):
    return signed_in(User.objects.create_superuser("chief@example.com", password=PASSWORD))


def clerk_with(*names) -> User:
    clerk = User.objects.create_user(username="clerk@example.com", is_staff=True)
    for name in names:
        app, codename = name.split(".")
        rights = Permission.objects.filter(content_type__app_label=app, codename=codename)
        clerk.user_permissions.add(rights.get())
    return clerk


def words(answer) -> str:
    assert answer.status_code == 200
    page = answer.content.decode().partition('<div id="content"')[2]
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page)).split())


def coming(client, patient):
    return client.get(reverse("admin:portal_user_coming", args=[patient.pk]))


# -- a patient -----------------------------------------------------------------------------------


@pytest.mark.req("P-40", "H-06")
def test_the_desk_sees_what_is_coming_to_ana_and_why_something_is_not(desk, visit, ana, ben):
    phone_of(ana)
    page = words(coming(desk, ana))
    assert "Monday, Nov 30, 2026 10:00 AM EST Visit reminders" in page
    assert "Text Goes" in page
    assert "Email Not sent. No address on file for this channel Next step: Add an address" in page
    assert "Visit of Tue, Dec 1 at 10:00 AM EST, Dr Lee" in page
    assert words(coming(desk, ben)).endswith("Nothing is coming.")
    looks = AuditEvent.objects.filter(action="viewed", details__list="coming")
    assert set(looks.values_list("patient_id", flat=True)) == {ana.pk, ben.pk}


@pytest.mark.req("H-02")
def test_what_is_coming_is_for_those_who_may_see_the_timeline_and_plans(visit, ana, ben):
    assert coming(signed_in(clerk_with(*NEEDED[:3])), ana).status_code == 403
    User.objects.filter(username="clerk@example.com").delete()
    page = words(coming(signed_in(clerk_with(*NEEDED)), ana))
    assert "Visit reminders" in page
    assert "Visit of" not in page  # nothing of a table they may not see
    assert coming(signed_in(ben), ana).status_code in (302, 403)


def test_beside_the_forecast_the_page_costs_the_same_for_one_visit_and_for_three(
    desk, visit, ana, location, provider
):
    phone_of(ana)

    def queries(look) -> int:
        with CaptureQueriesContext(connection) as seen:
            look()
        return len(seen)

    def beside() -> int:
        alone = queries(lambda: forecast(patient_id=ana.pk, days=14))
        return queries(lambda: coming(desk, ana)) - alone

    coming(desk, ana)
    first = beside()
    for day in (3, 4):
        visit_of(ana, f"2026-12-0{day} 10:00", location=location, provider=provider)
    assert beside() == first


# -- a rule --------------------------------------------------------------------------------------


def form_of(rule: ReminderRule, **changes) -> dict[str, str]:
    values = {
        name: getattr(rule, name)
        for name in ("name", "what", "minutes_before", "audience", "until", "ladder")
    }
    given = values | {"location": rule.location_id, "is_active": "on"} | changes
    return {name: value for name, value in given.items() if value is not None}


def test_see_what_would_change_shows_a_table_and_saves_nothing(
    desk, visit, rule, ana, ben, location, provider
):
    for patient, number in ((ana, "+12125550142"), (ben, BENS_NUMBER)):
        phone_of(patient, number)
    visit_of(ben, "2026-12-03 10:00", location=location, provider=provider)
    location.practice.text_price = Decimal("0.0100")
    location.practice.save()
    plans = set(ScheduledNotification.objects.values_list("pk", "due_at", "status"))
    new = ReminderRule(location=location, name="3-days", minutes_before=3 * MINUTES)
    form = form_of(new) | {"_foresee": "1"}
    answer = desk.post(reverse("admin:portal_reminderrule_add"), form)
    page = words(answer)
    assert "Nothing is saved yet. If it were saved now, in the next 30 days:" in page
    assert "Visits planned anew: 2 of 2" in page
    assert "Patients who get more messages: 2 , fewer: 0 , of 2" in page
    assert "Texts: +2 , $0.02" in page
    assert "Text Goes 4 6 +2" in page
    assert "for the visit of Tue, Dec 1 at 10:00 AM EST" in page
    assert "Ana" not in page and "Example" not in page
    assert " style=" not in answer.content.decode()
    assert 'value="3-days"' in answer.content.decode()  # what was typed is still there
    assert set(ScheduledNotification.objects.values_list("pk", "due_at", "status")) == plans
    assert not ReminderRule.objects.filter(name="3-days").exists()
    form.pop("_foresee")
    desk.post(reverse("admin:portal_reminderrule_add"), form)
    assert ReminderRule.objects.filter(name="3-days").exists()
    goes = [each for each in forecast(days=30) if each.channel == "sms" and each.goes]
    assert len(goes) == 6


def test_a_rule_without_its_tick_shows_what_no_longer_comes(desk, visit, rule, ana):
    phone_of(ana)
    page = words(
        desk.post(
            reverse("admin:portal_reminderrule_change", args=[rule.pk]),
            form_of(rule, is_active=None) | {"_foresee": "1"},
        )
    )
    assert "Texts: -1 (what they cost: enter the price of a text at the practice)" in page
    assert "No longer: Mon, Nov 30 at 10:00 AM EST, Visit reminders (In-app and Text)" in page
    rule.refresh_from_db()
    assert rule.is_active


def test_a_rule_that_cannot_be_says_why_and_foresees_nothing(desk, visit, rule):
    page = words(
        desk.post(
            reverse("admin:portal_reminderrule_change", args=[rule.pk]),
            form_of(rule, minutes_before=10) | {"_foresee": "1"},
        )
    )
    assert "This is too late" in page
    assert "Nothing is saved yet" not in page


def test_who_may_only_look_at_rules_cannot_ask(visit, rule):
    clerk = signed_in(clerk_with("portal.view_reminderrule"))
    address = reverse("admin:portal_reminderrule_change", args=[rule.pk])
    assert "See what would change" not in words(clerk.get(address))
    assert clerk.post(address, form_of(rule) | {"_foresee": "1"}).status_code == 403
