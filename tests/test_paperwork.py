"""Forms filled in here and bills: by whom they concern, once, and read by nobody else."""

import re
from datetime import date, timedelta
from decimal import Decimal

import pytest
from django.contrib.auth.models import Permission
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation

from notifications import calls, clock
from notifications.enums import AuditAction, CallReason
from notifications.models import AuditEvent, CallTask, PatientNotification
from notifications.types import Refused
from portal import questionnaires
from portal.models import Guardianship, PatientForm, Practice, Statement, User
from portal.notification_types._visit import visit_fields
from portal.notification_types.forms_due import FormsDuePayload
from portal.questionnaires import NONE, Kind, Question, Questionnaire, Section
from portal.services import (
    ask_about_statement,
    complete_form,
    fill_in,
    issue_statement,
    pay_statement,
    request_form,
    withdraw_statement,
)
from tests.clinic import DESK, a_visit
from tests.conftest import signed_in
from tests.engine import NOON, send
from tests.pages import HTMX, child_of, text_of, title_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("noon")]

DAY = timedelta(days=1)
SECRET = "Amoxicillin 500"
HEALTHY = {
    "allergies": [NONE],
    "medicines": SECRET,
    "blood_thinners": "no",
    "conditions": ["heart", "diabetes"],
    "joint_replacement": "no",
    "pregnancy": "not_asked",
    "smoking": "never",
    "last_physician_visit": "2026-05-04",
    "emergency_name": "Carla, my mother",
    "emergency_phone": "212-555-0177",
    "is_true": "yes",
}


@pytest.fixture
def visit(ana, location, provider):
    starts_at = NOON + 3 * DAY
    return a_visit(ana, starts_at, location=location, provider=provider, announce=False)


@pytest.fixture
def form(ana, visit) -> PatientForm:
    """The health history Ana is to fill in before her visit."""
    about = {"patient_id": ana.pk, "appointment_id": visit.pk}
    return request_form(**about, kind="health_history", actor=DESK)


def acts_for(guardian: User, patient: User) -> Guardianship:
    since = NOON - DAY
    return Guardianship.objects.create(guardian=guardian, patient=patient, started_at=since)


def ward_of(guardian: User) -> User:
    ward = child_of(guardian)
    Guardianship.objects.filter(patient=ward).update(started_at=NOON - DAY)
    return ward


def asks_for_forms(visit) -> PatientNotification:
    payload = FormsDuePayload(**visit_fields(visit), forms="Health history")
    return send(visit.patient, payload, subject=visit.subject)


def page_of(form) -> str:
    return f"/forms/{form.pk}/"


def in_full(form, answers=None) -> PatientForm:
    """Fill a form in at the front door, as its patient."""
    who = {"patient_id": form.patient_id, "actor": f"user:{form.patient_id}"}
    return fill_in(form_id=form.pk, answers=answers or HEALTHY, **who)


# -- what is asked --------------------------------------------------------------------------------


def test_a_questionnaire_is_one_file_and_found_by_its_name():
    keys = [each.key for each in questionnaires.known()]
    assert {"health_history", "insurance_details"} <= set(keys)
    for each in questionnaires.known():
        assert any(question.kind == Kind.TICK for question in each.questions)


@pytest.mark.parametrize(
    "questions",
    [
        (Question(key="a", label="A"), Question(key="a", label="B")),
        (Question(key="a", label="A", kind=Kind.CHOICE),),
        (Question(key="a", label="A", choices=(("b", "B"),)),),
        (Question(key="not a name", label="A"),),
    ],
)
def test_questions_that_cannot_be_asked_are_found_at_once(questions):
    sections = (Section(title="One", questions=questions),)
    asked = Questionnaire(key="broken", title="Broken", intro="", sections=sections)
    with pytest.raises(ImproperlyConfigured):
        asked.check_definition()


@pytest.mark.parametrize(
    ("key", "answer"),
    [
        ("medicines", " \n "),
        ("medicines", "x" * 2001),
        ("allergies", [NONE, "latex"]),
        ("allergies", "latex"),
        ("allergies", ["horses"]),
        ("blood_thinners", "perhaps"),
        ("last_physician_visit", "13/45/2026"),
        ("last_physician_visit", "0204-05-04"),
        ("last_physician_visit", "2027-05-04"),
        ("emergency_phone", "my mother's"),
        ("emergency_phone", ["212-555-0177"]),
        ("is_true", "no"),
        ("is_true", ""),
        ("shoe_size", "43"),
    ],
)
def test_an_answer_that_cannot_be_is_refused_and_the_question_named(form, key, answer):
    with pytest.raises(Refused) as refusal:
        in_full(form, HEALTHY | {key: answer})
    assert refusal.value.field == key
    form.refresh_from_db()
    assert (form.completed_at, form.answers) == (None, None)


def test_a_form_is_asked_for_by_its_kind_once_and_on_paper_needs_a_name(form, ana, visit):
    about = {"patient_id": ana.pk, "appointment_id": visit.pk, "actor": DESK}
    assert form.name == "Health history"
    assert request_form(**about, kind="health_history", name="Again") == form
    with pytest.raises(Refused) as refusal:
        request_form(**about, kind="")
    assert refusal.value.field == "name"
    with pytest.raises(Refused) as refusal:
        request_form(**about, kind="horoscope", name="Stars")
    assert refusal.value.field == "kind"
    assert PatientForm.objects.count() == 1


def test_a_form_is_called_as_its_patient_speaks(ana):
    User.objects.filter(pk=ana.pk).update(language="es")
    made = request_form(patient_id=ana.pk, kind="health_history", actor=DESK)
    with translation.override("es"):
        assert made.name == str(questionnaires.find("health_history").title)


# -- filling in -----------------------------------------------------------------------------------


def test_what_ana_answered_is_kept_sealed_and_her_message_says_so(form, visit, ana_client):
    message = asks_for_forms(visit)
    assert (message.action_url, str(FormsDuePayload.action_label)) == ("/forms/", "Fill in")
    answer = ana_client.post(page_of(form), HEALTHY)
    assert (answer.status_code, answer["Location"]) == (303, page_of(form))
    form.refresh_from_db()
    assert form.answers == HEALTHY
    message.refresh_from_db()
    assert (message.action_taken, message.acted_at) == ("fill_in", form.completed_at)
    row = text_of(ana_client.get(f"/notifications/{message.pk}/"))
    assert "Filled in 12:00 PM EST" in row
    assert 'href="/forms/"' not in row.split('class="card pad letter')[1].split("</article>")[0]
    with connection.cursor() as cursor:
        cursor.execute("SELECT answers FROM portal_patientform")
        assert SECRET.encode() not in bytes(cursor.fetchone()[0])


def test_the_message_waits_for_the_last_form_of_the_visit(form, visit, ana):
    message = asks_for_forms(visit)
    about = {"patient_id": ana.pk, "appointment_id": visit.pk}
    paper = request_form(**about, name="X-ray consent", actor=DESK)
    in_full(form)
    message.refresh_from_db()
    assert message.acted_at is None
    complete_form(form_id=paper.pk, actor=DESK)
    message.refresh_from_db()
    assert message.action_taken == "fill_in"
    assert message.read_at is None  # it was the desk who noted the last one


def test_answers_are_never_written_over(form, ana_client):
    ana_client.post(page_of(form), HEALTHY)
    again = ana_client.post(page_of(form), HEALTHY | {"medicines": "Something else"})
    assert again.status_code == 303
    assert in_full(form, HEALTHY | {"medicines": "Another"}).answers == HEALTHY
    shown = text_of(ana_client.get(page_of(form)))
    assert SECRET in shown
    assert "Filled in Tue, Nov 24 at 12:00 PM EST" in shown
    assert 'name="medicines"' not in shown
    filled = AuditEvent.objects.filter(details__change="form_completed")
    assert [row.actor for row in filled] == [f"user:{form.patient_id}"]


def test_who_comes_second_with_other_answers_reads_that_they_are_not_kept(form, ana_client):
    other = HEALTHY | {"medicines": "Something else"}
    complete_form(form_id=form.pk, actor=DESK)  # on paper, while she wrote
    for sent in (other, other | {"emergency_phone": "call her"}):
        assert ana_client.post(page_of(form), sent).status_code == 303
        page = text_of(ana_client.get(page_of(form)))
        assert "Your new answers are not kept." in page
        assert "We have your answers" not in page


def test_a_second_press_with_the_same_answers_is_thanked_again(form, ana_client):
    for _ in range(2):
        ana_client.post(page_of(form), HEALTHY)
        assert "We have your answers" in text_of(ana_client.get(page_of(form)))


def test_a_day_may_be_written_as_people_write_it(form):
    written = HEALTHY | {"last_physician_visit": " 5/4/2026 ", "other_allergies": ""}
    assert in_full(form, written).answers == HEALTHY


def test_wrong_answers_come_back_with_all_that_was_right(form, ana_client):
    wrong = HEALTHY | {"emergency_phone": "call her", "medicines": ""}
    answer = ana_client.post(page_of(form), wrong)
    page = text_of(answer)
    assert answer.status_code == 422
    assert title_of(answer).startswith("Please check your answers")
    summary = page.split('id="errors"')[1].split("</ul>")[0]
    assert re.findall(r'href="#(\w+)"', summary) == ["id_medicines", "id_emergency_phone"]
    assert "autofocus" in summary
    assert 'value="call her"' in page
    assert 'value="Carla, my mother"' in page
    assert re.search(r'value="diabetes"[^>]* checked', page)
    phone = re.search(r'<input[^>]*name="emergency_phone"[^>]*>', page)[0]
    assert 'aria-invalid="true"' in phone
    assert 'aria-describedby="id_emergency_phone_error"' in phone
    assert 'id="id_emergency_phone_error"' in page
    form.refresh_from_db()
    assert form.completed_at is None


@pytest.mark.parametrize("sent", [{"medicines": "a\x00b"}, {"allergies": "horses"}])
def test_what_no_browser_sends_is_an_error_of_its_field(form, ana_client, sent):
    assert ana_client.post(page_of(form), HEALTHY | sent).status_code == 422


def test_a_form_on_paper_is_asked_for_at_the_desk(ana, ana_client):
    paper = request_form(patient_id=ana.pk, name="X-ray consent", actor=DESK)
    assert "Ask for this form at the desk, or call 212-555-0100." in text_of(
        ana_client.get(page_of(paper))
    )
    ana_client.post(page_of(paper), HEALTHY)
    paper.refresh_from_db()
    assert paper.completed_at is None


def test_a_questionnaire_whose_file_is_gone_still_shows_what_was_answered(form, ana_client):
    in_full(form)
    PatientForm.objects.update(kind="long_gone")
    page = text_of(ana_client.get(page_of(form)))
    assert SECRET in page
    assert "diabetes" in page


# -- whose it is ----------------------------------------------------------------------------------


@pytest.mark.req("P-01")
def test_p01_anothers_form_does_not_exist(form, ana, ana_client, ben, ben_client):
    in_full(form)
    for answer in (ben_client.get(page_of(form)), ben_client.post(page_of(form), HEALTHY)):
        assert answer.status_code == 404
        assert SECRET not in text_of(answer)
    with pytest.raises(PatientForm.DoesNotExist):
        fill_in(form_id=form.pk, patient_id=ben.pk, answers=HEALTHY, actor=f"user:{ben.pk}")
    for path in ("/", "/forms/"):
        assert "Health history" not in text_of(ben_client.get(path))
        assert SECRET not in text_of(ana_client.get(path))


def test_a_guardian_fills_in_for_the_child_while_they_may(ana, ana_client, ben_client):
    sam = ward_of(ana)
    form = request_form(patient_id=sam.pk, kind="health_history", actor=DESK)
    page = f"/for/{sam.pk}/forms/{form.pk}/"
    assert f'href="{page}"' in text_of(ana_client.get(f"/for/{sam.pk}/forms/"))
    assert f'href="{page}"' in text_of(ana_client.get(f"/for/{sam.pk}/"))
    assert ana_client.get(page_of(form)).status_code == 404
    assert ben_client.post(page, HEALTHY).status_code == 404
    answer = ana_client.post(page, HEALTHY)
    assert (answer.status_code, answer["Location"]) == (303, page)
    assert SECRET in text_of(ana_client.get(page))
    filled = AuditEvent.objects.get(details__change="form_completed")
    assert (filled.actor, filled.patient_id) == (f"user:{ana.pk}", sam.pk)
    views = AuditEvent.objects.filter(action=AuditAction.VIEWED, patient_id=sam.pk)
    assert views.filter(details__route="/for/:patient_id/forms/:form_id/").count() == 1
    Guardianship.objects.update(ended_at=clock.now())
    assert ana_client.get(page).status_code == 404


@pytest.mark.req("H-02")
def test_h02_staff_read_answers_only_with_the_right_to(form):
    in_full(form)
    row = reverse("admin:portal_patientform_change", args=[form.pk])
    clerk = User.objects.create_user(username="clerk@example.com", is_staff=True)
    clerk.user_permissions.set(Permission.objects.filter(codename="view_patientform"))
    assert SECRET not in text_of(signed_in(clerk).get(row))
    dentist = User.objects.create_user(username="dentist@example.com", is_staff=True)
    rights = ("view_patientform", "read_answers")
    dentist.user_permissions.set(Permission.objects.filter(codename__in=rights))
    shown = signed_in(dentist).get(row)
    assert SECRET in text_of(shown)
    assert "Heart trouble or heart surgery, Diabetes" in text_of(shown)
    assert SECRET not in title_of(shown)
    look = AuditEvent.objects.get(action=AuditAction.VIEWED, actor=f"user:{dentist.pk}")
    assert (look.patient_id, look.object_id) == (form.patient_id, str(form.pk))
    listed = signed_in(dentist).get(reverse("admin:portal_patientform_changelist"))
    assert SECRET not in text_of(listed)


def test_the_desk_chooses_where_a_form_is_filled_in(visit):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    asked = {"patient": visit.patient_id, "appointment": visit.pk, "kind": "insurance_details"}
    chief.post(reverse("admin:portal_patientform_add"), asked)
    made = PatientForm.objects.get()
    assert (made.kind, made.name) == ("insurance_details", "Insurance details")


# -- bills ----------------------------------------------------------------------------------------


CROWN = "Crown, lower right"


def issue(patient, **options) -> Statement:
    given = {"amount": Decimal("120.50"), "due_on": date(2026, 12, 31), "what_for": CROWN}
    return issue_statement(patient_id=patient.pk, actor=DESK, **given | options)


def bill(row) -> str:
    return f"/statements/{row.pk}/"


def test_a_message_leads_to_its_bill_and_tells_when_it_was_paid(ana, ana_client):
    row = issue(ana)
    message = PatientNotification.objects.get(subject=row.subject)
    letter = text_of(ana_client.get(f"/notifications/{message.pk}/"))
    assert f'href="{bill(row)}">Pay' in letter
    shown = text_of(ana_client.get(bill(row)))
    assert "Bill of $120.50" in shown
    assert CROWN in shown
    assert "Due Dec 31" in shown
    with clock.at(NOON + DAY):
        pay_statement(statement_id=row.pk, actor=DESK)
    with clock.at(NOON + 2 * DAY):
        letter = text_of(ana_client.get(f"/notifications/{message.pk}/"))
        assert "Paid on Nov 25" in letter
        assert "Dealt with" in letter
        assert "<p>Answered</p>" not in letter
        assert f'href="{bill(row)}">Pay' not in letter
        assert "Paid on Nov 25" in text_of(ana_client.get(bill(row)))
        assert "There is nothing to pay." in text_of(ana_client.get("/statements/"))


def test_who_has_not_read_that_it_is_due_has_not_read_it_when_it_is_paid(ana):
    row = issue(ana)
    pay_statement(statement_id=row.pk, actor=DESK)
    message = PatientNotification.objects.get(subject=row.subject, type="payment_due")
    assert (message.action_taken, message.read_at) == ("pay", None)


def test_how_to_pay_is_the_practices_page_or_a_call(ana, ana_client):
    row = issue(ana)
    assert "Call 212-555-0100 to pay, or pay at your next visit." in text_of(
        ana_client.get(bill(row))
    )
    Practice.objects.update(payment_url="https://pay.example.org/main-street")
    shown = text_of(ana_client.get(bill(row)))
    link = re.search(r'<a[^>]*href="https://pay\.example\.org/main-street"[^>]*>', shown)[0]
    assert 'rel="noopener noreferrer"' in link
    assert "Pay online at pay.example.org" in shown
    pay_statement(statement_id=row.pk, actor=DESK)
    assert "Pay online" not in text_of(ana_client.get(bill(row)))


def test_the_practices_page_for_payments_is_set_in_the_admin_and_only_https(practice):
    chief = signed_in(User.objects.create_superuser(username="chief@example.com"))
    page = reverse("admin:portal_practice_change", args=[practice.pk])
    shown = chief.get(page).context["adminform"].form.initial
    sent = {name: value for name, value in shown.items() if value is not None}
    for url, kept in (
        ("http://pay.example.org", ""),
        ("pay.example.org", "https://pay.example.org"),
    ):
        chief.post(page, sent | {"payment_url": url})
        practice.refresh_from_db()
        assert practice.payment_url == kept


def test_what_is_late_says_so_and_what_was_withdrawn_asks_for_nothing(ana, ana_client):
    late, gone = issue(ana), issue(ana, amount=Decimal("7.00"))
    withdraw_statement(statement_id=gone.pk, actor=DESK)
    with clock.at(NOON + 60 * DAY):
        assert "Was due Dec 31, 2026" in text_of(ana_client.get(bill(late)))
        shown = text_of(ana_client.get(bill(gone)))
        assert "There is nothing to pay." in shown
        assert "question about this bill" not in shown
        assert "$7.00" not in text_of(ana_client.get("/statements/"))


@pytest.mark.req("P-01")
def test_p01_only_who_pays_sees_a_bill(ana, ana_client, ben, ben_client):
    row = issue(ana, guarantor_id=ben.pk)
    for path in (bill(row), f"{bill(row)}question/", f"{bill(row)}question/undo/"):
        answers = [ana_client.get(path), ana_client.post(path)]
        assert {each.status_code for each in answers} <= {404, 405}
    for path in ("/", "/statements/"):
        assert "$120.50" not in text_of(ana_client.get(path))
        assert "$120.50" in text_of(ben_client.get(path))


def test_who_pays_and_may_not_act_for_her_reads_neither_whose_nor_what(ana, ben, ben_client):
    row = issue(ana, guarantor_id=ben.pk)
    for path in ("/", "/statements/", bill(row)):
        shown = text_of(ben_client.get(path))
        assert "$120.50" in shown
        assert CROWN not in shown
        assert "Ana" not in shown
    tie = acts_for(ben, ana)
    for path in ("/", "/statements/", bill(row)):
        shown = text_of(ben_client.get(path))
        assert CROWN in shown
        assert "Ana Example" in shown
    tie.ended_at = clock.now()
    tie.save()
    assert CROWN not in text_of(ben_client.get(bill(row)))


def test_who_acts_for_the_payer_sees_the_bill_and_of_others_only_what_is_theirs(
    ana, ana_client, ben
):
    sam = ward_of(ana)
    acts_for(sam, ben)
    own, bens = issue(sam), issue(ben, guarantor_id=sam.pk, what_for="Root canal")
    assert CROWN in text_of(ana_client.get(f"/for/{sam.pk}{bill(own)}"))
    shown = text_of(ana_client.get(f"/for/{sam.pk}{bill(bens)}"))
    assert "$120.50" in shown
    assert "Root canal" not in shown
    assert ana_client.get(bill(own)).status_code == 404


# -- a question about a bill ----------------------------------------------------------------------


def open_questions() -> list[CallTask]:
    return list(calls.to_make().filter(reason=CallReason.BILL))


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_one_press_asks_for_a_call_and_never_mind_takes_it_back(ana, ana_client, headers):
    row = issue(ana)
    ask, unask = f"{bill(row)}question/", f"{bill(row)}question/undo/"
    for _press in range(2):
        answer = ana_client.post(ask, {"note": "Is the X-ray in it?"}, headers=headers)
        assert answer.status_code == (200 if headers else 303)
    (call,) = open_questions()
    assert (call.patient_id, call.subject, call.note) == (
        ana.pk,
        row.subject,
        "Is the X-ray in it?",
    )
    shown = text_of(answer if headers else ana_client.get(bill(row)))
    assert "You asked for a call on Tue, Nov 24 at 12:00 PM EST." in shown
    assert "We will call you by Wed, Nov 25 at 5:00 PM EST." in shown
    for _press in range(2):
        answer = ana_client.post(unask, headers=headers)
    assert open_questions() == []
    assert "I have a question about this bill" in text_of(
        answer if headers else ana_client.get(bill(row))
    )
    ana_client.post(ask, headers=headers)
    assert [each.note for each in open_questions()] == [None]


def test_a_question_outlives_the_payment_and_a_long_one_is_kept_to_be_shortened(ana, ana_client):
    row = issue(ana)
    too_long = ana_client.post(f"{bill(row)}question/", {"note": "why " * 200})
    assert too_long.status_code == 422
    assert "why why" in text_of(too_long)
    assert open_questions() == []
    ana_client.post(f"{bill(row)}question/", {"note": "why?"})
    pay_statement(statement_id=row.pk, actor=DESK)
    assert len(open_questions()) == 1


def test_nobody_asks_about_a_bill_that_is_not_theirs_or_was_withdrawn(ana, ben):
    row = issue(ana)
    with pytest.raises(Statement.DoesNotExist):
        ask_about_statement(statement_id=row.pk, payer_id=ben.pk, actor=f"user:{ben.pk}")
    withdraw_statement(statement_id=row.pk, actor=DESK)
    with pytest.raises(Refused):
        ask_about_statement(statement_id=row.pk, payer_id=ana.pk, actor=f"user:{ana.pk}")
    assert open_questions() == []


# -- what a page costs, and tells ------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/", "/forms/", "/statements/"])
def test_a_page_asks_the_same_number_of_questions_for_any_number_of_papers(
    ana, ben, ana_client, visit, path
):
    acts_for(ana, ben)

    def cost() -> int:
        with CaptureQueriesContext(
            connection,
        ) as asked:
            assert ana_client.get(path).status_code == 200
        return len(asked)

    def more(number: int) -> None:
        about = {"patient_id": ana.pk, "appointment_id": visit.pk, "actor": DESK}
        in_full(request_form(patient_id=ana.pk, kind="health_history", actor=DESK))
        request_form(**about, name=f"Form {number}")
        issue(ana)
        issue(ben, guarantor_id=ana.pk)
        pay_statement(statement_id=issue(ana).pk, actor=DESK)

    more(1)
    ana_client.get(path)
    before = cost()
    for number in range(2, 5):
        more(number)
    assert cost() == before


@pytest.mark.req("P-02")
def test_p02_no_title_and_no_address_tells_what_a_form_or_a_bill_is_about(form, ana, ana_client):
    row = issue(ana)
    for path in ("/forms/", page_of(form), "/statements/", bill(row)):
        title = title_of(ana_client.get(path))
        for secret in ("Health", "120", "Crown", "Ana"):
            assert secret not in title
            assert secret not in path
    assert (str(form), str(row)) == (str(form.pk), str(row.pk))
