"""The clinic as Django sees it."""

from django.apps import AppConfig


class Clinic(AppConfig):
    """The only application of the project."""

    name = "clinic"
    default_auto_field = "django.db.models.AutoField"
