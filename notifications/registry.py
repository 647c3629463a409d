"""An open set of named classes: notification types and channels.

A registry is used like an enum (`PatientNotificationChannel.SMS == "sms"`, iteration, `in`,
call by value) but grows by a file being imported, so adding a member edits nothing here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T", bound=type)


class Member(str):
    """A registered key: a string, with the enum's `value` and `name`."""

    __slots__ = ()

    @property
    def value(self) -> str:
        return str(self)

    @property
    def name(self) -> str:
        return self.upper()


@dataclass(frozen=True)
class Retired:
    """Stands in for a class whose file is gone, so that old rows still show."""

    key: str
    icon: str = "info"
    category: str = "account"

    @property
    def title(self) -> str:
        return self.label

    @property
    def label(self) -> str:
        return self.key.replace("_", " ").capitalize()


class Registry(Generic[T]):
    """Classes by key, in the order of their keys.

    A class says its key in the attribute `key_attribute`, and may refuse to be registered by
    raising ImproperlyConfigured from a classmethod `check_definition`.
    """

    def __init__(self, kind: str, *, key_attribute: str) -> None:
        self.kind = kind
        self._key_attribute = key_attribute
        self._classes: dict[str, T] = {}

    def register(self, cls: T) -> T:
        """Add a class (usable as a decorator). Raises ImproperlyConfigured on a taken key."""
        key = getattr(cls, self._key_attribute, "")
        if not key or not key.isidentifier() or key != key.lower():
            raise ImproperlyConfigured(
                f"{cls.__module__}.{cls.__name__}: {self._key_attribute} must be a lower-case name"
            )
        taken = self._classes.get(key)
        if taken is not None and taken.__qualname__ != cls.__qualname__:
            raise ImproperlyConfigured(f"two {self.kind}s are called {key!r}")
        cls.check_definition()
        self._classes[key] = cls
        return cls

    def unregister(self, key: str) -> None:
        """Take a class out again; its rows then show as Retired."""
        self._classes.pop(key, None)

    def get(self, key: str) -> T | Retired:
        """Return the class behind a key, or a Retired that still has a label and an icon."""
        return self._classes.get(key) or Retired(key=str(key))

    def known(self, key: str) -> T:
        """Return the class behind a key. Raises ValueError naming the known ones."""
        self(key)
        return self._classes[key]

    def classes(self) -> list[T]:
        """Return the registered classes in the order of their keys."""
        return [self._classes[key] for key in self.values]

    @property
    def values(self) -> list[str]:
        return sorted(self._classes)

    def __call__(self, value: str) -> Member:
        if value not in self._classes:
            known = ", ".join(self.values)
            raise ValueError(f"{value!r} is not a known {self.kind}; known are: {known}")
        return Member(value)

    def __getattr__(self, name: str) -> Member:
        key = name.lower()
        if name.isupper() and key in self.__dict__.get("_classes", {}):
            return Member(key)
        raise AttributeError(f"no {self.__dict__.get('kind', 'registry')} is called {name}")

    def __contains__(self, value: object) -> bool:
        return value in self._classes

    def __iter__(self) -> Iterator[Member]:
        return (Member(key) for key in self.values)

    def __len__(self) -> int:
        return len(self._classes)
