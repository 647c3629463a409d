"""The same news to a whole household: once to an address they share, and to each in their inbox."""

from datetime import timedelta

import pytest

from notifications import clock, preferences
from notifications.enums import DeliveryStatus, Digest, Purpose, Reason
from notifications.models import ContactPoint, PatientNotification
from notifications.services import patient_notification_service
from portal.notification_types._visit import SETTLES_FOR
from portal.notification_types.appointment_confirmed import AppointmentConfirmedPayload
from portal.notification_types.general_announcement import GeneralAnnouncementPayload
from tests.clinic import wall
from tests.conftest import make_patient
from tests.engine import NOON, ToldMail, email_of, run, say, send, send_at, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("carrier", "noon")]
SHARED, DAY = "the.examples@example.com", timedelta(days=1)
FIVE = wall("2026-11-24 17:00")  # when summaries are due
SENT = (DeliveryStatus.ACCEPTED, Reason.NONE)
HAD_IT = (DeliveryStatus.SKIPPED, Reason.DUPLICATE)


def news(text="We are closed on Friday.") -> GeneralAnnouncementPayload:
    return GeneralAnnouncementPayload(text=text)


@pytest.fixture
def family(ana, ben, location):
    """Three patients who asked for news by e-mail, all at one address."""
    people = [ana, ben, make_patient("cleo@example.com", "Cleo", location)]
    for patient in people:
        email_of(patient, SHARED)
        preferences.change(
            patient_id=patient.pk,
            type_key="general_announcement",
            changes={"email": True},
            actor=f"user:{patient.pk}",
        )
    return people


def by_mail(made):
    return [status_of(each, "email") for each in made]


def test_a_household_of_three_gets_the_news_once_by_mail_and_each_in_their_inbox(family):
    patient_notification_service.create_many(
        patient_ids=[patient.pk for patient in family],
        build=lambda _patient_id: news(),
        key=lambda _patient_id: "closed-friday",
    )
    run()
    made = PatientNotification.objects.order_by("id")
    assert sorted(by_mail(made)) == sorted([SENT, HAD_IT, HAD_IT])
    assert {status_of(each, "in_app")[0] for each in made} == {DeliveryStatus.DELIVERED}
    assert len(ToldMail.handed) == 1


def test_a_neutral_mail_to_one_keeps_no_news_from_the_other(family):
    """Ana has agreed to no advertising, so she is only told that there is something to read."""
    for contact in ContactPoint.objects.filter(patient__in=family[1:]):
        say(contact, granted=True, purpose=Purpose.MARKETING)
    made = [send_at(NOON, each, news()) for each in family]
    assert by_mail(made) == [SENT, SENT, HAD_IT]
    assert ["closed on Friday" in mail.body for mail in ToldMail.handed] == [False, True]


def test_who_is_told_an_hour_later_gets_no_second_mail_either(family):
    ana, ben, _cleo = family
    made = [send_at(NOON, ana, news()), send_at(NOON + timedelta(hours=1), ben, news())]
    assert by_mail(made) == [SENT, HAD_IT]


def test_at_an_address_of_ones_own_the_news_comes_as_well(family, ben):
    dora = family[0]
    email_of(ben, "ben@example.com")
    made = [send(dora, news()), send(ben, news())]
    run()
    assert by_mail(made) == [SENT, SENT]


def test_other_words_are_other_news(family):
    made = [send(family[0], news()), send(family[1], news("We are open on Friday after all."))]
    run()
    assert by_mail(made) == [SENT, SENT]


def test_the_same_words_a_week_later_are_news_again(family):
    made = [send_at(NOON, family[0], news()), send_at(NOON + 8 * DAY, family[1], news())]
    assert by_mail(made) == [SENT, SENT]


def test_what_did_not_reach_the_first_is_no_reason_to_keep_it_from_the_second(family):
    ana, ben, _cleo = family
    preferences.change(
        patient_id=ana.pk,
        type_key="general_announcement",
        changes={"email": False},
        actor=f"user:{ana.pk}",
    )
    made = [send(ana, news()), send(ben, news())]
    run()
    assert by_mail(made) == [(DeliveryStatus.SKIPPED, Reason.PREF_OFF), SENT]


@pytest.mark.parametrize("apart", [timedelta(0), DAY])
def test_news_that_one_has_read_in_a_summary_is_no_news_at_the_same_address(family, apart):
    ana, ben, _cleo = family
    for patient in (ana, ben):
        who = {"patient_id": patient.pk, "actor": f"user:{patient.pk}"}
        preferences.change_settings(changes={"digest": Digest.DAILY}, **who)
    with clock.at(NOON):
        read = [send(ana, news()), send(ana, news("We are looking for an assistant."))]
    with clock.at(NOON + apart):
        again = [send(ben, news()), send(ben, news("New chairs!"))]
    for days in (0, 1):
        run(at=FIVE + days * DAY)
    assert by_mail(read) == [(DeliveryStatus.SKIPPED, Reason.MERGED), SENT]
    assert by_mail(again) == [HAD_IT, SENT]


def test_two_visits_are_never_the_same_message(family):
    """What is about a person has no double, however alike it reads."""
    same = AppointmentConfirmedPayload.example()
    made = [send(patient, same) for patient in family[:2]]
    run(at=clock.now() + SETTLES_FOR)
    assert by_mail(made) == [SENT, SENT]


def test_a_preview_says_that_the_address_has_had_it(family):
    send(family[0], news())
    run()
    with clock.at(NOON + timedelta(minutes=5)):
        shown = patient_notification_service.preview(patient_id=family[1].pk, payload=news())
    (mail,) = [each for each in shown if each.channel == "email"]
    assert mail.decision.reason == Reason.DUPLICATE
