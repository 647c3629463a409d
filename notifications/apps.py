"""Loads the engine's channels and every app's notification types when Django starts."""

import pkgutil
from importlib import import_module, util

from django.apps import AppConfig, apps


def import_members(package_name: str) -> None:
    """Import every module of a package, so that its classes register themselves."""
    package = import_module(package_name)
    for module in pkgutil.iter_modules(package.__path__):
        import_module(f"{package_name}.{module.name}")


class NotificationsConfig(AppConfig):
    name = "notifications"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from notifications import checks, queue, sign_ins  # noqa: F401 - models are loaded first

        queue.shut()
        sign_ins.watch()
        import_members("notifications.providers")
        import_members("notifications.channels")
        for app in apps.get_app_configs():
            if util.find_spec(f"{app.name}.notification_types"):
                import_members(f"{app.name}.notification_types")
