"""Leaving by a link: a signed token turns e-mails off, and can do nothing else."""

from collections.abc import Iterable, Sequence
from uuid import UUID

from django.conf import settings
from django.core import signing
from django.utils.translation import gettext_lazy as _

from notifications.crypto import blind_index
from notifications.enums import PatientNotificationType
from notifications.types import NotificationPayload, Refused

UNSUBSCRIBE_SALT = "notifications.unsubscribe"


def unsubscribe_token(*, patient_id: UUID, type_key: str) -> str:
    """Return a signed token that turns one type's e-mails off, and can do nothing else."""
    return _token(patient_id, [type_key])


def _token(patient_id: UUID, type_keys: Iterable[str]) -> str:
    """It names types by codes only we can read: a link stands in mails that say nothing (H-10)."""
    codes = [_type_code(patient_id, key) for key in type_keys]
    return signing.dumps([str(patient_id), *codes], salt=UNSUBSCRIBE_SALT)


def _type_code(patient_id: UUID | str, type_key: str) -> str:
    return blind_index(kind="unsubscribe", value=f"{patient_id}:{type_key}")[:16]


def read_token(token: str) -> tuple[UUID, str]:
    """Return (patient id, type key) of a token, of one for several types the first.

    Raises Refused for one altered, or out of use.
    """
    patient_id, type_keys = read_types(token)
    return patient_id, type_keys[0]


def read_types(token: str) -> tuple[UUID, list[str]]:
    """Return (patient id, type keys) of a token. Raises Refused for one altered, or out of use.

    Tokens do not expire: CAN-SPAM (16 CFR 316.5) asks for 30 days at least.
    """
    try:
        patient_id, *codes = signing.loads(token, salt=UNSUBSCRIBE_SALT)
        types = {_type_code(patient_id, key): key for key in PatientNotificationType.values}
        return UUID(patient_id), [types[code] for code in codes]
    except (signing.BadSignature, KeyError):
        raise Refused(
            _("This link is damaged. Sign in to change your settings."), field="token"
        ) from None


def unsubscribe_url(
    *, patient_id: UUID, payload_classes: Sequence[type[NotificationPayload]]
) -> str:
    """Return the full way out of these types' e-mails; empty where e-mail is locked for all."""
    optional = [each.type_key for each in payload_classes if "email" not in each.locked]
    if not optional:
        return ""
    return f"{settings.PUBLIC_URL}/unsubscribe/{_token(patient_id, optional)}/"
