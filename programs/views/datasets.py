"""Comparison data from other offices: what there is, how old it is, and a new file."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _

from programs import actions
from programs.actions.datasets import DatasetRefused
from programs.forms import DatasetForm
from programs.models import Dataset
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.staff import StaffRequest, staff_page
from subsidy_portal.workflow import Refused

SHOWN = 100


@staff_page("see.oversight")
def dataset_list(request: StaffRequest) -> HttpResponse:
    may = allowed(request.user, "dataset.import")
    form = DatasetForm(request.POST or None, request.FILES or None) if may else None
    problems: list[Any] = []
    if request.method == "POST" and form is not None and form.is_valid():
        given = form.cleaned_data
        try:
            made = actions.import_dataset(
                given["kind"],
                source=given["source"],
                as_of=given["as_of"],
                coverage=given["coverage"],
                file_name=given["file"].name,
                content=given["file"].read(),
                actor=request.user,
            )
        except DatasetRefused as refused:
            problems = refused.problems
            form.add_error("file", _("文件有错误，没有导入。请照下面逐格改好再传。"))
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已导入 %d 人，未受理的清册已重新比对。") % made.row_count)
            return redirect("programs:dataset-list")
    page = keyset_page(Dataset.objects.select_related("imported_by"), request, size=30)
    context = {"page": page, "form": form, "problems": problems[:SHOWN], "problem_count": len(problems)}
    return render(request, "programs/dataset_list.html", context, status=422 if form and form.errors else 200)
