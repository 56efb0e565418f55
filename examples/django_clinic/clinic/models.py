"""What the clinic itself keeps of a visit."""

from datetime import datetime

from django.db import models


class Appointment(models.Model):
    """A time on the clinician's calendar, and the session that is held at it."""

    starts_at: "models.DateTimeField[datetime, datetime]" = models.DateTimeField(unique=True)
    session: "models.CharField[str, str]" = models.CharField(max_length=64)
