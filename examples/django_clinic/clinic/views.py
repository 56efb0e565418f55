"""Plain Django views that hold a visit: no event loop, no thread, and Django's own transactions."""

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import wraps

from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, JsonResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET, require_POST

from clinic.models import Appointment
from clinic.visits import visits
from hugathome import HugathomeError, Participant, PhoneNumber, Session

ORGANISATION = "clinic"
VISIT = timedelta(minutes=30)

View = Callable[..., HttpResponse]


def clinician(_: HttpRequest) -> str:
    """Return who is signed in; your own log-in stands here."""
    return "dr-rossi"


def refusing(view: View) -> View:
    """Answer what the library refuses with its own status and sentence, which names nobody."""

    @wraps(view)
    def answer(request: HttpRequest, **places: int) -> HttpResponse:
        try:
            return view(request, **places)
        except HugathomeError as error:
            return JsonResponse({"detail": str(error)}, status=error.status)

    return answer


@require_POST
@refusing
def plan(request: HttpRequest) -> HttpResponse:
    """Plan a visit and invite the patient, if the time is still free: both happen, or neither."""
    asked, me = json.loads(request.body), clinician(request)
    starts_at = datetime.fromisoformat(asked["starts_at"])
    try:
        with transaction.atomic():
            session = invited(asked["patient"], asked["phone"], starts_at, me)
            appointment = Appointment.objects.create(starts_at=starts_at, session=session.id)
    except IntegrityError:
        return JsonResponse({"detail": "this time is taken"}, status=409)
    return JsonResponse({"number": appointment.pk, **shown(session)}, status=201)


def invited(patient: str, phone: str, starts_at: datetime, me: str) -> Session:
    """Return a planned session to which the patient is invited; the SMS goes out when Django commits."""
    participants = [
        Participant(id=me, role="practitioner", name="Dr A. Rossi"),
        Participant(id="patient", role="patient", name=patient, phone=PhoneNumber.parse(phone, region="CH")),
    ]
    session = visits().sessions.plan(
        organisation=ORGANISATION,
        service="cardiology",
        starts_at=starts_at,
        ends_at=starts_at + VISIT,
        participants=participants,
    )
    visits().sessions.accept(session.id, "patient", recorded_by=me)
    visits().invite(session.id, "patient")
    return session


@require_GET
@refusing
def look(request: HttpRequest, number: int) -> HttpResponse:
    """Show who waits and who is there."""
    return JsonResponse(shown(visits().sessions.get(session_of(number))))


@require_POST
@refusing
def room(request: HttpRequest, number: int) -> HttpResponse:
    """Take the clinician into the room: the grant is signed at the click, and lives two minutes."""
    grant = visits().grant(session_of(number), clinician(request))
    return HttpResponseRedirect(visits().room_url(grant), status=303)


@require_POST
@refusing
def admit(request: HttpRequest, number: int) -> HttpResponse:
    """Let the patient in."""
    session = visits().sessions.admit(session_of(number), "patient", by=clinician(request))
    return JsonResponse(shown(session))


@require_POST
@refusing
def end(request: HttpRequest, number: int) -> HttpResponse:
    """End the visit, with what came of it."""
    outcome = json.loads(request.body)["outcome"]
    session = visits().sessions.complete(session_of(number), by=clinician(request), outcome=outcome)
    return JsonResponse(shown(session))


@require_GET
def events(request: HttpRequest) -> HttpResponse:
    """Tell what has happened since a position, for whoever bills or documents it."""
    told = visits().events(organisation=ORGANISATION, after=int(request.GET.get("after", 0)))
    return JsonResponse({"events": [f"{event.position} {event.change.action}" for event in told]})


def session_of(number: int) -> str:
    """Return the id of the session that an appointment is held as."""
    return get_object_or_404(Appointment, pk=number).session


def shown(session: Session) -> dict[str, object]:
    """Return what the work list shows of a session."""
    return {
        "status": session.status,
        "waiting": [participant.name for participant in session.waiting],
        "present": [participant.name for participant in session.present],
    }
