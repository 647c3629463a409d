"""Puts the project's own admin site in the place of Django's."""

from django.contrib.admin.apps import AdminConfig


class PortalAdminConfig(AdminConfig):
    default_site = "dentamind.admin_site.DentaMindAdminSite"
