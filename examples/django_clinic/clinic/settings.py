"""As small as a Django project gets; the last lines are what hugathome needs to know.

    python manage.py migrate
    uvicorn clinic.asgi:application

Where no secrets are set, it runs on ones that everybody knows: for a look at it only.
"""

import os
from pathlib import Path

from hugathome.sms import LogSms

HERE = Path(__file__).parents[1]

SECRET_KEY = os.environ.get("CLINIC_SECRET", "only for a look at the example")
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "testserver"]
INSTALLED_APPS = ["clinic"]
MIDDLEWARE: list[str] = []  # your own log-in and CSRF protection stand here
ROOT_URLCONF = "clinic.urls"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
USE_TZ = True

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("CLINIC_DATABASE", str(HERE / "clinic.db")),
        # Two processes write this file. Whoever means to write waits for its turn at the beginning of a
        # transaction; SQLite's own default notices in the middle, and then it is too late to wait.
        "OPTIONS": {"transaction_mode": "IMMEDIATE", "init_command": "PRAGMA journal_mode=WAL"},
    }
}

HUG_KEY = os.environ.get("HUG_KEY", "only for a look at the example: no secret").encode()
HUG_SITE = os.environ.get("HUG_SITE", "http://127.0.0.1:8000/visit")
HUG_FRAMES = os.environ.get("HUG_FRAMES", "http://127.0.0.1:8000").split()
HUG_SMS = LogSms()
