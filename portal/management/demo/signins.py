"""Who may sign in to the demo, and with what."""

import secrets

from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import Group, Permission

from portal.management.demo import SOURCE
from portal.models import ExternalId, User

DESK_MAY = {
    "portal.appointment": ("view", "add", "change"),
    "portal.closedday": ("view",),
    "portal.guardianship": ("view",),
    "portal.location": ("view",),
    "portal.patientform": ("view", "add", "change"),
    "portal.practice": ("view",),
    "portal.provider": ("view",),
    "portal.recallschedule": ("view",),
    "portal.reminderrule": ("view",),
    "portal.user": ("view",),
    "notifications.calltask": ("view", "change"),
    "notifications.consent": ("view",),
    "notifications.contactpoint": ("view", "add", "change"),
    "notifications.delivery": ("view", "change"),
    "notifications.inboundtext": ("view", "change"),
    "notifications.patientnotification": ("view",),
    "notifications.patientnotificationpreference": ("view",),
    "notifications.schedulednotification": ("view",),
}
STAFF = {"desk@example.com": "Dana Frost", "admin@example.com": "Alex Winter"}
# Easy to read aloud and to type: no letter or digit that looks like another.
LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"


def hire() -> None:
    """Create the front desk's group and account, and the administrator's. Again: no change."""
    desk = Group.objects.get_or_create(name="Front desk")[0]
    desk.permissions.set(_rights_of_the_desk())
    for email, name in STAFF.items():
        first, last = name.split(" ", 1)
        names = {"email": email, "first_name": first, "last_name": last, "is_staff": True}
        person = User.objects.get_or_create(username=email, defaults=names)[0]
        if email.startswith("desk"):
            person.groups.add(desk)
        else:
            person.is_superuser = True
            person.save(update_fields=["is_superuser"])
        ExternalId.objects.get_or_create(
            source=SOURCE,
            resource="Staff",
            external_id=email,
            defaults={"object_id": person.pk},
        )


def _rights_of_the_desk() -> list[Permission]:
    """Return what the front desk may do: the book, addresses, consent, the queues; no bodies."""
    return [
        Permission.objects.get(content_type__app_label=app, codename=f"{action}_{model}")
        for (app, model), actions in ((name.split("."), may) for name, may in DESK_MAY.items())
        for action in actions
    ]


def set_passwords() -> str:
    """Give every demo sign-in one password, DEMO_PASSWORD or one made up; return it.

    A made-up one is stored nowhere. Children keep none.
    """
    password = settings.DEMO_PASSWORD or "-".join(_syllables())
    ours = ExternalId.objects.filter(source=SOURCE, resource__in=["Patient", "Staff"])
    people = User.objects.filter(pk__in=ours.values("object_id")).exclude(email="")
    # One hash for all of them: it is one password, and a hash takes a while by design.
    people.update(password=make_password(password))
    return password


def _syllables() -> list[str]:
    return ["".join(secrets.choice(LETTERS) for _letter in range(4)) for _part in range(4)]
