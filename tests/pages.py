"""What the tests of the pages share: messages to show, and questions to an HTML answer."""

import re
from typing import Any
from uuid import UUID

from django.test import Client

from notifications.services import patient_notification_service as service
from portal.models import Guardianship, User
from portal.notification_types.message_from_provider import MessageFromProviderPayload
from portal.notification_types.system_alert import SystemAlertPayload

HTMX = {"HX-Request": "true"}


def tell(patient: User, *texts: str, priority: str | None = None) -> list[Any]:
    """Send a patient messages from their provider, in this order."""
    return [
        service.create_notification(
            patient_id=patient.pk,
            payload=MessageFromProviderPayload(provider_name="Dr Lee", text=text),
            priority=priority,
        )
        for text in texts
    ]


def warn(patient: User, text: str = "A new address was added.") -> Any:
    """Send a patient a message about their account."""
    payload = SystemAlertPayload(text=text)
    return service.create_notification(patient_id=patient.pk, payload=payload)


def unread(patient: User) -> int:
    return service.unread_count(patient_id=patient.pk)


def inbox(patient: User, **options: Any) -> list[UUID]:
    """Return the ids of a patient's messages, newest first."""
    page = service.inbox(patient_id=patient.pk, **options)
    return [item.pk for item in page.items]


def act(client: Client, message: Any, action: str, *, as_fragment: bool = False, **data: Any):
    """Press a button of a message."""
    headers = HTMX if as_fragment else {}
    return client.post(f"/notifications/{message.pk}/{action}/", data, headers=headers)


def child_of(guardian: User, first_name: str = "Sam") -> User:
    """Return a child the guardian acts for."""
    child = User.objects.create(username=f"{first_name}-{guardian.pk}", first_name=first_name)
    Guardianship.objects.create(guardian=guardian, patient=child)
    return child


def text_of(response: Any) -> str:
    return response.content.decode()


def shown_ids(response: Any) -> list[str]:
    """Return the ids of the messages in a list, in its order."""
    return re.findall(r'<li id="n-([0-9a-f-]{36})"', text_of(response))


def title_of(response: Any) -> str:
    return re.search(r"<title>(.*?)</title>", text_of(response), re.DOTALL).group(1).strip()


def badge_in(response: Any) -> int:
    """Return the number an answer gives the bell."""
    return int(re.search(r'id="bell-state" data-unread="(\d+)"', text_of(response)).group(1))
