"""The keys: the master keys outside the database, and one data key a patient, wrapped by them."""

import base64
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import lru_cache
from time import monotonic
from uuid import UUID

import uuid_utils.compat
from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import models
from django.utils import timezone

KEY_CACHE_SIZE = 4096
KEPT_SECONDS = 60  # how long another process may still open what was erased
# A key this young may belong to a transaction that rolls back; it is not kept in memory.
UNSETTLED = timedelta(minutes=10)


class SealBroken(ValueError):
    """A value does not open: its key is gone, or the row was altered. Names row and column."""


def new_id() -> UUID:
    """Return a time-ordered id (UUIDv7, RFC 9562): a row's id is known before it is saved."""
    return uuid_utils.compat.uuid7()


# -- keys ---------------------------------------------------------------------------------------


def parse_keys(text: str, *, setting: str) -> dict[int, bytes]:
    """Read `2:<base64>,1:<base64>`; the highest number is the newest and comes first.

    Raises ImproperlyConfigured, naming `setting`.
    """
    try:
        pairs = [part.strip().split(":", 1) for part in text.split(",") if part.strip()]
        numbered = [(int(version), base64.urlsafe_b64decode(key)) for version, key in pairs]
    except ValueError as error:
        raise ImproperlyConfigured(f"{setting} must look like 2:<key>,1:<key>") from error
    keys = dict(sorted(numbered, reverse=True))
    if len(keys) < len(numbered):
        raise ImproperlyConfigured(f"{setting} gives one number to two keys")
    if not keys or any(len(key) != 32 or not 0 < n < 256 for n, key in keys.items()):
        raise ImproperlyConfigured(
            f"{setting} needs at least one 32-byte key, base64 (URL-safe), numbered 1 to 255"
        )
    return keys


@lru_cache(maxsize=4)
def _keys(setting: str, text: str) -> dict[int, bytes]:
    return parse_keys(text, setting=setting)


def master_keys() -> dict[int, bytes]:
    """Return the master keys by version, newest first."""
    return _keys("NOTIFICATIONS_MASTER_KEYS", settings.NOTIFICATIONS_MASTER_KEYS)


def audit_keys() -> dict[int, bytes]:
    """Return the audit trail's keys by version, newest first."""
    return _keys("NOTIFICATIONS_AUDIT_KEYS", settings.NOTIFICATIONS_AUDIT_KEYS)


@lru_cache(maxsize=4)
def _wrapper(text: str) -> MultiFernet:
    keys = _keys("NOTIFICATIONS_MASTER_KEYS", text).values()
    return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in keys])


class PatientKey(models.Model):
    """A patient's data key, wrapped. Deleting the row makes every sealed text unreadable."""

    patient_id = models.UUIDField(primary_key=True)
    wrapped = models.TextField()
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        app_label = "notifications"
        db_table = "patient_keys"

    def __str__(self) -> str:
        return f"key of {self.patient_id}"

    @classmethod
    def fresh(cls, patient_id: UUID) -> "PatientKey":
        wrapped = _wrapper(settings.NOTIFICATIONS_MASTER_KEYS).encrypt(os.urandom(32))
        return cls(patient_id=patient_id, wrapped=wrapped.decode())

    def unwrapped(self) -> bytes:
        """Return the key itself. Raises SealBroken when no master key opens it."""
        try:
            return _wrapper(settings.NOTIFICATIONS_MASTER_KEYS).decrypt(self.wrapped.encode())
        except InvalidToken:
            raise SealBroken(f"no master key opens the key of patient {self.patient_id}") from None

    def rewrapped(self) -> str:
        """Return the key as the newest master key wraps it."""
        return _wrapper(settings.NOTIFICATIONS_MASTER_KEYS).rotate(self.wrapped.encode()).decode()

    def is_settled(self) -> bool:
        return timezone.now() - self.created_at > UNSETTLED


_cache: dict[UUID, tuple[bytes, float]] = {}  # the key, and until when it may be used
_loaded: ContextVar[dict[UUID, bytes] | None] = ContextVar("loaded_keys", default=None)


def data_key(patient_id: UUID, *, create: bool = False) -> bytes:
    """Return a patient's data key. Raises SealBroken when there is none and `create` is off."""
    known = (_loaded.get() or {}).get(patient_id) or _cached(patient_id)
    if known is not None:
        return known
    row = PatientKey.objects.filter(pk=patient_id).first()
    if row is None and not create:
        raise SealBroken(f"the key of patient {patient_id} was destroyed")
    if row is None:
        PatientKey.objects.bulk_create([PatientKey.fresh(patient_id)], ignore_conflicts=True)
        row = PatientKey.objects.get(pk=patient_id)
    return _remember(row)


def _remember(row: PatientKey) -> bytes:
    key = row.unwrapped()
    if row.is_settled():
        if len(_cache) >= KEY_CACHE_SIZE:
            _cache.clear()
        _cache[row.patient_id] = (key, monotonic() + KEPT_SECONDS)
    return key


def _cached(patient_id: UUID) -> bytes | None:
    key, until = _cache.get(patient_id, (None, 0.0))
    return key if monotonic() < until else None


def destroy_key(patient_id: UUID) -> None:
    """Erase a patient's texts for good: nothing sealed with this key opens again.

    Another process may still hold the key, for KEPT_SECONDS at most.
    """
    PatientKey.objects.filter(pk=patient_id).delete()
    _cache.pop(patient_id, None)


def forget_keys() -> None:
    """Drop every unwrapped key from this process's memory."""
    _cache.clear()


@contextmanager
def keys_loaded(patient_ids: Iterable[UUID], *, create: bool = False) -> Iterator[None]:
    """Hold the keys of many patients inside the block: two queries whatever the number."""
    wanted = set(patient_ids)
    if create:
        have = set(PatientKey.objects.filter(pk__in=wanted).values_list("pk", flat=True))
        missing = [PatientKey.fresh(patient_id) for patient_id in wanted - have]
        PatientKey.objects.bulk_create(missing, ignore_conflicts=True)
    cached = {patient_id: _cached(patient_id) for patient_id in wanted}
    known = {patient_id: key for patient_id, key in cached.items() if key is not None}
    rows = PatientKey.objects.filter(pk__in=wanted - known.keys())
    token = _loaded.set(known | {row.patient_id: _remember(row) for row in rows})
    try:
        yield
    finally:
        _loaded.reset(token)
