"""What holds on every page of programs, for everybody: no identifiers, nothing inline, one heading, no crash."""

import datetime as dt
import re
from collections.abc import Iterator

import pytest
from django.urls import reverse

from programs import actions
from programs.models import Dataset, EligibleUnpaid, EntitlementRule, FundPlan, PolicyList, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.models import User
from tests.make import (
    K,
    R,
    desk_of,
    drive,
    load_entitlements,
    make_fund_plan,
    make_id_number,
    make_person,
    make_program,
    make_roster,
    make_user,
)
from tests.programs.pages import roster_with_a_dead_person, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def pages() -> dict[str, str]:
    """The address of every page, over things that have a story."""
    draft, dead = roster_with_a_dead_person()
    shown = drive(make_roster(draft.program, period="2022-02", rows=[(make_person("林春甲"), 10_000)]), "on_notice")
    notice = shown.notices.get()
    clerk = desk_of(shown, K.TOWNSHIP, R.OPERATOR)
    objection = actions.file_objection(notice, notice.rows.get().row, text="人已迁走。", actor=clerk)
    make_fund_plan(draft.program)
    actions.draft_policy_list(clock.today().year, actor=make_user(K.FINANCE, R.OPERATOR))
    one = {
        "roster": draft.pk, "notice": notice.pk, "objection": objection.pk, "program": draft.program_id,
        "program-edit": draft.program_id, "amount-rule": draft.program_id,
        "column-new": draft.program_id, "person": dead.pk, "suspicion": Suspicion.objects.get().pk,
        "rule": Rule.objects.get(code="Q01").pk, "rule-edit": Rule.objects.get(code="X06").pk,
        "fund-plan": FundPlan.objects.get().pk, "policy-list-version": PolicyList.objects.get().pk,
    }  # fmt: skip
    actions.set_columns(draft.program, [actions.ColumnSpec("月数", "integer")], actor=make_user(K.FINANCE, R.OPERATOR))
    lists = (
        "roster-list", "roster-new", "suspicion-list", "notice-list", "policy-list", "program-list", "program-new",
        "fund-list", "fund-new", "rule-list", "dataset-list", "dataset-new", "person-list", "mapping-list",
        "registry-book-own", "agreement-list", "uncarded-list", "uncarded-new", "anomaly-list",
        "eligible-list", "entitlement-rules", "entitlement-new",
    )  # fmt: skip
    addresses = {name: reverse(f"programs:{name}", args=[pk]) for name, pk in one.items()}
    addresses |= {name: reverse(f"programs:{name}") for name in lists}
    addresses["column-edit"] = reverse("programs:column-edit", args=[draft.program_id, 1])
    addresses["dataset"] = reverse("programs:dataset", args=[Dataset.objects.get().pk])
    addresses["dataset-policy"] = reverse("programs:dataset-policy", args=["death"])
    load_entitlements()
    make_program(code="2080502")
    make_person("高寿", make_id_number(dt.date(1930, 1, 1)))
    actions.search_eligible(by=User.objects.system())
    addresses["eligible"] = reverse("programs:eligible", args=[EligibleUnpaid.objects.get(person__name="高寿").pk])
    addresses["entitlement-edit"] = reverse(
        "programs:entitlement-edit", args=[EntitlementRule.objects.values_list("pk", flat=True)[0]]
    )
    addresses["roster on notice"] = reverse("programs:roster", args=[shown.pk])
    addresses["new roster of a program"] = f"{addresses['roster-new']}?program={draft.program_id}"
    return addresses | {name: reverse(name) for name in ("desk", "user-list", "user-new", "permission-table")}


def readers() -> Iterator[User]:
    for kind in (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP, K.AUDIT, K.BANK):
        for role in R:
            yield make_user(kind, role)


def test_every_page_for_every_role(pages):
    opened = dict.fromkeys(pages, 0)
    for user in readers():
        browser = signed_in(user)
        for name, url in pages.items():
            response = browser.get(url)
            assert response.status_code in {200, 404}, (name, user.kind, user.role)
            text = response.content.decode()
            opened[name] += response.status_code == 200
            assert len(re.findall("<h1", text)) == 1, name
            # The content policy forbids all of these; a page that has one is broken for everybody.
            assert not re.search(r'\sstyle="|\son\w+="|<script(?![^>]*\ssrc=)[^>]*>\s*\S', text), name
            assert not re.search(r"\d{17}[\dX]", text), name  # ID number or account
            assert not re.search(r"\{[{%]|%\(\w+\)", text), name  # a template or gettext slip
    assert [name for name, times in opened.items() if not times] == []


def test_every_page_in_english(pages):
    browser = signed_in(make_user(K.FINANCE, R.OPERATOR))
    for name, url in pages.items():
        assert browser.get(url, headers={"Accept-Language": "en"}).status_code in {200, 404}, name


def test_every_table_says_what_it_is_and_every_field_has_a_label(pages):
    users = [make_user(K.FINANCE, R.OPERATOR), make_user(K.TOWNSHIP, R.OPERATOR), make_user(K.FINANCE, R.ADMINISTRATOR)]
    for user in users:
        for name, url in pages.items():
            text = signed_in(user).get(url).content.decode()
            assert text.count("<table") == text.count("<caption"), name
            labelled = set(re.findall(r'<label[^>]* for="([^"]+)"', text))
            for tag in re.findall(r"<(?:input|select|textarea)[^>]*>", text):
                if 'type="hidden"' in tag or 'type="radio"' in tag:
                    continue
                identifier = re.search(r'\sid="([^"]+)"', tag)
                assert identifier, (name, tag)
                assert identifier[1] in labelled, (name, tag)
