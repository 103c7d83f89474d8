"""What a page writes: money, numbers, dates, chips, bars, forms. No database."""

import ast
import datetime as dt
import re
from fractions import Fraction
from typing import Any

import pytest
from django import forms
from django.apps import apps
from django.conf import settings
from django.contrib.auth.forms import AuthenticationForm, SetPasswordForm
from django.contrib.auth.models import AnonymousUser
from django.template import Context, Template
from django.template.loader import render_to_string
from django.test import RequestFactory
from django.urls import reverse
from django.utils import translation
from hypothesis import given
from hypothesis import strategies as st

from subsidy_portal import clock, event_words, money, wording
from subsidy_portal.models import Event, Job, User
from subsidy_portal.paging import Page
from subsidy_portal.status_look import LOOK
from subsidy_portal.templatetags.portal import GAP, SMALLEST, WIDTH, Line, bar_widths

TODAY = dt.date(2026, 6, 16)


@pytest.fixture(autouse=True)
def june(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock, "today", lambda: TODAY)
    monkeypatch.setattr(clock, "now", lambda: dt.datetime(2026, 6, 16, 11, 40, tzinfo=clock.CHINA))


def render(text: str, **context: Any) -> str:
    return Template(text).render(Context(context))


def at(day: int, hour: int, minute: int = 0, month: int = 6, year: int = 2026) -> dt.datetime:
    return dt.datetime(year, month, day, hour, minute, tzinfo=clock.CHINA)


# --- Money and numbers -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "fen", "text"),
    [
        ("{{ v|yuan }}", 195_248_000, "1,952,480.00"),
        ("{{ v|yuan }}", -2_000, "−20.00"),
        ("{{ v|yuan }}", 0, "0.00"),
        ("{{ v|yuan }}", None, "—"),
        ("{{ v|yuan_signed }}", 42_000, "+420.00"),
        ("{{ v|yuan_signed }}", -42_000, "−420.00"),
        ("{{ v|yuan_signed }}", 0, "0.00"),
        ("{{ v|yuan_plain }}", 195_248_000, "1952480.00"),
        ("{{ v|wan }}", 7_046_240_000, "7,046.24"),
        ("{{ v|wan }}", 5_000, "0.01"),  # half up
        ("{{ v|wan }}", 4_999, "0.00"),
        ("{{ v|count }}", 271_733, "271,733"),
        ("{{ v|count }}", None, "—"),
    ],
)
def test_numbers_are_written_as_the_look_says(template: str, fen: int | None, text: str) -> None:
    assert render(template, v=fen) == text


@pytest.mark.parametrize("wrong", [1.5, "150", True, ""])
@pytest.mark.parametrize("name", ["yuan", "yuan_signed", "wan", "capital_yuan"])
def test_money_filters_take_only_integer_fen(name: str, wrong: object) -> None:
    with pytest.raises(TypeError):
        getattr(wording, name)(wrong)


def test_percent_rounds_half_up_and_needs_a_whole() -> None:
    assert render("{% percent p w %}", p=270_700, w=271_733) == "99.62%"
    assert render("{% percent p w 1 %}", p=1, w=8) == "12.5%"
    assert render("{{ v|pct:1 }}", v=(12_345, 100_000)) == "12.3%"
    assert render("{{ v|pct:1 }}", v=(12_350, 100_000)) == "12.4%"
    assert render("{{ v|pct }}", v=Fraction(1, 3)) == "33.33%"
    assert render("{% percent 0 0 %}") == "—"


@pytest.mark.parametrize(
    ("fen", "words"),
    [
        (50_000, "伍佰元整"),
        (0, "零元整"),
        (1, "壹分"),
        (10, "壹角整"),
        (105, "壹元零伍分"),
        (150, "壹元伍角整"),
        (1_640_902, "壹万陆仟肆佰零玖元零贰分"),  # the examples of 支付结算办法 附一
        (32_504, "叁佰贰拾伍元零肆分"),
        (140_950, "壹仟肆佰零玖元伍角整"),
        (600_714, "陆仟零柒元壹角肆分"),
        (1_050_000, "壹万零伍佰元整"),
        (1_000_500_000, "壹仟万伍仟元整"),  # the rule lets 零 after 万 stand or fall
        (10_000_000_500, "壹亿零伍元整"),
        (200_005_000_000, "贰拾亿零伍万元整"),
        (7_046_240_000, "柒仟零肆拾陆万贰仟肆佰元整"),
        (-310_000, "负叁仟壹佰元整"),
    ],
)
def test_capital_amounts_follow_the_banking_rule(fen: int, words: str) -> None:
    assert render("{{ v|capital_yuan }}", v=fen) == words


def _read_capitals(words: str) -> int:
    """Fen from capitals, by another road than they were written: section by section."""
    digits, units = "零壹贰叁肆伍陆柒捌玖", {"拾": 10, "佰": 100, "仟": 1000, "": 1}
    yuan, _, cents = words.rpartition("元")
    total = 0
    for section in filter(None, re.split("(?<=[万亿])", yuan)):
        value = sum(digits.index(d) * units[u] for d, u in re.findall(f"([{digits}])([拾佰仟]?)", section))
        total += value * {"万": 10_000, "亿": 100_000_000}.get(section[-1], 1)
    worth = {"角": 10, "分": 1}
    return total * 100 + sum(digits.index(d) * worth[u] for d, u in re.findall(f"([{digits}])([角分])", cents))


@given(st.integers(0, 10**10 - 1))
def test_capital_amounts_read_back_to_the_same_fen(fen: int) -> None:
    words = money.capital_yuan(fen)
    assert _read_capitals(words) == fen
    assert "零零" not in words


# --- Dates -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "value", "text"),
    [
        ("{{ v|cn_date }}", dt.date(2026, 6, 18), "6月18日"),
        ("{{ v|cn_date }}", dt.date(2025, 12, 31), "2025年12月31日"),
        ("{{ v|cn_date }}", dt.datetime(2026, 6, 17, 17, 0, tzinfo=dt.UTC), "6月18日"),
        ("{{ v|cn_date }}", None, "—"),
        ("{{ v|full_date }}", dt.date(2026, 6, 18), "2026年6月18日"),
        ("{{ v|weekday }}", dt.date(2026, 6, 16), "周二"),
        ("{{ v|cn_time }}", at(16, 9, 12), "今天 09:12"),
        ("{{ v|cn_time }}", at(15, 16, 5), "昨天 16:05"),
        ("{{ v|cn_time }}", at(12, 10, 20), "6月12日 10:20"),
        ("{{ v|cn_time }}", dt.datetime(2026, 6, 15, 16, 30, tzinfo=dt.UTC), "今天 00:30"),
        ("{{ v|due }}", dt.date(2026, 6, 14), "逾期 2 天"),
        ("{{ v|due }}", TODAY, "今天"),
        ("{{ v|due }}", dt.date(2026, 6, 17), "明天"),
        ("{{ v|due }}", dt.date(2026, 6, 30), "6月30日"),
        ("{{ v|ago }}", at(16, 11, 12), "28 分"),
        ("{{ v|ago }}", at(16, 8, 28), "3 小时 12 分"),
        ("{{ v|ago }}", at(16, 8, 40), "3 小时"),
        ("{{ v|ago }}", at(14, 11, 0), "2 天"),
        ("{{ v|ago }}", dt.timedelta(seconds=30), "0 分"),
    ],
)
def test_dates_and_ages_are_short_and_in_chinese_time(template: str, value: object, text: str) -> None:
    assert render(template, v=value) == text


# --- Status ------------------------------------------------------------------------------------------------


def test_every_status_of_every_model_has_a_look() -> None:
    missing = [
        f"{model._meta.label_lower}: {value}"
        for model in apps.get_models()
        if hasattr(model, "Status")
        for value in model.Status.values
        if value not in LOOK.get(model._meta.label_lower, {})
    ]
    assert not missing


def test_a_status_is_shape_word_and_colour() -> None:
    assert render("{% status job %}", job=Job(status="failed")) == '<span class="chip is-warn">没有办成</span>'


def test_a_chip_escapes_its_words() -> None:
    assert "&lt;b&gt;" in render("{% chip words 'risk' %}", words="<b>")


# --- Bars --------------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 10**12), min_size=1, max_size=5))
def test_a_bar_is_full_and_hides_nothing(parts: list[int]) -> None:
    widths = bar_widths(parts)
    shown = [width for part, width in zip(parts, widths, strict=True) if part]
    assert all(width >= SMALLEST for width in shown)
    assert all(width == 0 for part, width in zip(parts, widths, strict=True) if not part)
    assert not shown or sum(shown) + GAP * (len(shown) - 1) == WIDTH


def test_the_money_bar_keeps_its_order_and_says_its_parts() -> None:
    svg = render("{% money_bar 8830 1030 100 0 40 size='thick' %}")
    assert re.findall(r'class="(b-\w+)"', svg) == ["b-paid", "b-way", "b-fail", "b-unk"]
    assert 'aria-label="已付 88.3%，在途 10.3%，失败 1.0%，待查 0.4%"' in svg
    assert "style" not in svg


def test_an_empty_money_bar_says_so() -> None:
    assert 'aria-label="还没有金额"' in render("{% money_bar 0 %}")


# --- Parts -------------------------------------------------------------------------------------------------


def test_the_stage_bar_marks_where_things_stand() -> None:
    steps = [
        {"label": "编制", "note": "江白鹭\n6月5日", "state": "done"},
        {"label": "审核", "state": "back"},
        {"label": "发放"},
    ]
    html = render("{% stage steps %}", steps=steps)
    assert '<li class="back" aria-current="step"><b>审核</b>' in html
    assert "江白鹭<br>6月5日" in html
    assert html.count("aria-current") == 1


def test_the_feed_tells_events_in_words() -> None:
    actor = User(username="x", display_name="沈知秋")
    moved = Event(
        at=at(16, 9, 12),
        kind="done",
        subject_type="subsidy_portal.job",
        old_status="running",
        new_status="done",
        note="412 行",
        actor=actor,
    )
    html = render("{% feed events %}", events=[moved, Line(at(15, 18), "三家银行对平", "系统", "/x/")])
    assert "变为“已完成”：412 行" in html
    assert "今天 09:12" in html
    assert "沈知秋" in html
    assert '<a href="/x/">三家银行对平</a>' in html
    assert "还没有记录" in render("{% feed events %}", events=[])


def test_an_event_of_a_kind_shows_its_words() -> None:
    assert event_words.sentence(Event(kind="revealed", note="核对户名")) == "查看完整信息：核对户名"


def test_every_kind_of_event_has_words() -> None:
    kinds = {
        call.args[1].value
        for app in ("subsidy_portal", "programs", "disbursement", "selfcheck", "publicity")
        for path in (settings.BASE_DIR / app).rglob("*.py")
        for call in ast.walk(ast.parse(path.read_text()))
        if isinstance(call, ast.Call)
        and getattr(call.func, "id", getattr(call.func, "attr", "")) == "record"
        and len(call.args) > 1
        and isinstance(call.args[1], ast.Constant)
    }
    assert kinds <= set(event_words.WORDS)


def test_the_pager_links_only_where_there_is_a_page() -> None:
    page = Page(rows=[], next_url="?status=open&after=7", first_url="")
    html = render("{% pager page '显示 50 行' %}", page=page)
    assert 'href="?status=open&amp;after=7"' in html
    assert "显示 50 行" in html
    assert "回到第一页" not in html
    assert render("{% pager page %}", page=Page([], "", "")).strip() == ""


@pytest.mark.parametrize(("status", "polls"), [("queued", True), ("running", True), ("done", False), ("failed", False)])
def test_a_job_is_polled_only_while_it_is_open(status: str, polls: bool) -> None:
    job = Job(
        pk=7,
        status=status,
        done=300,
        total=1200,
        created_at=at(16, 8, 52),
        finished_at=at(16, 8, 53),
        error="文件打不开。",
    )
    html = render_to_string("parts/job_progress.html", {"job": job})
    assert (f'hx-get="{reverse("job", args=[7])}"' in html) is polls
    assert ("300 / 1,200" in html) is polls
    assert ("文件打不开。" in html) is (status == "failed")


SIGNS = [{"label": "经办", "who": "许云舟", "at": at(16, 10, 2)}, {"label": "批准", "who": "您"}]


def test_the_release_block_says_amount_twice_and_all_on_the_button() -> None:
    class Release(forms.Form):
        amount = forms.CharField(label="再输一遍金额（元）")

    html = render_to_string(
        "parts/release.html",
        {
            "title": "放行",
            "amount_fen": 50_000,
            "count": 5,
            "banks": "示范农商银行",
            "signs": SIGNS,
            "release_form": Release(),
        },
    )
    assert "伍佰元整" in html
    assert re.search(r"放行 5 笔，500\.00 元\s*</button>", html)
    assert "autofocus" not in html


def test_who_made_it_sees_the_release_without_a_form() -> None:
    html = render_to_string(
        "parts/release.html",
        {"title": "放行", "amount_fen": 1, "count": 1, "signs": SIGNS, "blocked": "您已经办，须由他人批准。"},
    )
    assert "<form" not in html
    assert "须由他人批准" in html


# --- Forms -------------------------------------------------------------------------------------------------


class Correction(forms.Form):
    name = forms.CharField(label="户名", help_text="和身份证上写的一样")
    kind = forms.ChoiceField(label="类别", choices=[("a", "社保卡")], widget=forms.RadioSelect)
    note = forms.CharField(label="说明", required=False, widget=forms.Textarea)
    sure = forms.BooleanField(label="我核对过")


def test_a_wrong_form_lists_its_errors_and_links_to_the_fields() -> None:
    form = Correction({"note": "x"})
    top = render("{% form_errors form %}", form=form)
    assert "有 3 处要改" in top
    assert 'href="#id_name"' in top
    html = render("{% field form.name %}", form=form)
    assert html.index("<label") < html.index('class="hint"') < html.index('class="msg"') < html.index("<input")
    described = re.search(r'aria-describedby="([^"]+)"', html)
    assert described
    assert all(f'id="{name}"' in html for name in described[1].split())


def test_a_right_form_has_no_error_list() -> None:
    form = Correction({"name": "林立夏", "kind": "a", "sure": "on"})
    assert form.is_valid()
    assert render("{% form_errors form %}", form=form).strip() == ""


def test_fields_say_when_they_may_stay_empty_and_use_the_fitting_element() -> None:
    form = Correction()
    assert "（可以不填）" in render("{% field form.note %}", form=form)
    assert "（可以不填）" not in render("{% field form.name %}", form=form)
    assert "<fieldset" in render("{% field form.kind %}", form=form)
    assert 'class="form-check-input"' in render("{% field form.sure %}", form=form)


# --- Pages -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["403", "404", "429", "registration/login", "registration/locked"])
def test_plain_pages_keep_the_content_policy(name: str) -> None:
    request = RequestFactory().get("/staff/")
    request.user = AnonymousUser()
    html = render_to_string(f"{name}.html", {"form": AuthenticationForm()}, request)
    assert not re.search(r"\sstyle=|<script|\son\w+=", html)
    assert html.count("<h1>") == 1


def test_the_error_page_needs_no_context() -> None:
    assert "没有办成，不是您的问题" in render_to_string("500.html")


# --- The second language -----------------------------------------------------------------------------------


def test_english_names_the_month() -> None:
    with translation.override("en"):
        assert render("{{ v|cn_date }}", v=dt.date(2026, 6, 18)) == "18 Jun"
        assert render("{{ v|full_date }}", v=dt.date(2025, 6, 18)) == "18 Jun 2025"


@pytest.mark.parametrize("password", ["kurz", "password1234", "123456789012"])
def test_refused_passwords_are_explained_in_plain_chinese(password: str) -> None:
    form = SetPasswordForm(User(username="x"), {"new_password1": password, "new_password2": password})
    assert not form.is_valid()
    assert all("密码" in error and error.endswith("。") for error in form.errors["new_password2"])
