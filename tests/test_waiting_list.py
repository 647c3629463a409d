"""Who would come earlier: told of a free time that fits, and the first who takes it has it."""

from datetime import timedelta

import pytest
from django.core.exceptions import ObjectDoesNotExist
from django.urls import reverse

from notifications import clock
from notifications.services import patient_notification_service
from notifications.types import Refused
from portal.models import Appointment, Opening, Provider, WaitingListEntry
from portal.services import (
    accept_opening,
    answer,
    cancel,
    close_opening,
    join_waiting_list,
    leave_waiting_list,
    offer_opening,
    offer_time_of,
    reschedule,
)
from tests.clinic import DESK, HALF_AN_HOUR, a_visit
from tests.conftest import make_patient
from tests.crowd import side_by_side
from tests.engine import NOON, run

FREE = NOON + timedelta(days=2)
IN_A_MONTH = NOON + timedelta(days=30)


@pytest.fixture
def waits(location):
    """Put a patient on the list of the place."""

    def join(patient, **options) -> WaitingListEntry:
        return join_waiting_list(
            patient_id=patient.pk, location_id=location.pk, actor=DESK, **options
        )

    return join


@pytest.fixture
def offers(location, provider):
    """Offer half an hour of the provider's, in two days."""

    def offer(starts_at=FREE, length=HALF_AN_HOUR, **options) -> Opening:
        given = {"provider_id": provider.pk, "location_id": location.pk, "actor": DESK} | options
        return offer_opening(starts_at=starts_at, ends_at=starts_at + length, **given)

    return offer


@pytest.fixture
def books(location, provider):
    """Book a visit, without a word to the patient."""

    def book_one(patient, starts_at=IN_A_MONTH, **options) -> Appointment:
        given = {"location": location, "provider": provider, "announce": False} | options
        return a_visit(patient, starts_at, **given)

    return book_one


def offers_to(patient) -> list:
    return patient_notification_service.inbox(
        patient_id=patient.pk, status="all", type_key="opening_offer"
    ).items


def types_of(patient) -> list[str]:
    rows = patient_notification_service.inbox(patient_id=patient.pk, status="all").items
    return [row.type for row in reversed(rows)]


def take(patient) -> None:
    """Press the button under the newest offer."""
    newest = offers_to(patient)[0]
    answer(
        patient_id=patient.pk,
        notification_id=newest.pk,
        action="accept",
        actor=f"user:{patient.pk}",
    )


def after(answered, client) -> str:
    """Return the page a patient sees after pressing a button."""
    return client.get(answered["Location"]).content.decode()


db = pytest.mark.django_db
midday = pytest.mark.usefixtures("noon")


# -- who is told ----------------------------------------------------------------------------------


@db
@midday
def test_a_free_time_is_offered_to_who_waits_and_to_nobody_else(ana, ben, waits, offers):
    waits(ana)
    opening = offers()
    (offer,) = offers_to(ana)
    assert "Thu, Nov 26 at 12:00 PM EST with Dr Lee has become free." in offer.message
    assert "take it here by Thu, Nov 26 at 11:00 AM EST" in offer.message
    assert offer.expires_at == opening.answer_by
    assert offers_to(ben) == []


@db
@midday
@pytest.mark.parametrize(
    "options", [{"minutes": 45}, {"notice_hours": 49}], ids=["too short", "too soon"]
)
def test_a_time_that_does_not_suit_is_not_offered(ana, waits, offers, options):
    waits(ana, **options)
    offers()
    assert offers_to(ana) == []


@db
@midday
def test_a_visit_of_an_hour_is_not_squeezed_into_half_of_one(ana, ben, waits, offers, books):
    hers, his = books(ana), books(ben, IN_A_MONTH + timedelta(hours=2))
    reschedule(
        appointment_id=hers.pk,
        starts_at=IN_A_MONTH,
        ends_at=IN_A_MONTH + 2 * HALF_AN_HOUR,
        actor=DESK,
    )
    for patient, visit in ((ana, hers), (ben, his)):
        waits(patient, appointment_id=visit.pk)
    offers()
    assert offers_to(ana) == []
    assert len(offers_to(ben)) == 1


@db
@midday
def test_who_waits_for_one_provider_hears_of_no_others_time(ana, ben, waits, offers):
    other = Provider.objects.create(name="Dr Haddad")
    waits(ana, provider_id=other.pk)
    waits(ben)
    offers()
    assert (len(offers_to(ana)), len(offers_to(ben))) == (0, 1)
    offers(provider_id=other.pk)
    assert (len(offers_to(ana)), len(offers_to(ben))) == (1, 2)


@db
@midday
def test_a_time_is_offered_only_to_who_would_come_earlier_by_it(ana, ben, waits, offers, books):
    waits(ana, appointment_id=books(ana, FREE - timedelta(days=1)).pk)
    waits(ben, appointment_id=books(ben).pk)
    offers()
    assert offers_to(ana) == []
    assert len(offers_to(ben)) == 1


@db
@midday
def test_who_is_seen_at_that_very_hour_is_not_asked(ana, waits, offers, books):
    other = Provider.objects.create(name="Dr Haddad")
    books(ana, FREE, provider=other)
    waits(ana)
    offers()
    assert offers_to(ana) == []


@db
@midday
def test_who_left_the_list_or_the_practice_is_not_told(ana, ben, waits, offers):
    leave_waiting_list(entry_id=waits(ana).pk, actor=DESK)
    waits(ben)
    ben.departure = "left"
    ben.save()
    offers()
    assert offers_to(ana) == offers_to(ben) == []


@db
@midday
def test_the_time_of_a_cancelled_visit_is_offered_as_it_was(ana, ben, waits, books):
    visit = books(ben, FREE)
    waits(ana)
    with pytest.raises(Refused, match="cancelled"):
        offer_time_of(appointment_id=visit.pk, actor=DESK)
    cancel(appointment_id=visit.pk, actor=DESK)
    opening = offer_time_of(appointment_id=visit.pk, actor=DESK)
    assert (opening.starts_at, opening.ends_at) == (FREE, FREE + HALF_AN_HOUR)
    assert len(offers_to(ana)) == 1


# -- who has it -----------------------------------------------------------------------------------


@db
@midday
def test_who_takes_it_comes_earlier_and_the_others_offers_are_over(ana, ben, waits, offers, books):
    visit = books(ana)
    mine, other = waits(ana, appointment_id=visit.pk), waits(ben)
    opening = offers()
    take(ana)
    take(ana)
    visit.refresh_from_db()
    assert visit.starts_at == FREE
    assert visit.ends_at == FREE + HALF_AN_HOUR
    opening.refresh_from_db()
    assert (opening.taken_by, opening.visit) == (mine, visit)
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.ended_at is not None
    assert other.ended_at is None
    assert types_of(ana) == ["opening_offer", "appointment_rescheduled"]
    assert types_of(ben) == ["opening_offer"]
    assert offers_to(ben)[0].expired_at is not None
    with pytest.raises(Refused, match="a little quicker"):
        take(ben)
    assert offers_to(ben)[0].acted_at is None


@db
@midday
def test_who_has_nothing_booked_gets_a_visit_as_long_as_they_need(ana, waits, offers, provider):
    waits(ana, minutes=20)
    offers()
    take(ana)
    visit = Appointment.objects.get(patient=ana)
    assert (visit.starts_at, visit.ends_at) == (FREE, FREE + timedelta(minutes=20))
    assert visit.provider == provider
    assert types_of(ana) == ["opening_offer", "appointment_confirmed"]


@db
@midday
def test_another_patients_offer_is_nobodys_to_take(ana, ben, waits, offers):
    waits(ana)
    offers()
    with pytest.raises(ObjectDoesNotExist):
        answer(
            patient_id=ben.pk,
            notification_id=offers_to(ana)[0].pk,
            action="accept",
            actor=f"user:{ben.pk}",
        )
    assert not Appointment.objects.exists()


@db
@midday
@pytest.mark.parametrize("how", ["late", "closed", "left", "booked", "moved", "busy"])
def test_what_is_no_longer_so_cannot_be_taken(ana, ben, waits, offers, books, how):
    visit = books(ana)
    entry, opening = waits(ana, appointment_id=visit.pk), offers()
    at = NOON
    if how == "late":
        at = opening.answer_by
    elif how == "closed":
        close_opening(opening_id=opening.pk, actor=DESK)
    elif how == "left":
        leave_waiting_list(entry_id=entry.pk, actor=DESK)
    elif how == "booked":
        books(ben, FREE + timedelta(minutes=10))
    elif how == "busy":
        books(ana, FREE, provider=Provider.objects.create(name="Dr. Ray"))
    else:
        sooner = FREE - timedelta(days=1)
        reschedule(
            appointment_id=visit.pk, starts_at=sooner, ends_at=sooner + HALF_AN_HOUR, actor=DESK
        )
    before = Appointment.objects.get(pk=visit.pk).starts_at
    with clock.at(at), pytest.raises(Refused):
        take(ana)
    assert Appointment.objects.get(pk=visit.pk).starts_at == before
    opening.refresh_from_db()
    assert opening.taken_at is None


@db
@midday
def test_the_button_is_under_the_offer_while_it_can_be_taken(
    ana, ben, ana_client, ben_client, waits, offers
):
    waits(ana)
    waits(ben)
    offers()
    mine, other = offers_to(ana)[0], offers_to(ben)[0]
    page = reverse("message", args=[mine.pk])
    press = reverse("message-action", args=[mine.pk, "accept"])
    assert press in ana_client.get(page).content.decode()
    assert ben_client.post(press).status_code == 404
    assert "The time is yours" in after(ana_client.post(press), ana_client)
    assert press not in ana_client.get(page).content.decode()
    late = ben_client.post(reverse("message-action", args=[other.pk, "accept"]))
    assert "a little quicker" in after(late, ben_client)
    assert list(Appointment.objects.values_list("patient", flat=True)) == [ana.pk]


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_press_at_once_one_has_it(location, provider, waits, offers):
    people = [make_patient(f"p{n}@example.com", f"P{n}", location) for n in range(20)]
    with clock.at(NOON):
        for patient in people:
            waits(patient)
        opening = offers()
        outcomes = side_by_side(*(lambda p=patient: _tries(p) for patient in people))
        assert sorted(outcomes) == ["has it", *["too late"] * 19]
        opening.refresh_from_db()
        visit = Appointment.objects.get()
        assert opening.visit == visit
        assert visit.patient == opening.taken_by.patient
        assert outcomes[people.index(visit.patient)] == "has it"
        assert WaitingListEntry.objects.filter(ended_at=None).count() == 19
        told = [types_of(patient) for patient in people if patient != visit.patient]
        assert told == [["opening_offer"]] * 19


def _tries(patient) -> str:
    try:
        take(patient)
    except Refused:
        return "too late"
    return "has it"


# -- what cannot be -------------------------------------------------------------------------------


@db
@midday
def test_nobody_waits_twice_for_the_same(ana, waits, books):
    waits(ana)
    with pytest.raises(Refused) as refusal:
        waits(ana)
    assert refusal.value.field == "patient_id"
    waits(ana, appointment_id=books(ana).pk)
    assert WaitingListEntry.objects.count() == 2


@db
@midday
def test_an_hour_is_offered_once_and_only_while_it_is_free(ana, waits, offers, books):
    waits(ana)
    offers()
    for start in (FREE, FREE + timedelta(minutes=15)):
        with pytest.raises(Refused, match="offered already"):
            offers(start)
    books(ana, IN_A_MONTH)
    with pytest.raises(Refused, match="not free"):
        offers(IN_A_MONTH)
    assert len(offers_to(ana)) == 1


@db
@midday
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"starts_at": NOON - HALF_AN_HOUR}, "starts_at"),
        ({"length": timedelta()}, "ends_at"),
        ({"answer_by": NOON}, "answer_by"),
        ({"answer_by": FREE + HALF_AN_HOUR}, "answer_by"),
        ({"starts_at": FREE.replace(tzinfo=None)}, "starts_at"),
        ({"location_id": "018f0000-0000-7000-8000-000000000000"}, "location_id"),
        ({"provider_id": "018f0000-0000-7000-8000-000000000000"}, "provider_id"),
    ],
)
def test_a_time_that_cannot_be_offered_is_refused_and_the_field_is_named(
    ana, waits, offers, given, field
):
    waits(ana)
    with pytest.raises(Refused) as refusal:
        offers(**given)
    assert refusal.value.field == field
    assert offers_to(ana) == []


@db
@midday
def test_nobody_waits_for_another_patients_visit_or_one_that_is_over(ana, ben, waits, books):
    bens, cancelled = books(ben), books(ana)
    cancel(appointment_id=cancelled.pk, actor=DESK, announce=False)
    for visit in (bens, cancelled):
        with pytest.raises(Refused) as refusal:
            waits(ana, appointment_id=visit.pk)
        assert refusal.value.field == "appointment_id"
    for options in ({"minutes": 0}, {"notice_hours": 400}):
        with pytest.raises(Refused) as refusal:
            waits(ana, **options)
        assert refusal.value.field in options


@db
@midday
def test_what_was_taken_cannot_be_taken_back(ana, waits, offers):
    entry, opening = waits(ana), offers()
    accept_opening(opening_id=opening.pk, entry_id=entry.pk, actor=DESK)
    with pytest.raises(Refused, match="taken"):
        close_opening(opening_id=opening.pk, actor=DESK)


@db
@midday
def test_a_mail_about_a_time_that_is_gone_never_leaves(ana, ana_email, ben, waits, offers, outbox):
    waits(ana)
    entry = waits(ben)
    opening = offers()
    accept_opening(opening_id=opening.pk, entry_id=entry.pk, actor=DESK)
    run(NOON)
    assert outbox("email") == []


@db
@midday
def test_a_mail_says_how_to_take_it(ana, ana_email, waits, offers, outbox):
    waits(ana)
    offers()
    run(NOON)
    (mail,) = outbox("email")
    assert "sign in and take it by Thu, Nov 26 at 11:00 AM EST, or call" in str(mail.content)
