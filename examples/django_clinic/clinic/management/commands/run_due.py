"""Send what a process that died had promised to send: for cron, once a minute."""

from typing import Any

from django.core.management.base import BaseCommand

from clinic.visits import visits


class Command(BaseCommand):
    """The command `python manage.py run_due`."""

    help = "Deliver what is due."

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Deliver it once."""
        visits().run_due()
