"""A backup was put back, and things are not as tidy as they might be."""

from datetime import timedelta
from importlib import import_module
from types import SimpleNamespace

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from notifications import clock, delivery, switches
from notifications.enums import DeliveryStatus, Reason
from notifications.models import AuditEvent, Delivery, DeliveryAttempt, Heartbeat
from notifications.types import AnswerLost
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from tests.engine import (
    BENS_NUMBER,
    NOON,
    NotePayload,
    Told,
    delivery_of,
    email_of,
    phone_of,
    run,
    send,
    status_of,
)
from tests.forgetful import Forgetful

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("note", "carrier", "noon")]
MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


@pytest.fixture
def book(settings):
    """A carrier of texts that keeps a book of its own, which no backup puts back."""
    Forgetful.fresh()
    settings.NOTIFICATIONS_SMS_PROVIDER = "tests.forgetful.Forgetful"
    return Forgetful.book


def restored(*, made_at, **options) -> None:
    call_command("hold", restored=made_at.isoformat(), why="restored", **options)


def forget(made) -> None:
    """Make a text's row what it was before it left, as a backup does."""
    row = delivery_of(made, "sms")
    DeliveryAttempt.objects.filter(delivery=row).delete()
    Delivery.objects.filter(pk=row.pk).update(
        status="planned", attempts=0, fence=0, provider_id="", settle_at=None
    )


def run_for_a_while(*, since) -> None:
    for number in range(1, 6):
        run(at=since + number * 3 * MINUTE)


# -- when the backup was made -------------------------------------------------------------------


@pytest.mark.req("H-20")
@pytest.mark.parametrize("by", ["system:hold", "system:watermark"])
def test_a_backup_made_while_all_was_held_is_asked_about_like_any_other(ana, book, by):
    phone_of(ana)
    switches.hold(actor="system:hold", why="an upgrade")  # as it stands in the backup
    made = send(ana)
    switches.lift(actor="system:release")  # after the backup
    run()
    forget(made)
    with clock.at(NOON + MINUTE):
        switches.hold(actor="system:hold", why="an upgrade")
    with clock.at(NOON + HOUR):
        assert switches.hold(actor=by, why="restored", restored_from=NOON - MINUTE)
        call_command("release")
        run()
    run_for_a_while(since=NOON + HOUR)
    assert len(book) == 1
    off, on = AuditEvent.objects.filter(action="switch").order_by("-id")[:2][::-1]
    assert (off.actor, off.details["change"]) == (by, "off")
    assert (on.actor, on.details["change"]) == ("system:release", "on")


@pytest.mark.req("H-20")
def test_of_two_moments_at_which_a_backup_may_have_been_made_the_earlier_counts():
    for hours in (2, 3, 1):
        switches.hold(actor="system:hold", why="restored", restored_from=NOON - hours * HOUR)
    everything = switches.read().everything
    assert everything.restored_from == NOON - 3 * HOUR
    assert everything.off_at == NOON


@pytest.mark.req("H-20")
def test_a_moment_named_too_late_is_put_right_by_the_databases_own_last_tick(ana, book):
    phone_of(ana)
    made = send(ana)
    run()
    forget(made)
    Heartbeat.objects.create(name="watermark", beat_at=NOON - MINUTE)
    with clock.at(NOON + 4 * HOUR):
        restored(made_at=NOON + 3 * HOUR)
        call_command("release")
    run_for_a_while(since=NOON + 4 * HOUR)
    assert len(book) == 1


def test_a_backup_of_tomorrow_is_refused():
    with pytest.raises(CommandError, match="has not come yet"):
        restored(made_at=NOON + HOUR)
    assert not switches.read().is_held


# -- what may have left -------------------------------------------------------------------------


@pytest.mark.req("H-20")
def test_one_message_that_cannot_be_written_keeps_no_other_from_going(ana, ben):
    email_of(ana)
    phone_of(ben)
    broken, whole = send(ana, AppointmentReminderPayload.example()), send(ben)
    broken.payload = broken.payload | {"location_zone": "Mars/Olympus"}
    broken.save()
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        call_command("release")
    assert status_of(broken, "email") == (DeliveryStatus.SKIPPED, Reason.UNWRITABLE)
    assert status_of(whole, "sms")[0] == DeliveryStatus.UNKNOWN


@pytest.mark.req("H-20")
@pytest.mark.parametrize("is_handled", [True, False])
def test_what_was_left_to_a_person_long_ago_is_not_sent_after_a_restore(ana, carrier, is_handled):
    phone_of(ana)
    Told.answers = [AnswerLost(code="503")]
    made = send(ana)
    run()
    run(at=NOON + 16 * MINUTE)
    assert status_of(made, "sms")[1] == Reason.ANSWER_UNSETTLED
    if is_handled:
        delivery.mark_handled(delivery_id=delivery_of(made, "sms").pk, actor="system:desk")
    Told.known = []
    later = NOON + timedelta(days=60)
    with clock.at(later):
        restored(made_at=later - HOUR)
        call_command("release")
    run_for_a_while(since=later)
    assert len(carrier.texts()) == 1
    assert status_of(made, "sms") == (DeliveryStatus.UNKNOWN, Reason.ANSWER_UNSETTLED)


def test_an_upgrade_asks_after_lost_answers_of_the_last_day_only(ana, ben):
    for patient, hours in ((ana, 23), (ben, 25)):
        phone_of(patient, BENS_NUMBER)
        Delivery.objects.filter(pk=delivery_of(send(patient), "sms").pk).update(
            status="unknown", status_at=timezone.now() - hours * HOUR, settle_at=None
        )
    upgrade = import_module("notifications.migrations.0006_settle_what_is_unknown")
    upgrade.settle(apps, SimpleNamespace(connection=connection))
    [asked] = Delivery.objects.filter(settle_at__isnull=False)
    assert asked.notification.patient_id == ana.pk


@pytest.mark.req("H-20")
@pytest.mark.parametrize("went", [True, False], ids=["it went", "it never went"])
def test_what_has_grown_too_old_since_the_backup_is_asked_about_before_it_is_called_unsent(
    ana, book, went
):
    phone_of(ana)
    made = send(ana, NotePayload(good_until=NOON + 10 * MINUTE))
    if went:
        run()
        forget(made)
    later = NOON + 20 * MINUTE
    with clock.at(later):
        restored(made_at=NOON - MINUTE)
        call_command("release")
        assert status_of(made, "sms")[0] == DeliveryStatus.UNKNOWN
    run_for_a_while(since=later)
    expected = DeliveryStatus.ACCEPTED if went else DeliveryStatus.EXPIRED
    assert status_of(made, "sms")[0] == expected
    assert len(book) == went


@pytest.mark.req("H-20")
def test_what_could_not_have_left_after_the_backup_is_not_asked_about(ana, ben, book):
    phone_of(ana)
    stale = send(ana, NotePayload(good_until=NOON + MINUTE))
    unaddressed = send(ben, NotePayload(good_until=NOON + 10 * MINUTE))
    with clock.at(NOON + 20 * MINUTE):
        restored(made_at=NOON + 5 * MINUTE)
        call_command("release")
    assert status_of(stale, "sms") == (DeliveryStatus.EXPIRED, Reason.EXPIRED)
    assert not DeliveryAttempt.objects.exists()
    outside = unaddressed.deliveries.exclude(channel="in_app")
    assert {row.status for row in outside} <= {DeliveryStatus.SKIPPED, DeliveryStatus.EXPIRED}


# -- two releases -------------------------------------------------------------------------------


@pytest.mark.req("H-20")
def test_of_two_releases_the_second_doubts_nothing_that_was_let_go(ana):
    phone_of(ana)
    made = send(ana)
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        switches.lift(actor="system:release")  # the first, done while the second was beginning
        second = delivery.doubt(restored_from=NOON - HOUR, held_at=NOON + MINUTE)
    assert second.total == 0
    assert status_of(made, "sms")[0] == DeliveryStatus.PLANNED


@pytest.mark.req("H-20")
def test_a_release_does_not_end_a_hold_that_began_after_it():
    switches.hold(actor="system:hold", why="one")
    with clock.at(NOON + MINUTE):
        switches.lift(actor="system:release")
        switches.hold(actor="system:hold", why="another")
        assert not switches.lift(actor="system:release", since=NOON)
    assert switches.read().held_since() == NOON + MINUTE


@pytest.mark.req("H-20")
def test_of_two_releases_side_by_side_one_asks_and_the_other_says_that_nothing_is_held(
    ana, carrier, capsys
):
    phone_of(ana)
    Told.known = []
    send(ana)
    Told.written = at_once(lambda: call_command("release", without_replies=True))
    with clock.at(NOON + MINUTE):
        restored(made_at=NOON - HOUR)
        call_command("release")
    said = capsys.readouterr().out
    assert said.count("may have been sent since the backup") == 1
    assert said.endswith("Nothing is held.\n")
    assert DeliveryAttempt.objects.count() == 1


@pytest.mark.req("H-20")
def test_what_is_held_anew_while_a_release_asks_stays_held(ana):
    def hold_again():
        with clock.at(NOON + HOUR):
            restored(made_at=NOON - 2 * HOUR)

    Told.written = at_once(hold_again)
    restored(made_at=NOON - HOUR)
    with pytest.raises(CommandError, match="held once more"):
        call_command("release")
    assert switches.read().everything.restored_from == NOON - 2 * HOUR


def at_once(act):
    """Let something happen while a release asks what patients wrote."""
    act()
    yield from ()
