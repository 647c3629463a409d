"""Send one notification to one patient: to try a type, or to look at a page with it."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from notifications.enums import PatientNotificationType
from notifications.services import patient_notification_service
from notifications.types import REFUSED_FIELDS, NotificationPayload, Refused
from portal.models import User


class Command(BaseCommand):
    help = (
        "Send one notification to a patient and print its id. "
        "The type's example fills the fields that are not given."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--patient", required=True, metavar="E-MAIL", help="their sign-in")
        parser.add_argument("--type", required=True, help="such as appointment_reminder")
        parser.add_argument("--priority", help="low, medium, high or urgent")
        parser.add_argument(
            "--field",
            action="append",
            default=[],
            metavar="NAME=VALUE",
            help="a field of the type's payload; may be repeated",
        )
        parser.add_argument("--key", default="", help="the same key again sends nothing new")
        parser.add_argument("--json", action="store_true", help="print a line of JSON, not the id")

    def handle(self, **options: Any) -> None:
        try:
            notification = patient_notification_service.create_notification(
                patient_id=_patient(options["patient"]).pk,
                payload=_payload(options["type"], options["field"]),
                priority=options["priority"],
                key=options["key"],
            )
        except Refused as refusal:
            raise CommandError(refusal.message) from refusal
        except ValueError as error:
            raise CommandError(str(error)) from error
        except (LookupError, ArithmeticError) as error:  # a zone or a date no text can name
            raise CommandError(f"This message cannot be written: {error}") from error
        said = {
            "id": str(notification.pk),
            "type": notification.type,
            "title": notification.title,
            "priority": notification.priority,
            "created_at": notification.created_at.isoformat(),
        }
        self.stdout.write(json.dumps(said) if options["json"] else said["id"])


def _patient(email: str) -> User:
    """Return who signs in with an e-mail, or the only one who has it."""
    email = email.strip()
    found = User.objects.filter(username__iexact=email)[:2] or User.objects.filter(
        email__iexact=email
    )
    if not found:
        raise CommandError(f"There is no patient with the e-mail {email}.")
    if len(found) > 1:
        raise CommandError(f"Several patients share {email}: give a sign-in.")
    return found[0]


def _payload(type_key: str, given: list[str]) -> NotificationPayload:
    """Return the type's example with the given fields. Raises ValueError, naming what is known."""
    payload_class = PatientNotificationType.known(type_key)
    values = payload_class.example().dump()
    for pair in given:
        name, value = _field(pair, payload_class)
        try:
            values |= {name: value}
            payload_class.load(values)
        except (TypeError, ValueError) as error:
            raise ValueError(f"--field {name}: {error}") from error
        except ArithmeticError as error:  # what Decimal raises names no value
            raise ValueError(f"--field {name}: {value!r} is not a number") from error
    return payload_class.load(values)


def _field(pair: str, payload_class: type[NotificationPayload]) -> tuple[str, str]:
    name, is_pair, value = pair.partition("=")
    known = payload_class.field_names()
    if not is_pair:
        raise ValueError(f"--field takes name=value, not {pair!r}; known are: {', '.join(known)}")
    if name in REFUSED_FIELDS:
        raise ValueError(f"--field {name}: {REFUSED_FIELDS[name]}")
    if name not in known:
        raise ValueError(
            f"{payload_class.type_key} has no field {name!r}; known are: {', '.join(known)}"
        )
    return name, value
