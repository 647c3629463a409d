"""Who may follow whose inbox over a socket, and the codes the server hangs up with."""

from enum import IntEnum
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import Http404
from django.utils.module_loading import import_string

from notifications import audit, realtime
from notifications.api.authentication import user_of_session
from notifications.enums import AuditAction

ROUTE = "/patient-notifications/ws/:patient_id"


class Close(IntEnum):
    """Why the server hangs up. After a 44xx a client must not simply connect again.

    The standard's own codes, such as 1011, are not an application's to send: daphne refuses them.
    """

    BAD_REQUEST = 4400
    SIGNED_OUT = 4401
    NOT_YOURS = 4403
    TOO_LARGE = 4413
    TOO_MUCH = 4429
    OUR_FAULT = 4500


class Refusal(Exception):
    """The line is not, or no longer, for this client."""

    def __init__(self, code: Close) -> None:
        super().__init__(code.name)
        self.code = code


def still_admitted(*, session_key: str, patient_id: UUID) -> None:
    """Raise Refusal once the session is over or no longer may act for the patient."""
    _patient_id_for(user=_signed_in(session_key=session_key), patient_id=str(patient_id))


def admit(*, session_key: str, patient_id: str, is_read_in: bool) -> tuple[UUID, int]:
    """Return the patient's id and the inbox's last seq, both as of before the line is up.

    `is_read_in` says that texts will be shown: by somebody acting for the patient, that is a
    view and audited. Raises Refusal; being refused somebody's id is audited too.
    """
    user = _signed_in(session_key=session_key)
    try:
        own_id = _patient_id_for(user=user, patient_id=patient_id)
    except Refusal:
        audit.record_denied(actor=audit.actor_of(user), route=ROUTE)
        raise
    if is_read_in and own_id != user.pk:
        actor = audit.actor_of(user)
        audit.record(action=AuditAction.VIEWED, actor=actor, patient_id=own_id, route=ROUTE)
    return own_id, realtime.position(patient_id=own_id)[0]


def _signed_in(*, session_key: str) -> Any:
    user = user_of_session(session_key=session_key)
    if user is None:
        raise Refusal(Close.SIGNED_OUT)
    return user


def _patient_id_for(*, user: Any, patient_id: str) -> UUID:
    """Nobody learns whether a patient exists: another's id and an unknown one are the same."""
    access = import_string(settings.NOTIFICATIONS_ACCESS)
    try:
        return access(user=user, patient_id=UUID(patient_id)).pk
    except (ValueError, Http404):
        raise Refusal(Close.NOT_YOURS) from None
