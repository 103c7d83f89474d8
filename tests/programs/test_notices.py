"""The public notice: what it freezes, whom it names how, when it ends, and how an objection holds a row."""

import datetime as dt
import hashlib

import pytest
from django.db import IntegrityError, transaction

from programs import actions
from programs.actions.notices import last_notice_day
from programs.actions.objections import contact_place
from programs.checks import run_checks
from programs.models import Notice, NoticeRow, Objection, Roster, RosterRow
from subsidy_portal import crypto
from subsidy_portal.models import Event, Organisation, User
from subsidy_portal.workflow import NotPermitted, Refused
from tests.make import (
    desk_of,
    drive,
    end_notice,
    make_account,
    make_area,
    make_id_number,
    make_person,
    make_program,
    make_roster,
    make_user,
)

pytestmark = pytest.mark.django_db
K, R, S = Organisation.Kind, User.Role, Roster.Status


def on_notice(**fields) -> Notice:
    return drive(make_roster(**fields), "on_notice").notices.get()


def reviewer(notice: Notice) -> User:
    return desk_of(notice.roster, K.TOWNSHIP, R.REVIEWER)


def test_it_freezes_rows_sums_and_hashes(set_today):
    set_today("2022-03-01")
    notice = on_notice(rows=[(make_person(), 10_000), (make_person(), 32_000)])
    assert (notice.row_count, notice.amount_fen) == (2, 42_000)
    assert (notice.starts_on, notice.ends_on) == (dt.date(2022, 3, 1), dt.date(2022, 3, 7))
    hashes = b"".join(bytes(row.row_hash) for row in notice.rows.all())
    assert notice.content_hash == hashlib.sha256(hashes).hexdigest()
    assert {bytes(row.row_hash) for row in notice.rows.all()} == {bytes(r.row_hash) for r in notice.roster.rows.all()}


def test_rows_are_ordered_by_village_group_and_name():
    near, far = make_area("990001101201"), make_area("990001101202")
    roster = make_roster(rows=[(make_person(name), 100) for name in ("乙", "甲", "丙", "丁")])
    for name, area, group in (("乙", far, "1组"), ("甲", near, "10组"), ("丙", near, "2组"), ("丁", near, "2组")):
        roster.rows.filter(beneficiary__name=name).update(area=area, group_no=group)
    shown = list(drive(roster, "on_notice").notices.get().rows.all())
    assert [row.position for row in shown] == [1, 2, 3, 4]
    assert [(row.area_id[-1], row.group_no) for row in shown] == [
        ("1", "2组"),
        ("1", "2组"),
        ("1", "10组"),
        ("2", "1组"),
    ]
    assert [row.public_name for row in shown][2:] == ["甲", "乙"]


def test_minors_are_always_masked_and_adults_as_the_program_asks(set_today):
    set_today("2022-03-01")
    child, adult = (make_id_number(dt.date(2004, 3, 2)), make_id_number(dt.date(2004, 3, 1)))
    rows = [(make_person("孙小满", child), 100), (make_person("林立夏", adult), 100)]
    full = on_notice(program=make_program(), rows=rows)
    assert {row.public_name for row in full.rows.all()} == {"孙**", "林立夏"}
    surname = on_notice(program=make_program(name_mask="surname"), rows=rows)
    assert {row.public_name for row in surname.rows.all()} == {"孙**", "林**"}


def test_struck_out_rows_are_not_publicised():
    roster = make_roster(rows=[(make_person(), 100), (make_person(), 200)])
    roster.rows.filter(row_no=4).update(status="left")
    assert drive(roster, "on_notice").notices.get().amount_fen == 200


def test_what_was_publicised_cannot_be_changed():
    notice = on_notice()
    for change in (
        lambda: NoticeRow.objects.filter(notice=notice).update(amount_fen=1),
        lambda: Notice.objects.filter(pk=notice.pk).update(content_hash="0" * 64),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            change()


def test_the_address_tells_nothing():
    first, second = on_notice(), on_notice()
    assert len(first.slug) == len(second.slug) == 16
    assert first.slug[:4] != second.slug[:4]


@pytest.mark.parametrize(
    ("starts", "days", "working", "ends"),
    [
        ("2022-03-01", 7, False, "2022-03-07"),
        ("2022-03-01", 1, False, "2022-03-01"),
        ("2022-03-01", 7, True, "2022-03-09"),
        ("2022-09-30", 2, True, "2022-10-08"),  # a Saturday worked for the National Day holiday
        ("2035-06-01", 2, True, "2035-06-04"),  # no schedule yet: Monday to Friday
    ],
)
def test_last_day(starts, days, working, ends):
    assert last_notice_day(dt.date.fromisoformat(starts), days, working_days=working) == dt.date.fromisoformat(ends)


def test_it_ends_the_day_after_its_last_day_and_not_before(set_today):
    set_today("2022-03-01")
    notice = on_notice()
    set_today("2022-03-07")
    assert actions.end_due_notices() == 0
    set_today("2022-03-08")
    assert actions.end_due_notices() == 1
    assert actions.end_due_notices() == 0
    notice.refresh_from_db()
    notice.roster.refresh_from_db()
    assert (notice.status, notice.roster.status) == ("ended", S.NOTICED)
    assert Event.objects.about(notice.roster).first().new_status == "noticed"
    assert Event.objects.about(notice).first().new_status == "ended"


def test_ending_hundreds_takes_a_handful_of_queries(set_today, django_assert_max_num_queries):
    set_today("2022-03-01")
    program = make_program()
    for n in range(12):
        on_notice(program=program, period=f"2022-{n + 1:02d}")
    set_today("2022-03-20")
    with django_assert_max_num_queries(14):
        assert actions.end_due_notices() == 12
    assert set(Roster.objects.values_list("status", flat=True)) == {"noticed"}


def test_an_objection_holds_its_row_and_the_rest_goes_on():
    notice = on_notice(rows=[(make_person(), 100), (make_person(), 200)])
    row = notice.rows.first().row
    objection = actions.file_objection(notice, row, text="这户已经搬走", actor=reviewer(notice))
    assert (row.status, objection.status) == ("held", "open")
    assert objection.number.startswith("Y-")
    roster = drive(Roster.objects.get(pk=notice.roster_id), "accepted")
    assert sorted(roster.rows.values_list("status", flat=True)) == ["held", "included"]


@pytest.mark.parametrize(
    ("upheld", "status", "row_status"), [(True, "upheld", "left"), (False, "rejected", "included")]
)
def test_a_decision_lets_the_row_go_or_come_back(upheld, status, row_status):
    notice = on_notice()
    row = notice.rows.get().row
    objection = actions.file_objection(notice, row, text="不符合条件", actor=reviewer(notice))
    actions.decide_objection(
        objection, upheld=upheld, answer="经走访核实", actor=desk_of(notice.roster, K.DEPARTMENT, R.OPERATOR)
    )
    row.refresh_from_db()
    assert (objection.status, row.status) == (status, row_status)


def test_a_decision_without_an_answer_is_refused():
    notice = on_notice()
    objection = actions.file_objection(notice, notice.rows.get().row, text="不符合", actor=reviewer(notice))
    with pytest.raises(Refused, match="核实情况和答复"):
        actions.decide_objection(objection, upheld=True, answer=" ", actor=reviewer(notice))
    objection.refresh_from_db()
    assert objection.status == "open"


def test_a_citizen_objects_through_the_system_account_and_the_contact_is_sealed():
    notice = on_notice()
    objection = actions.file_objection(
        notice, notice.rows.get().row, text="金额不对", contact="王五 13900000000", actor=User.objects.system()
    )
    assert b"13900000000" not in bytes(objection.contact_sealed)
    assert crypto.decrypt(objection.contact_sealed, contact_place(objection.pk)) == "王五 13900000000"
    assert not Event.objects.filter(note__contains="13900000000").exists()


def test_a_clerk_without_the_right_records_none():
    notice = on_notice()
    with pytest.raises(NotPermitted):
        actions.file_objection(notice, notice.rows.get().row, text="不符合", actor=make_user(K.BANK, R.OPERATOR))


def test_one_row_has_one_open_objection_and_a_struck_out_one_none():
    notice = on_notice()
    row = notice.rows.get().row
    actions.file_objection(notice, row, text="一", actor=reviewer(notice))
    with pytest.raises(Refused, match="已有异议正在核实"):
        actions.file_objection(notice, row, text="二", actor=reviewer(notice))
    assert Objection.objects.count() == 1


def test_after_the_end_and_on_rows_of_other_notices_there_is_no_objection():
    notice, other = on_notice(), on_notice()
    with pytest.raises(Refused, match="公示里没有这一行"):
        actions.file_objection(notice, other.rows.get().row, text="不符合", actor=reviewer(notice))
    end_notice(notice.roster)
    with pytest.raises(Refused, match="公示已经结束"):
        actions.file_objection(notice, notice.rows.get().row, text="不符合", actor=reviewer(notice))


def test_an_objection_holds_the_claim_in_the_next_revision_too():
    notice = on_notice()
    roster, row = notice.roster, notice.rows.get().row
    objection = actions.file_objection(notice, row, text="不符合", actor=reviewer(notice))
    actions.return_roster(roster, to="township", note="重传", actor=reviewer(notice))
    again = RosterRow.objects.get(pk=row.pk)
    again.pk, again.revision, again.status = None, 2, "included"
    again.account = make_account(again.payee)
    again.save()
    roster.revision = 2
    roster.save(update_fields=["revision"])
    run_checks(roster)
    again.refresh_from_db()
    assert again.status == "held"
    actions.decide_objection(objection, upheld=False, answer="符合条件", actor=reviewer(notice))
    again.refresh_from_db()
    assert again.status == "included"
