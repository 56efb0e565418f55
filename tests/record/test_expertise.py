"""Asking an expert: every state × action pair, and what a request holds."""

from collections.abc import Iterator
from itertools import product

import pytest

from hugathome.errors import InvalidInput, InvalidTransition
from hugathome.record.expertise import EXPERTISE, Expertise, ExpertiseKind, ExpertiseState
from hugathome.record.history import Action
from hugathome.record.imaging import ImagingStudyRef, Site, Territory

VALLEY = Site(name="Hospital of the valley", territory=Territory(region="Valais", nation="CH"))
CENTRE = Site(name="HUG", territory=Territory(region="Geneva", nation="CH"))
STUDY = ImagingStudyRef(study_uid="1.2.3", modality="MR")
REPORT = "report/4711"

REQUEST = Expertise(
    kind="SecondOpinion", study=STUDY, question="Is it the same as in May?", requesting=VALLEY
)


def in_state(state: ExpertiseState) -> Expertise:
    is_answered = state in (ExpertiseState.OPINION_GIVEN, ExpertiseState.CLOSED)
    return Expertise(**{**dict(REQUEST), "state": state, "opinion": REPORT if is_answered else None})


def paths(start: ExpertiseState) -> Iterator[list[ExpertiseState]]:
    """Yield every way to an end, without going round."""
    following = {after for (before, _), after in EXPERTISE.items() if before is start} - {start}
    if not following:
        yield [start]
    for state in sorted(following):
        for rest in paths(state):
            yield [start, *rest]


@pytest.mark.parametrize(("state", "action"), list(product(ExpertiseState, Action)))
def test_a_step_leads_where_the_table_says_and_nowhere_else(state: ExpertiseState, action: Action) -> None:
    opinion = REPORT if action is Action.GIVE_OPINION else None

    if (state, action) in EXPERTISE:
        assert in_state(state).after(action, opinion=opinion).state is EXPERTISE[state, action]
    else:
        with pytest.raises(InvalidTransition) as refused:
            in_state(state).after(action, opinion=opinion)
        assert (refused.value.state, refused.value.action) == (state, action)


def test_a_request_goes_these_ways() -> None:
    assert [" → ".join(path) for path in paths(ExpertiseState.REQUESTED)] == [
        "requested → declined",
        "requested → taken-on → live → opinion-given → closed",
        "requested → taken-on → opinion-given → closed",
    ]


def test_what_is_declined_or_closed_stays_so() -> None:
    assert {state for state in ExpertiseState if state.is_terminal} == {
        ExpertiseState.DECLINED,
        ExpertiseState.CLOSED,
    }


def test_a_request_to_nobody_in_particular_gets_the_site_of_whoever_takes_it_on() -> None:
    taken = REQUEST.after(Action.TAKE_ON, expert=CENTRE)
    live = taken.after(Action.ARRIVE)

    assert REQUEST.expert is None
    assert (taken.expert, live.expert) == (CENTRE, CENTRE)
    with pytest.raises(InvalidInput, match="expert="):
        taken.after(Action.ARRIVE, expert=VALLEY)


def test_a_request_to_one_site_is_not_taken_on_by_another() -> None:
    asked = REQUEST.but(expert=CENTRE)

    assert asked.after(Action.TAKE_ON, expert=CENTRE).expert == CENTRE
    with pytest.raises(InvalidInput, match="another site"):
        asked.after(Action.TAKE_ON, expert=VALLEY)


def test_an_opinion_is_given_with_what_leads_to_it() -> None:
    taken = REQUEST.after(Action.TAKE_ON)

    given = taken.after(Action.GIVE_OPINION, opinion=REPORT)

    assert given.after(Action.COMPLETE).opinion == REPORT
    with pytest.raises(InvalidInput, match="opinion="):
        taken.after(Action.GIVE_OPINION)
    with pytest.raises(InvalidInput, match="opinion="):
        taken.after(Action.ARRIVE, opinion=REPORT)
    with pytest.raises(InvalidInput):
        taken.after(Action.GIVE_OPINION, opinion=" ")


def test_no_request_is_answered_without_an_opinion_or_has_one_before() -> None:
    with pytest.raises(InvalidInput, match="opinion"):
        Expertise(kind="SecondOpinion", requesting=VALLEY, state=ExpertiseState.CLOSED)
    with pytest.raises(InvalidInput, match="opinion"):
        Expertise(kind="SecondOpinion", requesting=VALLEY, opinion=REPORT)


def test_kinds_are_the_codes_of_the_swiss_order() -> None:
    assert list(ExpertiseKind) == ["RequestForPreviousReport", "SecondOpinion", "RemoteReporting"]
    assert REQUEST.kind is ExpertiseKind.SECOND_OPINION
    with pytest.raises(InvalidInput, match="kind"):
        Expertise.from_json(REQUEST.to_json().replace("SecondOpinion", "second-opinion"))


def test_a_request_is_read_back_as_it_was_and_shows_neither_question_nor_report() -> None:
    given = REQUEST.after(Action.TAKE_ON).after(Action.GIVE_OPINION, opinion=REPORT)

    assert Expertise.from_json(given.to_json()) == given
    assert "May" not in repr(given)
    assert REPORT not in repr(given)
