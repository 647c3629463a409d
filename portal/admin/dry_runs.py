"""Shows at the desk what a rule would bring before it is saved: a button beside "Save"."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.forms import ModelForm
from django.http import HttpRequest, HttpResponse
from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from notifications.enums import PatientNotificationChannel, Reason
from portal.models import Appointment
from portal.services import DryRun, dry_run
from portal.services.foreseeing import GOES, TO_CALL, WAITS, Example, Line

BUTTON = "_foresee"
OUTCOMES = {
    GOES: gettext_lazy("Goes"),
    WAITS: gettext_lazy("Held first, then goes"),
    TO_CALL: gettext_lazy("A call to make"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """A line of the table in words, with the lengths of its two bars, of a hundred."""

    line: Line
    channel: str
    says: str
    before: int
    after: int

    @property
    def difference(self) -> int:
        return self.line.after - self.line.before


@dataclass(frozen=True, kw_only=True)
class Shown:
    """An example with the visit it is about, if its reader may see visits."""

    example: Example
    visit: Appointment | None

    @property
    def label(self) -> str:
        return self.example.lines[0].label

    @property
    def channels(self) -> str:
        return get_text_list([line.channel_label for line in self.example.lines], _("and"))


class Foreseeing(admin.ModelAdmin):
    """Mixed into the admin of rules. The button saves nothing: the form comes back with a table."""

    def get_form(
        self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any
    ) -> type[ModelForm]:
        form = super().get_form(request, obj, change=change, **kwargs)
        return _never_saved(form) if _is_asked(request) else form

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], **kwargs: Any
    ) -> HttpResponse:
        form = context["adminform"].form
        if _is_asked(request) and not form.errors:
            foreseen = dry_run(form.instance)
            context |= {
                "foreseen": foreseen,
                "zone": form.instance.location.zone,
                "rows": list(_rows(foreseen)),
                "examples": _shown(foreseen, request=request),
            }
        return super().render_change_form(request, context, **kwargs)


def _is_asked(request: HttpRequest) -> bool:
    return request.method == "POST" and BUTTON in request.POST


def _never_saved(form: type[ModelForm]) -> type[ModelForm]:
    """Return the form as one that is checked and shown, and that the admin never saves."""

    def is_valid(self: ModelForm) -> bool:
        self.full_clean()
        return False

    return type(form.__name__, (form,), {"is_valid": is_valid, "__module__": __name__})


def _rows(foreseen: DryRun) -> Iterator[Row]:
    most = max((max(line.before, line.after) for line in foreseen.lines), default=0)
    for line in foreseen.lines:
        yield Row(
            line=line,
            channel=_channel(line.channel),
            says=_says(line),
            before=round(100 * line.before / most),
            after=round(100 * line.after / most),
        )


def _channel(key: str) -> str:
    if key in PatientNotificationChannel:
        return str(PatientNotificationChannel.known(key).label)
    return _("Phone call") if key else _("No message")


def _says(line: Line) -> str:
    if line.outcome in OUTCOMES:
        return str(OUTCOMES[line.outcome])
    why = str(Reason(line.reason).label) % {"date": "—", "time": "—"}
    return _("Not sent: %(reason)s") % {"reason": why}


def _shown(foreseen: DryRun, *, request: HttpRequest) -> Sequence[Shown]:
    """Add to the examples their visits, in one query."""
    ids = {example.visit_id for example in foreseen.examples}
    may_see = request.user.has_perm("portal.view_appointment")
    visits = Appointment.objects.filter(pk__in=ids if may_see else ()).select_related("location")
    known = {visit.pk: visit for visit in visits.defer("reason", "notes", "treatment")}
    return [
        Shown(example=example, visit=known.get(example.visit_id)) for example in foreseen.examples
    ]
