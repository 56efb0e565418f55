"""The clinic's own tests, with the means that Django has: `python manage.py test`."""

from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.test import TestCase, override_settings

from clinic.models import Appointment
from clinic.visits import visits
from hugathome.sms import OutboxSms
from hugathome.testing.outbox import Outbox

START = (datetime.now(UTC) + timedelta(minutes=5)).replace(microsecond=0)
PATIENT = {"patient": "M. Dupont", "phone": "079 123 45 67"}


class VisitTest(TestCase):
    """A visit, held by views."""

    def setUp(self) -> None:
        """Give the clinic an SMS gateway that keeps what it is given."""
        sms = OutboxSms()
        self.outbox = Outbox(sms)
        self.enterContext(override_settings(HUG_SMS=sms))
        visits.cache_clear()
        self.addCleanup(visits.cache_clear)

    def post(self, path: str, **content: Any) -> Any:
        """Post JSON as the clinic's pages do."""
        return self.client.post(path, content, content_type="application/json")

    def plan(self, starts_at: datetime = START) -> Any:
        """Plan a visit, and commit."""
        with self.captureOnCommitCallbacks(execute=True):
            return self.post("/appointments", starts_at=starts_at.isoformat(), **PATIENT)

    def test_a_visit_from_plan_to_outcome(self) -> None:
        number = self.plan().json()["number"]
        message = self.outbox.last(to="+41791234567")
        assert message.link is not None
        assert message.code is not None

        with self.captureOnCommitCallbacks(execute=True):
            visits().check_in(message.link.rpartition("/")[2], message.code)

        assert self.client.get(f"/appointments/{number}").json()["waiting"] == ["M. Dupont"]
        assert self.post(f"/appointments/{number}/room")["Location"].startswith(settings.HUG_SITE)
        assert self.post(f"/appointments/{number}/admit").json()["present"] == ["M. Dupont"]
        assert (
            self.post(f"/appointments/{number}/end", outcome="prescription").json()["status"] == "completed"
        )
        told = self.client.get("/events").json()["events"]
        assert told[0] == "1 plan"
        assert told[-1].endswith(" complete")

    def test_nothing_is_sent_before_django_commits(self) -> None:
        with self.captureOnCommitCallbacks() as to_come:
            self.post("/appointments", starts_at=START.isoformat(), **PATIENT)

        assert len(self.outbox) == 0
        for callback in to_come:
            callback()
        assert len(self.outbox) == 1

    def test_a_view_that_is_rolled_back_leaves_no_session_and_no_sms(self) -> None:
        self.plan()
        before = list(visits().events(organisation="clinic"))

        refused = self.plan()

        assert refused.status_code == 409
        assert Appointment.objects.count() == 1
        assert len(self.outbox) == 1
        assert list(visits().events(organisation="clinic")) == before

    def test_a_number_that_cannot_be_used_is_refused(self) -> None:
        refused = self.post("/appointments", starts_at=START.isoformat(), patient="M. Dupont", phone="117")

        assert refused.status_code == 400
        assert Appointment.objects.count() == 0
