"""The demo clinic: a stranger types one command and finds a practice with a past."""

from collections import Counter
from datetime import timedelta

import pytest
from django.contrib.auth import authenticate
from django.core.management import CommandError, call_command
from django.utils import timezone

from notifications import consent, contacts
from notifications.enums import ContactStatus
from notifications.scheduler import notification_scheduler_service
from notifications.services import patient_notification_service
from portal.access import wards_of
from portal.management.demo import book
from portal.models import (
    Appointment,
    Location,
    PatientForm,
    Practice,
    Provider,
    RecallSchedule,
    Statement,
    User,
    WaitingListEntry,
)

Status = Appointment.Status


def person(email: str) -> User:
    return User.objects.get(username=email)


def messages(patient: User, **options) -> list:
    return patient_notification_service.inbox(patient_id=patient.pk, limit=100, **options).items


def may_sign_in(request_factory, email: str, password: str) -> bool:
    request = request_factory.post("/accounts/login/")
    return authenticate(request, username=email, password=password) is not None


@pytest.mark.django_db
def test_one_command_opens_a_clinic_with_a_past(settings, capsys, rf, outbox):
    settings.DEMO_PASSWORD = ""
    call_command("seed_demo")
    said = capsys.readouterr().out
    made_up = said.rsplit("Password of each: ", 1)[1].split()[0]

    _the_place_is_believable()
    _ana_sees_something_of_everything()
    _maria_acts_for_two_children_who_cannot_sign_in()
    _a_household_shares_a_number()
    _one_patient_replied_stop()
    _the_past_reads_in_order(outbox)
    _the_desk_keeps_its_lists()
    for email in ("ana", "maria", "desk", "admin"):
        assert f"{email}@example.com" in said
        assert may_sign_in(rf, f"{email}@example.com", made_up)
    desk = person("desk@example.com")
    queues = ("notifications.change_inboundtext", "notifications.change_delivery")
    for right in ("portal.change_appointment", *queues):
        assert desk.has_perm(right), right
    others = ("notifications.view_auditevent", "notifications.change_switch")
    for right in ("portal.change_user", "portal.change_location", *others):
        assert not desk.has_perm(right), right

    before = (User.objects.count(), Appointment.objects.count(), len(outbox()))
    settings.DEMO_PASSWORD = "chosen-by-hand-2026"
    call_command("seed_demo")
    said_again = capsys.readouterr().out
    assert (User.objects.count(), Appointment.objects.count(), len(outbox())) == before
    assert "chosen-by-hand-2026" not in said_again
    assert may_sign_in(rf, "ana@example.com", "chosen-by-hand-2026")
    assert not may_sign_in(rf, "ana@example.com", made_up)

    call_command("seed_demo", "--if-empty")
    assert capsys.readouterr().out == ""


def _the_place_is_believable() -> None:
    assert Practice.objects.get().name == "Main Street Dental"
    assert len(set(Location.objects.values_list("zone", flat=True))) == 2
    assert Provider.objects.count() >= 5
    patients = User.objects.filter(is_staff=False)
    assert patients.count() >= 40
    assert 5 <= patients.filter(language="es").count() <= 8
    assert RecallSchedule.objects.count() >= 40
    now = timezone.now()
    past = Counter(Appointment.objects.filter(starts_at__lt=now).values_list("status", flat=True))
    assert past[Status.COMPLETED] > past[Status.MISSED] > 0
    assert past[Status.CANCELLED] > 0
    assert past[Status.BOOKED] == past[Status.CONFIRMED] == 0
    ahead = Appointment.objects.filter(starts_at__gte=now)
    assert ahead.filter(status__in=Appointment.UPCOMING).count() > 20
    assert all(
        "example.com" in email for email in patients.values_list("email", flat=True) if email
    )


def _ana_sees_something_of_everything() -> None:
    ana = person("ana@example.com")
    rows = messages(ana, status="all")
    assert len({row.type for row in rows}) >= 6
    assert {bool(row.read_at) for row in rows} == {True, False}
    assert messages(ana, status="archived")
    assert messages(ana, status="dismissed")
    asking = [row for row in messages(ana, unread_only=True) if row.payload.get("asks_to_confirm")]
    assert len(asking) == 1
    for contact in contacts.of_patient(patient_id=ana.pk):
        assert contact.verified_at is not None
        assert consent.is_granted(contact=contact)


def _maria_acts_for_two_children_who_cannot_sign_in() -> None:
    children = [ward.patient for ward in wards_of(person("maria@example.com"))]
    assert sorted(child.first_name for child in children) == ["Lucas", "Sofia"]
    for child in children:
        assert not child.has_usable_password()
        assert {each.relation for each in contacts.of_patient(patient_id=child.pk)} == {"mother"}


def _a_household_shares_a_number() -> None:
    same = contacts.find(kind="phone", value="(212) 555-0144")
    assert {each.patient.last_name for each in same} == {"Walsh"}
    assert same.count() == 3


def _one_patient_replied_stop() -> None:
    derek = person("derek.stone@example.com")
    numbers = [each for each in contacts.of_patient(patient_id=derek.pk) if each.kind == "phone"]
    assert [each.status for each in numbers] == [ContactStatus.OPTED_OUT]
    assert not consent.is_granted(contact=numbers[0])


def _the_past_reads_in_order(outbox) -> None:
    now = timezone.now()
    for patient in User.objects.filter(is_staff=False):
        rows = messages(patient, status="all")
        times = [row.created_at for row in rows]
        assert times == sorted(times, reverse=True)
        assert all(time <= now for time in times)
    assert len(outbox("email")) > 100
    planned = notification_scheduler_service.planned(days=60)
    assert planned and all(plan.due_at > now - timedelta(minutes=1) for plan in planned)


def _the_desk_keeps_its_lists() -> None:
    ana = person("ana@example.com")
    about_money = [row.type for row in messages(ana, status="all") if "payment" in row.type]
    assert sorted(about_money) == ["payment_confirmation", "payment_due", "payment_due"]
    assert [row.expired_at for row in messages(ana, type_key="opening_offer")] == [None]
    assert Statement.objects.filter(paid_at=None).count() == 3
    forms = PatientForm.objects.filter(patient=ana)
    assert {row.kind for row in forms.filter(completed_at=None)} == {"health_history", ""}
    assert forms.exclude(completed_at=None).get().answers["plan"] == "Family Plus"
    assert WaitingListEntry.objects.filter(ended_at=None).count() == 2
    planned = notification_scheduler_service.planned(days=600)
    subjects = {plan.subject.partition(":")[0] for plan in planned}
    assert subjects >= {"recall", "treatment", "statement", "reactivation"}


@pytest.mark.django_db
def test_the_demo_never_mixes_with_a_practice_that_is_there(practice):
    with pytest.raises(CommandError, match="already has a practice"):
        call_command("seed_demo")
    assert User.objects.count() == 0


@pytest.mark.django_db
def test_the_demo_refuses_to_play_through_a_real_carrier(settings):
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    with pytest.raises(CommandError, match="email would really go out"):
        call_command("seed_demo")
    assert not Practice.objects.exists()


def test_the_desk_books_while_it_is_there(location):
    night = book.datetime(2026, 11, 20, 7, 13, tzinfo=book.ZoneInfo("UTC"))
    local = book.office_hour(night, location).astimezone(book.ZoneInfo(location.zone))
    assert 9 <= local.hour < 17
