"""The keyed fingerprint of a row and of a seal, over every one of their fields."""

import hashlib
import hmac
import json
from datetime import UTC, datetime
from typing import Any

from notifications.crypto import audit_keys
from notifications.models import AuditEvent, AuditSeal


def _mac(*, kind: str, key_version: int, fields: list[Any]) -> str:
    """Return the HMAC of the fields as canonical JSON; kind keeps rows and seals apart."""
    text = json.dumps([kind, key_version, *fields], sort_keys=True, separators=(",", ":"))
    return hmac.new(audit_keys()[key_version], text.encode(), hashlib.sha256).hexdigest()


def mac_of_event(event: AuditEvent) -> str:
    fields = [
        str(event.pk),
        _moment(event.at),
        event.actor,
        str(event.action),
        str(event.patient_id or ""),
        event.object_type,
        event.object_id,
        event.details,
    ]
    return _mac(kind="event", key_version=event.key_version, fields=fields)


def mac_of_seal(seal: AuditSeal) -> str:
    fields = [seal.number, _moment(seal.sealed_at), seal.previous_mac, seal.event_ids]
    return _mac(kind="seal", key_version=seal.key_version, fields=fields)


def _moment(at: datetime | None) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds") if at else ""
