"""The project's pages, and the one of an address that leads nowhere.

In development Django shows a page of its own instead, with the reasons; a patient never sees that.
"""

from django.http import Http404
from django.urls import path
from django.views.defaults import page_not_found

from dentamind.urls import handler500, urlpatterns

__all__ = ["handler500", "urlpatterns"]
urlpatterns = [path("lost/", lambda request: page_not_found(request, Http404())), *urlpatterns]
