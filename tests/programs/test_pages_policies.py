"""Policy list, programs and fund plans: two persons, versions side by side, yuan on screen and fen behind."""

import re

import pytest
from django.urls import reverse

from programs.models import FundEntry, FundPlan, PolicyList, Program
from subsidy_portal import clock
from tests.make import K, R, make_fund_plan, make_organisation, make_program, make_user
from tests.programs.pages import proof, read, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def maker():
    return make_user(K.FINANCE, R.OPERATOR)


@pytest.fixture
def reviewer():
    return make_user(K.FINANCE, R.REVIEWER)


def drafted(maker) -> PolicyList:
    signed_in(maker).post(reverse("programs:policy-draft"), {"year": clock.today().year})
    return PolicyList.objects.get(status="draft")


def version(policy_list: PolicyList) -> str:
    return reverse("programs:policy-list-version", args=[policy_list.pk])


def do(policy_list: PolicyList, verb: str) -> str:
    return reverse("programs:policy-act", args=[policy_list.pk, verb])


# --- The list in versions ----------------------------------------------------------------------------------


def test_a_version_beside_the_one_before_shows_new_changed_and_gone(maker, reviewer):
    kept, left = make_program(name="高龄津贴", standard_text="每月100元"), make_program(name="旧补贴")
    first = drafted(maker)
    signed_in(reviewer).post(do(first, "publish"))
    Program.objects.filter(pk=kept.pk).update(standard_text="每月120元")
    Program.objects.filter(pk=left.pk).update(is_active=False)
    make_program(name="新补贴")
    text = read(signed_in(reviewer).get(version(drafted(maker))))
    assert "新增 1 项，修改 1 项，取消 1 项" in text
    assert "<del>每月100元</del> <ins>每月120元</ins>" in text
    assert re.search(r'<tr class="row-new">.*?新补贴', text, re.DOTALL)
    assert re.search(r'<tr class="row-gone">.*?旧补贴', text, re.DOTALL)
    assert "每月100元" in read(signed_in(maker).get(version(first)))  # what was published stays readable


def test_a_published_version_shows_every_column_as_it_was(maker, reviewer):
    program = make_program(name="高龄津贴", scope_text="年满80周岁的老人")
    first = drafted(maker)
    signed_in(reviewer).post(do(first, "publish"))
    Program.objects.filter(pk=program.pk).update(scope_text="年满70周岁的老人")
    text = read(signed_in(reviewer).get(version(first)))
    values = first.items.get().values
    assert len(values) > 15
    assert all(f"<dt>{name}</dt><dd>" in text for name in values)
    assert "年满80周岁的老人" in text
    assert "年满70周岁的老人" not in text


def test_a_draft_is_published_by_somebody_else_and_unknown_to_others(maker, reviewer):
    make_program()
    draft = drafted(maker)
    department = make_user(K.DEPARTMENT, R.OPERATOR, make_organisation(K.DEPARTMENT, name="示范县民政局"))
    assert signed_in(department).get(version(draft)).status_code == 404
    assert version(draft) not in read(signed_in(department).get(reverse("programs:policy-list")))
    assert "公布这一版" not in read(signed_in(maker).get(version(draft)))
    signed_in(reviewer).post(do(draft, "publish"))
    draft.refresh_from_db()
    assert (draft.status, draft.published_by) == ("published", reviewer)
    assert signed_in(department).get(version(draft)).status_code == 200
    assert signed_in(reviewer).post(do(draft, "no-such-verb")).status_code == 404


def test_refreshing_a_draft_takes_the_programs_as_they_are_now(maker):
    program = make_program(standard_text="每月100元")
    draft = drafted(maker)
    Program.objects.filter(pk=program.pk).update(standard_text="每月120元")
    assert "每月120元" not in read(signed_in(maker).get(version(draft)))
    signed_in(maker).post(do(draft, "refresh"))
    assert "每月120元" in read(signed_in(maker).get(version(draft)))


# --- Programs ----------------------------------------------------------------------------------------------


def form_of(program: Program, **changes) -> dict:
    data = {
        "code": program.code, "name": program.name, "short_name": program.short_name, "tier": program.tier,
        "department": program.department_id, "paid_to": program.paid_to, "cycle": program.cycle,
        "standard_fen": "100.00", "standard_unit": "人·月", "standard_text": "每月100元", "pay_by_days": 30,
        "notice_days": 7, "name_mask": "full", "on_platform": "on", "is_active": "on",
    }  # fmt: skip
    return {**data, **changes}


def test_amounts_are_typed_in_yuan_and_stored_in_fen(maker):
    program = make_program()
    url = reverse("programs:program-edit", args=[program.pk])
    assert 'value="100.00"' in read(signed_in(maker).get(url))
    data = form_of(program, standard_fen="1,234.50", cap_fen="9999", audience="老年人，残疾人、 ")
    assert signed_in(maker).post(url, data)["Location"] == reverse("programs:program", args=[program.pk])
    program.refresh_from_db()
    assert (program.standard_fen, program.cap_fen, program.audience) == (123_450, 999_900, ["老年人", "残疾人"])


@pytest.mark.parametrize(
    ("field", "value", "sentence"),
    [
        ("standard_fen", "一百", "请填以元为单位的金额，最多两位小数"),
        ("standard_fen", "1.005", "请填以元为单位的金额，最多两位小数"),
        ("standard_fen", "-1", "金额不能是负数"),
        ("notice_days", "0", "公示至少 1 天"),
        ("effective_to", "2020-01-01", "失效日期早于生效日期"),
    ],
)
def test_a_mistake_is_named_at_its_field_and_what_was_typed_stays(maker, field, value, sentence):
    program = make_program()
    data = form_of(program, effective_from="2021-01-01", short_name="改过的简称", **{field: value})
    response = signed_in(maker).post(reverse("programs:program-edit", args=[program.pk]), data)
    assert response.status_code == 422
    text = read(response)
    assert f'id="id_{field}_error"' in text
    assert sentence in text
    assert f'value="{value}"' in text
    assert "改过的简称" in text
    program.refresh_from_db()
    assert program.short_name != "改过的简称"


def test_two_programs_never_share_a_code(maker):
    taken, other = make_program(), make_program()
    data = form_of(other, code=taken.code)
    response = signed_in(maker).post(reverse("programs:program-new"), data)
    assert "这个项目编码已经有了" in read(response)
    assert Program.objects.count() == 2


def test_only_finance_operators_edit(reviewer):
    program = make_program()
    assert signed_in(reviewer).get(reverse("programs:program-edit", args=[program.pk])).status_code == 404
    assert signed_in(reviewer).get(reverse("programs:program-new")).status_code == 404
    assert reverse("programs:program-new") not in read(signed_in(reviewer).get(reverse("programs:program-list")))


def test_a_department_sees_its_own_programs_only():
    mine = make_program(name="民政补贴")
    other = make_program(name="农业补贴", department=make_organisation(K.DEPARTMENT, name="示范县农业农村局"))
    browser = signed_in(make_user(K.DEPARTMENT, R.OPERATOR, mine.department))
    text = read(browser.get(reverse("programs:program-list")))
    assert "民政补贴" in text
    assert "农业补贴" not in text
    assert browser.get(reverse("programs:program", args=[other.pk])).status_code == 404


# --- Funds -------------------------------------------------------------------------------------------------


def enter(maker, program, **fields):
    data = {"program": program.pk, "year": clock.today().year, "kind": "issued", "amount_fen": "1,000.00", **fields}
    return signed_in(maker).post(reverse("programs:fund-new"), data)


def test_an_entry_counts_only_when_a_second_person_confirmed_it(maker, reviewer):
    program = make_program()
    make_fund_plan(program, 5_000_00)
    response = enter(maker, program, attachment=proof("下达文件.png"))
    plan = FundPlan.objects.get()
    url = reverse("programs:fund-plan", args=[plan.pk])
    assert response["Location"] == url
    entry = FundEntry.objects.get(status="proposed")
    text = read(signed_in(reviewer).get(url))
    assert "本年下达 1,000.00 元，等复核" in text
    assert "还可用 5,000.00 元" in text
    assert reverse("programs:fund-act", args=[entry.pk, "confirm"]) not in read(signed_in(maker).get(url))
    signed_in(reviewer).post(reverse("programs:fund-act", args=[entry.pk, "confirm"]))
    assert "还可用 6,000.00 元" in read(signed_in(reviewer).get(url))
    assert b"".join(
        signed_in(reviewer).get(reverse("programs:fund-attachment", args=[entry.pk])).streaming_content
    ).startswith(b"\x89PNG")


def test_refusing_an_entry_asks_for_a_reason(maker, reviewer):
    enter(maker, make_program())
    entry = FundEntry.objects.get()
    url = reverse("programs:fund-act", args=[entry.pk, "refuse"])
    response = signed_in(reviewer).post(url, {"note": " "})
    assert response.status_code == 422
    assert "请写明原因" in read(response)
    signed_in(reviewer).post(url, {"note": "文号不对"})
    entry.refresh_from_db()
    assert entry.status == "refused"


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"amount_fen": "0"}, "金额不能是 0"),
        ({"amount_fen": "-5"}, "只有“追加或调减”可以填负数"),
        ({"amount_fen": "1e3"}, "请填以元为单位的金额"),
    ],
)
def test_wrong_amounts_are_refused_in_the_form(maker, fields, sentence):
    response = enter(maker, make_program(), **fields)
    assert response.status_code == 422
    assert sentence in read(response)
    assert not FundEntry.objects.exists()


def test_the_list_adds_up_and_shows_years_once(reviewer):
    year = clock.today().year
    for fen in (100_000, 200_000):
        make_fund_plan(make_program(), fen)
    make_fund_plan(make_program(), 700_000, year=year - 1)
    text = read(signed_in(reviewer).get(reverse("programs:fund-list")))
    assert re.search(r"<tfoot>.*3,000\.00.*</tfoot>", text, re.DOTALL)
    assert text.count(f'href="?year={year}"') == 1
    assert "7,000.00" in read(signed_in(reviewer).get(reverse("programs:fund-list"), {"year": year - 1}))


def test_a_township_has_no_page_of_fund_plans_and_is_not_told_there_are_none():
    plan = make_fund_plan(make_program())
    township = signed_in(make_user(K.TOWNSHIP, R.OPERATOR))
    assert township.get(reverse("programs:fund-list")).status_code == 404
    page = read(township.get(reverse("programs:program", args=[plan.program_id])))
    assert "还没有资金计划" not in page
    assert reverse("programs:fund-list") not in page
    assert "资金计划" in read(signed_in(make_user(K.FINANCE)).get(reverse("programs:program", args=[plan.program_id])))
