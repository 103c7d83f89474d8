"""Comparison data from other offices: what there is of each kind and how old, one list's page, a new file."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET

from programs import actions
from programs.actions.datasets import AlreadyImported
from programs.comparison_data import KINDS, KindInfo
from programs.dataset_forms import DatasetForm, DatasetPolicyForm
from programs.imports.list_template import build_list_template, field_help
from programs.models import Dataset, DatasetPolicy
from programs.staleness import Age, ages, checked_kinds
from subsidy_portal import clock, wording
from subsidy_portal.models import Organisation, User
from subsidy_portal.paging import Page, keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import XLSX
from subsidy_portal.staff import StaffRequest, happened, staff_page
from subsidy_portal.workflow import Refused

SHOWN_PROBLEMS = 100


@dataclass(frozen=True)
class KindLine:
    """One kind on the overview: its age, its newest list, and what the office should know of it."""

    info: KindInfo
    age: Age
    newest: Dataset | None
    policy: DatasetPolicy | None

    is_read: bool  # by a rule in use

    @property
    def tone(self) -> str:
        """What no rule reads may be missing without a warning."""
        return "todo" if self.newest is None and not self.is_read else self.age.tone

    @property
    def keep_days(self) -> int:
        return self.policy.keep_days if self.policy else self.info.keep

    @property
    def keeper(self) -> str:
        return str(self.policy.department) if self.policy and self.policy.department else ""


def _kind_lines(found: QuerySet[Dataset], user: User) -> list[KindLine]:
    """A township's lines count only lists that cover it: those of its neighbours it does not see."""
    imported = found.filter(status=Dataset.Status.IMPORTED)
    newest = {one.kind: one for one in imported.order_by("kind", "-as_of", "-pk").distinct("kind")}
    policies = {policy.kind: policy for policy in DatasetPolicy.objects.select_related("department")}
    town = user.organisation.area if user.organisation and user.kind == Organisation.Kind.TOWNSHIP else None
    by_kind = {age.kind: age for age in ages(KINDS, clock.today(), town)}
    read = checked_kinds()
    lines = [
        KindLine(info, by_kind[kind], newest.get(kind), policies.get(kind), kind in read)
        for kind, info in KINDS.items()
    ]
    return sorted(lines, key=lambda line: line.age.as_of is None)


@require_GET
@staff_page("see.oversight")
def dataset_list(request: StaffRequest) -> HttpResponse:
    """Every kind with its age, then the lists, newest first; of one kind with ``?kind=``."""
    mine = Dataset.objects.visible_to(request.user)
    kind = request.GET.get("kind", "")
    kind = kind if kind in KINDS else ""
    lists = mine.filter(kind=kind) if kind else mine
    context = {
        "lines": _kind_lines(mine, request.user),
        "page": keyset_page(lists.select_related("imported_by", "area"), request, size=30),
        "kind": kind,
        "kinds": Dataset.Kind.choices,
        "may_import": allowed(request.user, "dataset.import"),
        "may_edit": allowed(request.user, "dataset.policy"),
    }
    return render(request, "programs/dataset_list.html", context)


@staff_page("dataset.import")
def dataset_new(request: StaffRequest) -> HttpResponse:
    """A new list; the columns it needs stand beside the form (of the kind in ``?kind=``)."""
    kind = request.POST.get("kind") or request.GET.get("kind", "")
    kind = kind if kind in KINDS else Dataset.Kind.DEATH.value
    form = DatasetForm(request.POST or None, request.FILES or None, user=request.user, initial={"kind": kind})
    if request.method == "POST" and form.is_valid():
        given = dict(form.cleaned_data)
        file = given.pop("file")
        try:
            made = actions.upload_dataset(
                given.pop("kind"), file_name=file.name, content=file.read(), actor=request.user, **given
            )
        except AlreadyImported as refused:
            if not Dataset.objects.visible_to(request.user).filter(pk=refused.earlier.pk).exists():
                form.add_error("file", str(refused))
            else:
                messages.warning(request, str(refused))
                return redirect("programs:dataset", refused.earlier.pk)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            return redirect("programs:dataset", made.pk)
    info = KINDS[kind]
    context = {"form": form, "info": info, "label": Dataset.Kind(kind).label, "columns": _columns(info)}
    return render(request, "programs/dataset_new.html", context, status=422 if form.errors else 200)


def _columns(info: KindInfo) -> list[dict[str, Any]]:
    return [
        {"label": f.label, "required": f.required, "aliases": "、".join(f.aliases), "help": field_help(f)}
        for f in info.columns
    ]


@require_GET
@staff_page("see.oversight")
def dataset(request: StaffRequest, pk: int) -> HttpResponse:
    """One list: how far it is, what is wrong in it, what came of it; never its persons."""
    mine = Dataset.objects.visible_to(request.user).select_related("imported_by", "area", "job")
    found = get_object_or_404(mine, pk=pk)
    info = KINDS[found.kind]
    policy = actions.policy_of(found.kind)
    in_use = found.status == Dataset.Status.IMPORTED
    context = {
        "dataset": found,
        "info": info,
        "age": Age(found.kind, found.as_of, policy.max_age_days, clock.today()) if in_use else None,
        "is_open": found.status in {Dataset.Status.QUEUED, Dataset.Status.READING},
        "facts": _facts(found, policy),
        "page": _problem_page(found, request),
        "events": happened(found),
        "may_import": allowed(request.user, "dataset.import"),
    }
    return render(request, "programs/dataset.html", context)


def _facts(found: Dataset, policy: DatasetPolicy) -> list[tuple[str, str]]:
    return [
        (_("来源"), found.source),
        (_("数据截至"), wording.full_date(found.as_of)),
        (_("覆盖乡镇"), str(found.area or _("全县"))),
        (_("覆盖范围"), found.coverage or "—"),
        (_("人数"), wording.count(found.row_count) if found.row_count else "—"),
        (_("保存到"), wording.full_date(found.retain_until) if found.retain_until else "—"),
        (_("由哪个部门提供"), str(policy.department or _("不限部门"))),
        (_("文件"), found.file_name or _("接口提交")),
        ("SM3", found.file_sm3[:16] or "—"),
    ]


def _problem_page(found: Dataset, request: StaffRequest) -> Page:
    after = request.GET.get("after", "")
    first = int(after) if after.isdecimal() and len(after) < 6 else 0
    last = first + SHOWN_PROBLEMS
    more = f"?after={last}" if len(found.problems) > last else ""
    return Page(found.problems[first:last], more, "?" if first else "")


@require_GET
@staff_page("see.oversight")
def dataset_template(request: StaffRequest, kind: str) -> HttpResponseBase:
    """The workbook to fill in for a kind."""
    if kind not in KINDS:
        raise Http404
    content = build_list_template(KINDS[kind])
    name = _("名单模板-%(kind)s.xlsx") % {"kind": Dataset.Kind(kind).label}
    return FileResponse(io.BytesIO(content), as_attachment=True, filename=name, content_type=XLSX)


@staff_page("dataset.policy")
def dataset_policy(request: StaffRequest, kind: str) -> HttpResponse:
    """How old a kind may be, how long it is kept, and who brings it."""
    if kind not in KINDS:
        raise Http404
    form = DatasetPolicyForm(request.POST or None, instance=actions.policy_of(kind))
    if request.method == "POST" and form.is_valid():
        actions.set_dataset_policy(kind, **form.cleaned_data, actor=request.user)
        messages.success(request, _("已保存。"))
        return redirect("programs:dataset-list")
    context = {"form": form, "info": KINDS[kind], "label": Dataset.Kind(kind).label}
    return render(request, "programs/dataset_policy.html", context, status=422 if form.errors else 200)
