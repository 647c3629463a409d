"""The HTTP contract: authenticate, call one service, render.

The patient is the one signed in, or the one in the address for whom they may act.
"""

from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django.conf import settings
from django.utils.module_loading import import_string
from drf_spectacular.utils import extend_schema
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from notifications import audit, preferences
from notifications.api import shapes
from notifications.api.parsers import EmptyFormParser, SmallJSONParser
from notifications.api.problems import NOTHING, route_of
from notifications.api.schema import BATCH, LIST_HEADERS, NOTIFICATION, TYPE, documented
from notifications.api.serializers import (
    ListQuery,
    PatientNotificationShape,
    PreferenceRequest,
    PreferenceShape,
    PreferencesShape,
    ReadAllAnswer,
    ReadAllRequest,
    SnoozeRequest,
    Strict,
    UndoAnswer,
)
from notifications.enums import AuditAction, PatientNotificationType
from notifications.inbox import Page
from notifications.models import PatientNotification
from notifications.services import patient_notification_service


class PatientView(APIView):
    """What every view here shares: whose notifications are meant, and that no cache keeps them."""

    parser_classes = [SmallJSONParser]

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        access = import_string(settings.NOTIFICATIONS_ACCESS)
        self.patient_id = access(user=request.user, patient_id=kwargs.get("patient_id")).pk
        if request.method == "GET" and self.patient_id != request.user.pk:
            _audit_view(request=request, patient_id=self.patient_id)

    def finalize_response(self, request: Request, response: Response, *args, **kwargs) -> Response:
        response = super().finalize_response(request, response, *args, **kwargs)
        response.headers["Cache-Control"] = "no-store"
        return response


class Notifications(PatientView):
    """The inbox, newest first; dismissed, archived and snoozed ones only when asked for."""

    @documented(answer=PatientNotificationShape(many=True), query=ListQuery, headers=LIST_HEADERS)
    def get(self, request: Request, **kwargs: Any) -> Response:
        query = _validated(ListQuery, request.query_params.dict())
        page = patient_notification_service.inbox(patient_id=self.patient_id, **query)
        headers = _page_headers(request=request, page=page)
        return Response(shapes.notifications(page.items), headers=headers)


class Change(PatientView):
    """A change of one notification. Doing it twice is doing it once."""

    verb: str

    @documented(answer=PatientNotificationShape, path=NOTIFICATION)
    def post(self, request: Request, *, notification_id: UUID, **kwargs: Any) -> Response:
        row = self.change(notification_id=notification_id)
        return Response(shapes.notification(row))

    def change(self, *, notification_id: UUID, **details: Any) -> PatientNotification:
        """Do what the verb says. Raises DoesNotExist, Refused."""
        return getattr(patient_notification_service, self.verb)(
            patient_id=self.patient_id,
            notification_id=notification_id,
            actor_id=self.request.user.pk,
            **details,
        )


class Read(Change):
    """Mark a notification as read."""

    verb = "mark_read"


class Unread(Change):
    """Mark a notification as unread again."""

    verb = "mark_unread"


class Dismiss(Change):
    """Dismiss a notification: it leaves the inbox and keeps its read state."""

    verb = "dismiss"


class Archive(Change):
    """Archive a notification: it leaves the inbox and keeps its read state."""

    verb = "archive"


class Restore(Change):
    """Bring a dismissed, archived or snoozed notification back to the inbox."""

    verb = "restore"


class Snooze(Change):
    """Hide a notification until a moment; then it comes back, unread."""

    verb = "snooze"

    @documented(answer=PatientNotificationShape, request=SnoozeRequest, path=NOTIFICATION)
    def post(self, request: Request, *, notification_id: UUID, **kwargs: Any) -> Response:
        asked = _validated(SnoozeRequest, request.data)
        row = self.change(notification_id=notification_id, until=asked["until"])
        return Response(shapes.notification(row))


class ReadAll(PatientView):
    """Mark as read what is unread: all of it, or up to a seq and within a filter."""

    parser_classes = [SmallJSONParser, EmptyFormParser]

    @documented(answer=ReadAllAnswer, request=ReadAllRequest)
    def post(self, request: Request, **kwargs: Any) -> Response:
        asked = _validated(ReadAllRequest, request.data)
        batch = patient_notification_service.mark_all_read(
            patient_id=self.patient_id, actor_id=request.user.pk, **asked
        )
        return Response({"status": "success", "count": batch.count, "undo": batch.batch})


class UndoReadAll(PatientView):
    """Make the notifications of one "read all" unread again; a second time changes nothing."""

    @documented(answer=UndoAnswer, path=BATCH)
    def post(self, request: Request, *, batch: UUID, **kwargs: Any) -> Response:
        count = patient_notification_service.undo_read(
            patient_id=self.patient_id, batch=batch, actor_id=request.user.pk
        )
        return Response({"status": "success", "count": count})


class Preferences(PatientView):
    """Every type's switches, by type: what the sender goes by as well."""

    @documented(answer=PreferencesShape)
    def get(self, request: Request, **kwargs: Any) -> Response:
        choices = preferences.effective(patient_id=self.patient_id)
        return Response({key: shapes.preference(choice) for key, choice in choices.items()})


class Preference(PatientView):
    """Switch channels of one type: all of them or some, kept together or not at all."""

    @documented(answer=PreferenceShape, request=PreferenceRequest, path=TYPE)
    def put(self, request: Request, *, type_key: str, **kwargs: Any) -> Response:
        _require_known(type_key)
        asked = _validated(PreferenceRequest, request.data)
        choice = preferences.change(
            patient_id=self.patient_id,
            type_key=type_key,
            changes={name.removesuffix("_enabled"): on for name, on in asked.items()},
            actor=audit.actor_of(request.user),
        )
        return Response(shapes.preference(choice))


@extend_schema(exclude=True)
class Nothing(PatientView):
    """Every other address: signed in, a 404 like any other; else the 401."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request)
        raise NotFound(NOTHING)


def _audit_view(*, request: Request, patient_id: UUID) -> None:
    """Note that somebody acting for the patient looked."""
    audit.record(
        action=AuditAction.VIEWED,
        actor=audit.actor_of(request.user),
        patient_id=patient_id,
        route=route_of(request),
    )


def _validated(serializer: type[Strict], data: Any) -> dict[str, Any]:
    """Return what a request says. Raises ValidationError naming each wrong field."""
    form = serializer(data=data)
    form.is_valid(raise_exception=True)
    return form.validated_data


def _require_known(type_key: str) -> None:
    """Raise NotFound naming the known types for one there is not."""
    if type_key not in PatientNotificationType:
        known = ", ".join(PatientNotificationType.values)
        raise NotFound(f"There is no such type; known are: {known}.")


def _page_headers(*, request: Request, page: Page) -> dict[str, str]:
    """Return the position, the count and, unless it is the last page, the way to the next."""
    headers = {"X-Unread-Count": str(page.unread), "X-Inbox-Seq": str(page.seq)}
    if page.next_cursor:
        query = {**request.query_params.dict(), "before": page.next_cursor}
        url = request.build_absolute_uri(f"{request.path}?{urlencode(query)}")
        headers["Link"] = f'<{url}>; rel="next"'
    return headers
