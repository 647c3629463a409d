"""When the reason to send goes away: booked meanwhile, seen meanwhile, taken by another."""

from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from notifications import clock
from notifications.enums import Reason
from notifications.templatetags.notification_text import dollars
from notifications.types import NotificationPayload
from portal.models import Appointment, RecallSchedule
from portal.notification_types._gone_by import PastVisitPayload
from portal.notification_types._visit import visit_fields
from portal.notification_types.appointment_missed import AppointmentMissedPayload
from portal.notification_types.forms_due import FormsDuePayload
from portal.notification_types.general_reminder import GeneralReminderPayload
from portal.notification_types.hygiene_recall import HygieneRecallPayload
from portal.notification_types.opening_offer import OpeningOfferPayload
from portal.notification_types.patient_reactivation import PatientReactivationPayload
from portal.notification_types.perio_recall import PerioRecallPayload
from portal.notification_types.prescription_ready import PrescriptionReadyPayload
from portal.notification_types.review_request import ReviewRequestPayload
from portal.notification_types.treatment_completed import TreatmentCompletedPayload
from portal.notification_types.treatment_followup import TreatmentFollowupPayload
from portal.services import cancel, complete, mark_missed, reschedule
from tests.clinic import DESK, HALF_AN_HOUR, a_visit, wall
from tests.engine import NOON, email_of, run, send, status_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon", "practice")]
LAST_WEEK, NEXT_WEEK = NOON - timedelta(days=7), NOON + timedelta(days=7)


def is_still_sent(payload: NotificationPayload) -> bool:
    return type(payload).irrelevant([payload]) == set()


@pytest.fixture
def books(location, provider):
    """Book a visit for a patient at a moment, at the desk a month ago."""

    def book(patient, starts_at, **options) -> Appointment:
        with clock.at(NOON - timedelta(days=30)):
            return a_visit(patient, starts_at, location=location, provider=provider, **options)

    return book


@pytest.fixture
def anas_missed_visit(ana, books):
    visit = books(ana, LAST_WEEK)
    mark_missed(appointment_id=visit.pk, actor=DESK)
    return AppointmentMissedPayload(**visit_fields(visit))


@pytest.fixture
def bens_visit_ahead(ben, books):
    """What another patient has booked changes nothing for Ana."""
    return books(ben, NEXT_WEEK)


# -- missed ---------------------------------------------------------------------------------------


@pytest.mark.usefixtures("bens_visit_ahead")
def test_a_missed_visit_is_told_while_the_patient_has_no_other(anas_missed_visit):
    assert is_still_sent(anas_missed_visit)


def test_who_has_booked_again_is_not_told_of_the_missed_visit(ana, books, anas_missed_visit):
    other = books(ana, NEXT_WEEK)
    assert not is_still_sent(anas_missed_visit)
    cancel(appointment_id=other.pk, actor=DESK)
    assert is_still_sent(anas_missed_visit)


def test_a_visit_that_was_no_miss_after_all_is_not_told_as_one(anas_missed_visit):
    complete(appointment_id=anas_missed_visit.appointment_id, actor=DESK)
    assert not is_still_sent(anas_missed_visit)


def test_a_missed_visit_put_back_in_the_book_is_not_told_as_one(anas_missed_visit):
    reschedule(
        appointment_id=anas_missed_visit.appointment_id,
        starts_at=NEXT_WEEK,
        ends_at=NEXT_WEEK + HALF_AN_HOUR,
        actor=DESK,
    )
    assert not is_still_sent(anas_missed_visit)


def test_after_two_weeks_a_missed_visit_is_no_news(anas_missed_visit):
    assert anas_missed_visit.expires_at() == LAST_WEEK + timedelta(days=14)


@pytest.mark.req("R-10")
def test_r10_a_mail_about_a_missed_visit_is_called_off_when_she_books_first(
    ana, books, anas_missed_visit, carrier
):
    email_of(ana)
    made = send(ana, anas_missed_visit)
    books(ana, NEXT_WEEK, announce=False)
    run()
    assert status_of(made, "email") == ("cancelled", Reason.CANCELLED)


# -- recall ---------------------------------------------------------------------------------------

DUE = date(2026, 12, 1)


def recall_of(patient, kind: str = "hygiene", **options) -> RecallSchedule:
    return RecallSchedule.objects.create(
        patient=patient, kind=kind, months=6, **{"due_on": DUE} | options
    )


@pytest.fixture(params=[HygieneRecallPayload, PerioRecallPayload], ids=lambda cls: cls.type_key)
def anas_recall(request, ana):
    kind = request.param.type_key.removesuffix("_recall")
    return request.param(recall_id=recall_of(ana, kind).pk, due_on=DUE)


@pytest.mark.usefixtures("bens_visit_ahead")
def test_a_patient_who_has_nothing_booked_is_asked_to_book(ana, books, anas_recall):
    books(ana, LAST_WEEK)
    assert is_still_sent(anas_recall)


def test_a_patient_who_has_a_visit_ahead_is_not_asked_to_book(ana, books, anas_recall):
    visit = books(ana, NEXT_WEEK)
    assert not is_still_sent(anas_recall)
    cancel(appointment_id=visit.pk, actor=DESK)
    assert is_still_sent(anas_recall)


@pytest.mark.parametrize(
    ("change", "is_sent"),
    [
        ({"due_on": DUE + timedelta(days=182)}, False),  # she was seen, the next is half a year off
        ({"due_on": DUE - timedelta(days=14)}, True),
        ({"paused_until": date(2027, 3, 1)}, False),
        ({"paused_until": date(2026, 11, 24)}, True),  # until today
    ],
)
def test_what_became_of_the_schedule_is_heard(anas_recall, change, is_sent):
    RecallSchedule.objects.filter(pk=anas_recall.recall_id).update(**change)
    assert is_still_sent(anas_recall) is is_sent


def test_a_recall_whose_schedule_is_gone_is_not_sent(anas_recall):
    RecallSchedule.objects.all().delete()
    assert not is_still_sent(anas_recall)


@pytest.mark.usefixtures("bens_visit_ahead")
def test_an_invitation_to_come_back_ends_with_a_booking(ana, books):
    last = books(ana, LAST_WEEK)
    complete(appointment_id=last.pk, actor=DESK)
    invitation = PatientReactivationPayload(appointment_id=last.pk, last_visit_on=DUE)
    assert is_still_sent(invitation)
    other = books(ana, NEXT_WEEK)
    assert not is_still_sent(invitation)
    cancel(appointment_id=other.pk, actor=DESK)
    assert is_still_sent(invitation)
    mark_missed(appointment_id=last.pk, actor=DESK)
    assert not is_still_sent(invitation)


def test_an_invitation_to_come_back_ends_with_a_later_visit(ana, books):
    last = books(ana, LAST_WEEK)
    complete(appointment_id=last.pk, actor=DESK)
    invitation = PatientReactivationPayload(appointment_id=last.pk, last_visit_on=DUE)
    later = books(ana, LAST_WEEK + timedelta(days=2))
    assert is_still_sent(invitation)
    complete(appointment_id=later.pk, actor=DESK)
    assert not is_still_sent(invitation)


# -- an earlier time ------------------------------------------------------------------------------


@pytest.fixture
def offer(ana, books, provider):
    """A time next Monday, for Ana who would come on the Friday."""
    visit = books(ana, NEXT_WEEK + timedelta(days=4))
    return OpeningOfferPayload(
        provider_id=provider.pk,
        appointment_date=NEXT_WEEK,
        provider_name="Dr Lee",
        appointment_id=visit.pk,
    )


def test_an_earlier_time_is_offered_while_it_is_free(offer):
    assert is_still_sent(offer)
    assert is_still_sent(replace(offer, appointment_id=None))


def test_a_time_somebody_took_is_no_longer_offered(offer, ben, books):
    quarter_past = NEXT_WEEK + timedelta(minutes=15)
    taken = books(ben, quarter_past)
    assert not is_still_sent(offer)
    cancel(appointment_id=taken.pk, actor=DESK)
    assert is_still_sent(offer)


def test_the_visit_before_or_after_does_not_take_the_time(offer, ben, books):
    books(ben, NEXT_WEEK - HALF_AN_HOUR)
    books(ben, NEXT_WEEK + HALF_AN_HOUR)
    assert is_still_sent(offer)


def test_a_patient_whose_own_visit_is_off_or_sooner_is_offered_nothing(offer):
    sooner = NEXT_WEEK - timedelta(days=2)
    own = {"appointment_id": offer.appointment_id, "actor": DESK}
    reschedule(starts_at=sooner, ends_at=sooner + HALF_AN_HOUR, **own)
    assert not is_still_sent(offer)
    cancel(**own)
    assert not is_still_sent(offer)


def test_an_offer_ends_when_it_must_be_answered():
    noon_before = wall("2026-11-30 12:00")
    offer = replace(OpeningOfferPayload.example(), appointment_date=NEXT_WEEK)
    assert replace(offer, answer_by=noon_before).expires_at() == noon_before
    assert replace(offer, answer_by=None).expires_at() == NEXT_WEEK


# -- after a visit, and before one ----------------------------------------------------------------

AFTER = [TreatmentCompletedPayload, TreatmentFollowupPayload, ReviewRequestPayload]


@pytest.mark.parametrize("cls", AFTER, ids=lambda cls: cls.type_key)
def test_what_is_said_after_a_visit_is_said_if_it_took_place(cls, ana, books):
    visit = books(ana, LAST_WEEK)
    payload = replace(cls.example(), appointment_id=visit.pk, appointment_date=LAST_WEEK)
    assert isinstance(payload, PastVisitPayload)
    assert not is_still_sent(payload)
    complete(appointment_id=visit.pk, actor=DESK)
    assert is_still_sent(payload)
    mark_missed(appointment_id=visit.pk, actor=DESK)
    assert not is_still_sent(payload)


def test_forms_are_asked_for_while_the_visit_stands(ana, books):
    visit = books(ana, NEXT_WEEK)
    forms = FormsDuePayload(**visit_fields(visit))
    assert is_still_sent(forms)
    assert forms.expires_at() == NEXT_WEEK
    cancel(appointment_id=visit.pk, actor=DESK)
    assert not is_still_sent(forms)


# -- many at once ---------------------------------------------------------------------------------


def batches(people, books, provider) -> dict[type, list[NotificationPayload]]:
    """Return payloads about two patients' visits and schedules, several a type."""
    past = [books(each, LAST_WEEK - timedelta(days=day)) for each in people for day in range(3)]
    recalls = [recall_of(each, kind) for each in people for kind in ("hygiene", "perio")]
    ids = [visit.pk for visit in past]
    return {
        AppointmentMissedPayload: [AppointmentMissedPayload(**visit_fields(v)) for v in past],
        HygieneRecallPayload: [HygieneRecallPayload(recall_id=r.pk, due_on=DUE) for r in recalls],
        PatientReactivationPayload: [
            PatientReactivationPayload(appointment_id=pk, last_visit_on=DUE) for pk in ids
        ],
        ReviewRequestPayload: [
            ReviewRequestPayload(
                appointment_id=pk, appointment_date=LAST_WEEK, provider_name="Dr Lee"
            )
            for pk in ids
        ],
        OpeningOfferPayload: [
            replace(OpeningOfferPayload.example(), provider_id=provider.pk, appointment_id=pk)
            for pk in ids
        ],
    }


def test_a_batch_costs_one_query_a_type_however_many_patients(
    ana, ben, books, provider, django_assert_num_queries
):
    for cls, payloads in batches([ana, ben], books, provider).items():
        for some in (payloads[:1], payloads):
            with django_assert_num_queries(2 if cls is OpeningOfferPayload else 1):
                assert cls.irrelevant(some) <= set(some)


# -- days and sums --------------------------------------------------------------------------------


@pytest.mark.parametrize("zone", ["America/New_York", "Pacific/Honolulu", "Pacific/Pago_Pago"])
def test_what_is_good_until_a_day_is_good_until_its_evening_wherever_she_lives(zone):
    last_day = date(2026, 12, 1)
    pick_up = replace(PrescriptionReadyPayload.example(), pick_up_by=last_day)
    bring = replace(GeneralReminderPayload.example(), due_on=last_day)
    for payload in (pick_up, bring):
        assert payload.expires_at() > wall("2026-12-01 23:59", zone)
        assert payload.expires_at() < wall("2026-12-02 12:00", zone)
    assert replace(pick_up, pick_up_by=None).expires_at() is None


@pytest.mark.parametrize(
    ("amount", "words"),
    [("0", "$0.00"), ("36.2", "$36.20"), ("1234.5", "$1,234.50"), ("-5", "-$5.00"), (None, "")],
)
def test_a_sum_is_written_as_on_a_bill(amount, words):
    assert dollars(Decimal(amount) if amount else None) == words
