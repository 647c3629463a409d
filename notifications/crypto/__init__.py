"""Encryption at rest: AES-256-GCM with table, column and row bound in, and a blind index.

A patient's texts are sealed with a data key of their own, kept in `PatientKey` wrapped by the
master keys (Fernet), which live outside the database; destroying that row erases the texts.
Contact values are sealed with the newest master key itself, so that a carrier's answer can be
matched, and found again through a keyed HMAC. Standards: NIST SP 800-38D, RFC 2104.
"""

from notifications.crypto.fields import (
    Ciphertext,
    MasterSealedField,
    SealedField,
    SealedTextField,
    blind_index,
)
from notifications.crypto.keys import (
    PatientKey,
    SealBroken,
    audit_keys,
    data_key,
    destroy_key,
    forget_keys,
    keys_loaded,
    master_keys,
    new_id,
    parse_keys,
)
from notifications.crypto.rotation import rotate

__all__ = [
    "Ciphertext",
    "MasterSealedField",
    "PatientKey",
    "SealBroken",
    "SealedField",
    "SealedTextField",
    "audit_keys",
    "blind_index",
    "data_key",
    "destroy_key",
    "forget_keys",
    "keys_loaded",
    "master_keys",
    "new_id",
    "parse_keys",
    "rotate",
]
