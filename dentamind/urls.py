"""Where everything is: the API, the portal's pages, the staff's admin, and the machine's own."""

from django.conf import settings
from django.contrib import admin
from django.urls import include, path
from django.views.generic import RedirectView

from notifications import health, outbox_views, webhooks
from notifications.api import problems
from notifications.api import urls as api
from portal import urls as portal

handler500 = problems.server_error
urlpatterns = [
    path("", include(health.urlpatterns)),
    path("admin/", admin.site.urls),
    path("api/", include(api)),
    path("dev/outbox/", include(outbox_views.urlpatterns)),
    path("webhooks/", include(webhooks.urlpatterns)),
    path("favicon.ico", RedirectView.as_view(url=f"{settings.STATIC_URL}portal/favicon.svg")),
    path("", include(portal)),
]
