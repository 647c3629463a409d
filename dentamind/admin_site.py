"""The staff's admin: Django's own, under the practice's name."""

from django.contrib.admin import AdminSite
from django.utils.translation import gettext_lazy as _


class DentaMindAdminSite(AdminSite):
    site_header = "DentaMind"
    site_title = "DentaMind"
    index_title = _("Practice")
    site_url = "/"
    enable_nav_sidebar = True
