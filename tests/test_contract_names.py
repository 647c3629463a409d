"""The names of the contract: models, sets, services and payloads as other code counts on them."""

import inspect
from uuid import uuid4

import pytest
from asgiref.sync import async_to_sync
from django.template import Context, Template
from django.test import RequestFactory

from notifications import scheduler, services
from notifications.enums import (
    Category,
    PatientNotificationChannel,
    PatientNotificationPriority,
    PatientNotificationType,
)
from notifications.models import PatientNotification, PatientNotificationPreference
from notifications.types import NotificationPayload
from portal.notification_types.appointment_reminder import AppointmentReminderPayload
from portal.notification_types.lab_results import LabResultsPayload
from portal.views.settings.sheet import NotificationSettingsPage

VOCABULARY = {
    "appointment_reminder",
    "lab_results",
    "treatment_completed",
    "payment_confirmation",
    "insurance_update",
    "treatment_plan_update",
    "system_alert",
    "prescription_ready",
    "message_from_provider",
    "hygiene_recall",
    "perio_recall",
    "treatment_followup",
    "patient_reactivation",
    "general_reminder",
    "appointment_confirmed",
    "appointment_cancelled",
    "appointment_rescheduled",
    "appointment_missed",
    "payment_due",
    "forms_due",
    "clinical_recommendation",
    "opening_offer",
    "review_request",
    "general_announcement",
}


def test_the_tables_have_the_names_of_the_contract():
    assert PatientNotification._meta.db_table == "patient_notifications"
    assert PatientNotificationPreference._meta.db_table == "patient_notification_preferences"


def test_the_priorities_are_a_closed_set():
    assert list(PatientNotificationPriority) == ["low", "medium", "high", "urgent"]
    with pytest.raises(ValueError, match="critical"):
        PatientNotificationPriority("critical")


def test_the_categories_are_those_of_the_contract():
    assert set(Category.values) == {
        "appointments",
        "clinical",
        "billing",
        "recall",
        "practice_news",
        "account",
    }


def test_types_are_an_open_set_used_like_an_enum():
    assert PatientNotificationType("lab_results") == PatientNotificationType.LAB_RESULTS
    assert PatientNotificationType.LAB_RESULTS.value == "lab_results"
    assert "lab_results" in PatientNotificationType
    assert PatientNotificationType.LAB_RESULTS in list(PatientNotificationType)
    with pytest.raises(ValueError, match="known are: .*lab_results"):
        PatientNotificationType("nonsense")


def test_the_types_are_the_vocabulary_no_more_and_no_less():
    ours = {
        cls.type_key
        for cls in PatientNotificationType.classes()
        if cls.__module__.startswith("portal.")
    }
    assert ours == VOCABULARY
    assert len(ours) == 24


def test_channels_are_an_open_set_used_like_an_enum():
    assert {"in_app", "email", "sms", "push"} <= set(PatientNotificationChannel)
    assert PatientNotificationChannel("sms") == PatientNotificationChannel.SMS == "sms"
    with pytest.raises(ValueError, match="known are: .*email"):
        PatientNotificationChannel("fax")


def test_the_services_stand_ready_by_their_names():
    ready = services.patient_notification_service
    assert isinstance(ready, services.PatientNotificationService)
    for verb in ("create_notification", "mark_read", "dismiss", "archive", "history"):
        assert callable(getattr(ready, verb))
    planner = scheduler.notification_scheduler_service
    assert isinstance(planner, scheduler.NotificationSchedulerService)


@pytest.mark.django_db
def test_each_type_is_made_by_a_call_that_reads_as_english(ana):
    made = services.patient_notification_service.create_appointment_reminder(
        patient_id=ana.pk, payload=AppointmentReminderPayload.example(), priority="high"
    )
    assert isinstance(made, PatientNotification)
    assert (made.type, made.priority) == ("appointment_reminder", "high")


@pytest.mark.django_db(transaction=True)
def test_beside_each_call_stands_one_that_can_be_awaited(ana):
    create = services.patient_notification_service.acreate_lab_results
    assert inspect.isawaitable(pending := create(patient_id=ana.pk, payload=None))
    pending.close()
    made = async_to_sync(create)(patient_id=ana.pk, payload=LabResultsPayload.example())
    assert PatientNotification.objects.get() == made


@pytest.mark.django_db
def test_a_payload_of_another_type_is_refused(ana):
    with pytest.raises(TypeError, match="AppointmentReminderPayload"):
        services.patient_notification_service.create_appointment_reminder(
            patient_id=ana.pk, payload=LabResultsPayload.example()
        )
    assert not PatientNotification.objects.exists()


@pytest.mark.parametrize("name", ["title", "message"])
def test_a_payload_takes_no_words_of_its_own_and_says_why(name):
    with pytest.raises(TypeError, match=f"takes no {name}: a {name} is"):
        LabResultsPayload(
            result_id=uuid4(), provider_name="Dr. Lee", test_name="X-ray", **{name: "Bad news"}
        )


@pytest.mark.parametrize("field", ["appointment_id", "appointment_date", "provider_name"])
def test_the_reminders_payload_has_the_fields_of_the_contract(field):
    assert issubclass(AppointmentReminderPayload, NotificationPayload)
    assert field in AppointmentReminderPayload.field_names()


@pytest.mark.django_db
def test_the_notification_center_is_a_tag_any_page_may_use(ana):
    request = RequestFactory().get("/")
    request.user = ana
    page = Template("{% load portal %}{% patient_notification_center patient %}")
    assert "/notifications/" in page.render(Context({"patient": ana, "request": request}))


def test_the_settings_view_has_the_name_of_the_contract():
    assert hasattr(NotificationSettingsPage, "as_view")
