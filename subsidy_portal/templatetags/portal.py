"""Filters and tags of every page; loaded as builtins, so no template needs ``{% load %}``. Usage: docs/look.md."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django import forms, template
from django.db.models import Model
from django.forms.boundfield import BoundField
from django.forms.forms import BaseForm
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from subsidy_portal import event_words, status_look, wording
from subsidy_portal.models import Event
from subsidy_portal.paging import Page
from subsidy_portal.workflow import label_of

register = template.Library()

for _filter in (
    wording.yuan,
    wording.yuan_signed,
    wording.yuan_plain,
    wording.wan,
    wording.capital_yuan,
    wording.count,
    wording.pct,
    wording.cn_date,
    wording.full_date,
    wording.weekday,
    wording.clock_time,
    wording.cn_time,
    wording.due,
    wording.ago,
    wording.period,
):
    register.filter(_filter.__name__, _filter)


@register.simple_tag
def percent(part: int, whole: int, places: int = 2) -> str:
    """``part`` of ``whole`` in percent, rounded half up; ``—`` without a whole."""
    return wording.pct((part, whole), places)


# --- Status ------------------------------------------------------------------------------------------------


@register.simple_tag
def chip(words: str, look: str = "todo") -> SafeString:
    """Shape, words and colour; ``look`` is todo, doing, done, warn, unknown or risk."""
    return format_html('<span class="chip is-{}">{}</span>', look, words)


@register.simple_tag
def status(obj: Model) -> SafeString:
    """The chip of ``obj.status``; its look stands in ``status_look.py``."""
    look = status_look.look_of(label_of(obj), obj.status)  # type: ignore[attr-defined]
    words = obj.get_status_display()  # type: ignore[attr-defined]
    return format_html('<span class="chip {}">{}</span>', look, words)


# --- Bars of money -----------------------------------------------------------------------------------------

WIDTH, GAP, SMALLEST = 1000, 2, 3


def bar_widths(parts: Sequence[int]) -> list[int]:
    """Widths of the parts of a bar of 1000: 0 for nothing, at least 3 for something, gaps taken off."""
    shown = [part for part in parts if part > 0]
    if not shown:
        return [0] * len(parts)
    room = WIDTH - GAP * (len(shown) - 1)
    widths = [max(SMALLEST, part * room // sum(shown)) if part > 0 else 0 for part in parts]
    # Whatever rounding left over or the smallest parts took belongs to the largest part.
    widths[widths.index(max(widths))] += room - sum(widths)
    return widths


def _bar(parts: Sequence[int], classes: Sequence[str], label: str, size: str) -> SafeString:
    rects, x, height = [], 0, {"thick": 12, "thin": 4}.get(size, 8)
    for width, css in zip(bar_widths(parts), classes, strict=True):
        if width:
            rects.append((css, x, width, height))
            x += width + GAP
    return format_html(
        '<svg class="bar {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{}">{}</svg>',
        size, WIDTH, height, label,
        format_html_join("", '<rect class="b-{}" x="{}" width="{}" height="{}"/>', rects),
    )  # fmt: skip


@register.simple_tag
def money_bar(
    paid: int, way: int = 0, fail: int = 0, held: int = 0, unknown: int = 0, *, size: str = "", label: str = ""
) -> SafeString:
    """Where every fen is, always in this order: 已付 在途 失败 暂缓 待查. ``size`` is thick, thin or empty."""
    parts = (paid, way, fail, held, unknown)
    names = (_("已付"), _("在途"), _("失败"), _("暂缓"), _("待查"))
    said = [f"{name} {percent(part, sum(parts), 1)}" for name, part in zip(names, parts, strict=True) if part]
    return _bar(parts, ("paid", "way", "fail", "held", "unk"), label or "，".join(said) or _("还没有金额"), size)


@register.simple_tag
def share_bar(part: int, whole: int, label: str = "", size: str = "thin") -> SafeString:
    """How much of a whole is reached: one bar of the accent colour on grey."""
    filled = 0 if whole <= 0 else min(WIDTH, max(SMALLEST if part > 0 else 0, part * WIDTH // whole))
    height = {"thick": 12, "thin": 4}.get(size, 8)
    return format_html(
        '<svg class="bar {}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" aria-label="{} {}">'
        '<rect class="b-paid" width="{}" height="{}"/></svg>',
        size, WIDTH, height, label, percent(part, whole, 1), filled, height,
    )  # fmt: skip


# --- Parts of a page ---------------------------------------------------------------------------------------


@register.inclusion_tag("parts/stage.html")
def stage(steps: Sequence[dict[str, Any]], slim: bool = False) -> dict[str, Any]:
    """A stage bar: steps of ``{label, note, state}``, state done, now, back or empty."""
    return {"steps": steps, "slim": slim}


@dataclass(frozen=True)
class Line:
    """One line of a feed, for what is not an Event."""

    at: Any
    sentence: str
    by: str
    url: str = ""


@register.inclusion_tag("parts/feed.html")
def feed(events: Iterable[Event | Line]) -> dict[str, Any]:
    """What happened, newest first, from Events (select_related actor) or Lines."""
    return {
        "lines": [
            Line(event.at, event_words.sentence(event), str(event.actor)) if isinstance(event, Event) else event
            for event in events
        ]
    }


@register.inclusion_tag("parts/pager.html")
def pager(page: Page, note: str = "") -> dict[str, Any]:
    """Links of a keyset page, with a grey note such as 显示 50 行 on the left."""
    return {"page": page, "note": note}


# --- Forms -------------------------------------------------------------------------------------------------


@register.filter
def control(field: BoundField) -> SafeString:
    """The field's widget with the class its kind wants."""
    widget = field.field.widget
    if isinstance(widget, forms.CheckboxInput):
        css = "form-check-input"
    elif field.use_fieldset:
        css = ""
    else:
        css = "form-select" if isinstance(widget, forms.Select) else "form-control"
    return field.as_widget(attrs={"class": f"{widget.attrs.get('class', '')} {css}".strip()} if css else None)


@register.filter
def is_tick(field: BoundField) -> bool:
    """True for a single tick box, whose label stands behind it."""
    return isinstance(field.field.widget, forms.CheckboxInput)


@register.inclusion_tag("parts/field.html", name="field")
def form_field(field: BoundField) -> dict[str, Any]:
    """Label, hint, message, widget of one form field."""
    return {"field": field}


@register.inclusion_tag("parts/form_errors.html")
def form_errors(form: BaseForm) -> dict[str, Any]:
    """What is wrong with a form, on top, each line a link to its field; nothing when all is well."""
    wrong = [form[name] for name in form.errors if name in form.fields]
    general = form.non_field_errors()
    return {"fields": wrong, "general": general, "number": len(wrong) + len(general)}
