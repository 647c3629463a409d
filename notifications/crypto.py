"""Encryption at rest: AES-256-GCM with table, column and row bound in, and a blind index.

A patient's texts are sealed with a data key of their own, kept in `PatientKey` wrapped by the
master keys (Fernet), which live outside the database; destroying that row erases the texts.
Contact values are sealed with the newest master key itself, so that a carrier's answer can be
matched, and found again through a keyed HMAC. Standards: NIST SP 800-38D, RFC 2104.
"""

import base64
import hashlib
import hmac
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from functools import lru_cache
from typing import Any
from uuid import UUID

import uuid_utils.compat
from cryptography.exceptions import InvalidTag
from cryptography.fernet import Fernet, MultiFernet
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models
from django.db.models.query_utils import DeferredAttribute
from django.utils import timezone

NONCE_BYTES = 12
KEY_CACHE_SIZE = 4096
# A key this young may belong to a transaction that rolls back; it is not kept in memory.
UNSETTLED = timedelta(minutes=10)


class SealBroken(ValueError):
    """A value does not open: its key is gone, or the row was altered. Names row and column."""


def new_id() -> UUID:
    """Return a time-ordered id (UUIDv7, RFC 9562): a row's id is known before it is saved."""
    return uuid_utils.compat.uuid7()


# -- keys ---------------------------------------------------------------------------------------


def parse_keys(text: str, *, setting: str) -> dict[int, bytes]:
    """Read `2:<base64>,1:<base64>`, newest first. Raises ImproperlyConfigured, naming `setting`."""
    try:
        pairs = [part.strip().split(":", 1) for part in text.split(",") if part.strip()]
        keys = {int(version): base64.urlsafe_b64decode(key) for version, key in pairs}
    except ValueError as error:
        raise ImproperlyConfigured(f"{setting} must look like 2:<key>,1:<key>") from error
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
        return _wrapper(settings.NOTIFICATIONS_MASTER_KEYS).decrypt(self.wrapped.encode())

    def is_settled(self) -> bool:
        return timezone.now() - self.created_at > UNSETTLED


_cache: dict[UUID, bytes] = {}
_loaded: ContextVar[dict[UUID, bytes] | None] = ContextVar("loaded_keys", default=None)


def data_key(patient_id: UUID, *, create: bool = False) -> bytes:
    """Return a patient's data key. Raises SealBroken when there is none and `create` is off."""
    known = (_loaded.get() or {}).get(patient_id) or _cache.get(patient_id)
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
        _cache[row.patient_id] = key
    return key


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
    cached = {patient_id: _cache[patient_id] for patient_id in wanted & _cache.keys()}
    rows = PatientKey.objects.filter(pk__in=wanted - cached.keys())
    token = _loaded.set(cached | {row.patient_id: _remember(row) for row in rows})
    try:
        yield
    finally:
        _loaded.reset(token)


# -- sealing ------------------------------------------------------------------------------------


class Ciphertext(bytes):
    """Bytes as they stand in the database: key version, nonce, sealed text and tag."""


def _seal(*, key: bytes, version: int, place: str, value: Any) -> Ciphertext:
    nonce = os.urandom(NONCE_BYTES)
    text = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False).encode()
    return Ciphertext(bytes([version]) + nonce + AESGCM(key).encrypt(nonce, text, place.encode()))


def _open(*, key: bytes, place: str, sealed: bytes) -> Any:
    nonce, text = sealed[1 : 1 + NONCE_BYTES], sealed[1 + NONCE_BYTES :]
    try:
        return json.loads(AESGCM(key).decrypt(nonce, text, place.encode()))
    except InvalidTag:
        raise SealBroken(f"{place} does not open: wrong key or altered row") from None


def blind_index(*, kind: str, value: str) -> str:
    """Return the keyed fingerprint under which a contact value is looked up."""
    key = base64.urlsafe_b64decode(settings.NOTIFICATIONS_INDEX_KEY)
    return hmac.new(key, f"{kind}:{value}".encode(), hashlib.sha256).hexdigest()


class SealedAttribute(DeferredAttribute):
    """Opens a sealed column when it is first read, and keeps what was assigned until saved."""

    def __get__(self, instance: models.Model | None, cls: type | None = None) -> Any:
        if instance is None:
            return self
        value = super().__get__(instance, cls)
        if isinstance(value, Ciphertext):
            value = self.field.open(instance=instance, sealed=value)
            instance.__dict__[self.field.attname] = value
        return value

    def __set__(self, instance: models.Model, value: Any) -> None:
        instance.__dict__[self.field.attname] = value


class SealedField(models.Field):
    """A column that holds any JSON value sealed with the data key of the row's patient.

    The model says whose key by `sealing_patient_id()`; its primary key must be known before the
    first save (use `new_id`). Cannot be filtered on, nor written by `update()`.
    """

    descriptor_class = SealedAttribute
    empty_values = [None]

    def get_internal_type(self) -> str:
        return "BinaryField"

    def place(self, row_id: Any) -> str:
        return f"{self.model._meta.db_table}.{self.column}:{row_id}"

    def seal(self, *, instance: models.Model, value: Any) -> Ciphertext:
        key = data_key(instance.sealing_patient_id(), create=True)
        return _seal(key=key, version=0, place=self.place(instance.pk), value=value)

    def open(self, *, instance: models.Model, sealed: bytes) -> Any:
        key = data_key(instance.sealing_patient_id())
        return _open(key=key, place=self.place(instance.pk), sealed=sealed)

    def pre_save(self, model_instance: models.Model, add: bool) -> Ciphertext | None:
        value = model_instance.__dict__.get(self.attname)
        if value is None or isinstance(value, Ciphertext):
            return value
        return self.seal(instance=model_instance, value=value)

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Ciphertext | None:
        return None if value is None else Ciphertext(value)

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        if value is None:
            return None
        if not isinstance(value, Ciphertext):
            raise TypeError(f"{self.model.__name__}.{self.name} is sealed: assign it and save()")
        return connections[connection.alias].Database.Binary(value)

    def get_lookup(self, lookup_name: str) -> Any:
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None

    def value_to_string(self, obj: models.Model) -> str:
        return json.dumps(self.value_from_object(obj), cls=DjangoJSONEncoder)


class SealedTextField(SealedField):
    """A sealed column of text, with a form field of its own."""

    def formfield(self, **options: Any) -> forms.Field:
        return forms.CharField(
            required=not self.blank,
            label=self.verbose_name.capitalize(),
            help_text=self.help_text,
            widget=forms.Textarea(attrs={"rows": 3}),
        )


class MasterSealedField(SealedField):
    """A column sealed with the newest master key: for values that belong to an address."""

    def seal(self, *, instance: models.Model, value: Any) -> Ciphertext:
        version, key = next(iter(master_keys().items()))
        return _seal(key=key, version=version, place=self.place(instance.pk), value=value)

    def open(self, *, instance: models.Model, sealed: bytes) -> Any:
        key = master_keys().get(sealed[0])
        if key is None:
            raise SealBroken(f"{self.place(instance.pk)} needs master key {sealed[0]}")
        return _open(key=key, place=self.place(instance.pk), sealed=sealed)
