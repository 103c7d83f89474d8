"""``move`` is the only way a status changes: named steps, one winner, one event."""

import pytest

from programs.models import Notice, Roster, RosterRow
from subsidy_portal.models import Event
from subsidy_portal.workflow import (
    InvalidTransition,
    NotPermitted,
    Refused,
    StaleStatus,
    check_step,
    move,
    move_many,
    record,
)
from tests.make import make_person, make_roster, make_user

pytestmark = pytest.mark.django_db
S = Roster.Status


def test_a_step_moves_sets_its_fields_and_is_told():
    roster, actor = make_roster(), make_user("township")
    move(roster, S.SUBMITTED, actor=actor, note="齐了", data={"rows": 1}, submitted_by=actor)
    assert (roster.status, roster.submitted_by) == (S.SUBMITTED, actor)
    event = Event.objects.about(roster).get()
    assert (event.old_status, event.new_status, event.note, event.data) == ("draft", "submitted", "齐了", {"rows": 1})
    assert (event.actor, event.organisation, event.area_id) == (actor, actor.organisation, roster.area_id)


def test_a_step_that_is_not_named_is_refused_and_nothing_happened():
    roster = make_roster()
    with pytest.raises(InvalidTransition, match="现在是“编制中”，不能变为“已受理”"):
        move(roster, S.ACCEPTED, actor=make_user())
    roster.refresh_from_db()
    assert roster.status == S.DRAFT
    assert not Event.objects.about(roster).exists()


def test_who_comes_second_loses():
    roster, actor = make_roster(), make_user("township")
    late = Roster.objects.get(pk=roster.pk)
    move(roster, S.SUBMITTED, actor=actor)
    with pytest.raises(StaleStatus):
        move(late, S.SUBMITTED, actor=actor)
    assert Event.objects.about(roster).count() == 1


def test_when_the_event_cannot_be_written_the_status_does_not_move():
    roster = make_roster()
    with pytest.raises(TypeError):
        move(roster, S.SUBMITTED, actor=make_user(), data={"not json": object()})
    roster.refresh_from_db()
    assert roster.status == S.DRAFT


def test_move_many_moves_those_at_the_old_status_only():
    roster = make_roster(rows=[(make_person(), 1), (make_person(), 2), (make_person(), 3)])
    roster.rows.filter(row_no=4).update(status="left")
    R = RosterRow.Status
    assert move_many(roster.rows.all(), R.INCLUDED, R.HELD) == 2
    assert move_many(roster.rows.all(), R.INCLUDED, R.HELD) == 0
    with pytest.raises(InvalidTransition):
        move_many(roster.rows.all(), R.LEFT, R.INCLUDED)
    assert sorted(roster.rows.values_list("status", flat=True)) == ["held", "held", "left"]


@pytest.mark.parametrize("model", [Roster, Notice, RosterRow])
def test_every_step_leads_to_a_status_and_none_to_itself(model):
    for old, following in model.NEXT.items():
        assert old in model.Status
        assert following <= set(model.Status)
        assert old not in following
        for to in following:
            check_step(model, old, to)


def test_refusals_answer_with_their_http_status():
    codes = {
        error: (error.http_status, error.code) for error in (Refused, NotPermitted, InvalidTransition, StaleStatus)
    }
    assert codes == {
        Refused: (422, "refused"),
        NotPermitted: (403, "not_permitted"),
        InvalidTransition: (409, "invalid_transition"),
        StaleStatus: (409, "stale_status"),
    }


def test_an_event_that_is_saved_again_is_refused():
    event = record(make_person(), "seen", actor=make_user())
    event.note = "x"
    with pytest.raises(TypeError, match="append-only"):
        event.save()
