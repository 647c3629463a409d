"""The sealed columns: what a model assigns and reads is plain, what the database keeps is not."""

import base64
import hashlib
import hmac
import json
import os
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django import forms
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models
from django.db.models.query_utils import DeferredAttribute

from notifications.crypto.keys import SealBroken, data_key, master_keys

NONCE_BYTES = 12


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
    except (InvalidTag, ValueError):  # a ValueError: too short to be anything sealed
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
        """Return what binds a value to its row; ids written differently are the same row."""
        return f"{self.model._meta.db_table}.{self.column}:{self.model._meta.pk.to_python(row_id)}"

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
        """Refuse `dumpdata`: it would write what is sealed in the clear. Back up the database."""
        raise TypeError(
            f"{self.model.__name__}.{self.name} is sealed: back up the database instead"
        )


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
        version = next(iter(sealed), 0)
        key = master_keys().get(version)
        if key is None:
            raise SealBroken(f"{self.place(instance.pk)} needs master key {version}")
        return _open(key=key, place=self.place(instance.pk), sealed=sealed)
