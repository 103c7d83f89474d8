"""The ledger of people without a card, and cards that are not one to one."""

from __future__ import annotations

import io
from typing import Any

from django.contrib import messages
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.http import FileResponse, Http404, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST
from rustpy_xlsxwriter import write_worksheet

from programs import actions
from programs.card_forms import AnswerFileForm, ExplainForm, ListFileForm, SendForm, UncardedForm
from programs.models import CardAnomaly, Uncarded
from subsidy_portal import clock
from subsidy_portal.paging import keyset_page
from subsidy_portal.permissions import allowed
from subsidy_portal.sheets import XLSX, FileRefused
from subsidy_portal.staff import StaffRequest, download, happened, keep_upload, staff_page
from subsidy_portal.wording import full_date
from subsidy_portal.workflow import Refused, record

U, A = Uncarded.Status, CardAnomaly.Status
MAX_ROWS = 50_000


# --- People without a card ---------------------------------------------------------------------------------


def _uncarded(request: StaffRequest, given: Any) -> tuple[QuerySet[Uncarded], str]:
    tab = given.get("tab", "")
    tab = tab if tab in U.values else U.OPEN.value
    mine = Uncarded.objects.visible_to(request.user)
    rows = mine.select_related("person", "program", "area__parent", "bank", "account")
    return rows.filter(status=tab), tab


@require_GET
@staff_page("see.rosters")
def uncarded_list(request: StaffRequest) -> HttpResponse:
    return _ledger(request)


def _ledger(request: StaffRequest, **forms: Any) -> HttpResponse:
    found, tab = _uncarded(request, request.GET)
    mine = Uncarded.objects.visible_to(request.user)
    counts = dict(mine.order_by().values_list("status").annotate(Count("pk")))
    context = {
        "page": keyset_page(found, request, size=50),
        "tabs": [(value, label, counts.get(value, 0)) for value, label in U.choices],
        "tab": tab,
        "today": clock.today(),
        "late": mine.filter(status__in=(U.OPEN, U.SENT), due_on__lt=clock.today()).count(),
        "may_note": allowed(request.user, "card.note"),
        "send_form": SendForm(),
        "answer_form": AnswerFileForm(),
        "list_form": ListFileForm(),
        **forms,
    }
    wrong = any(getattr(form, "errors", None) for form in forms.values())
    return render(request, "programs/uncarded_list.html", context, status=422 if wrong else 200)


@staff_page("card.note")
def uncarded_new(request: StaffRequest) -> HttpResponse:
    form = UncardedForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        try:
            actions.add_uncarded(**form.cleaned_data, actor=request.user)
        except Refused as refused:
            form.add_error(None, str(refused))
        else:
            messages.success(request, _("已登记。"))
            return redirect("programs:uncarded-list")
    return render(request, "programs/uncarded_new.html", {"form": form}, status=422 if form.errors else 200)


@require_POST
@staff_page("card.note")
def uncarded_send(request: StaffRequest) -> HttpResponse:
    """The chosen people, or all that are open, into one batch-opening file."""
    form = SendForm(request.POST)
    if not form.is_valid():
        return _ledger(request, send_form=form)
    chosen = [int(pk) for pk in request.POST.getlist("row") if pk.isdecimal() and len(pk) < 18]
    rows = Uncarded.objects.visible_to(request.user).filter(status=U.OPEN)
    rows = rows.filter(pk__in=chosen) if chosen else rows
    file = actions.send_uncarded(list(rows), form.cleaned_data["bank"], actor=request.user)
    messages.success(request, _("已生成%(name)s，请下载后交给银行。") % {"name": file.name})
    return redirect("/staff/uncarded/?tab=sent")


@require_POST
@staff_page("card.note")
def uncarded_answer(request: StaffRequest) -> HttpResponse:
    form = AnswerFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            done = actions.read_opened(form.cleaned_data["file"].read(), actor=request.user)
        except (Refused, FileRefused) as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("%(n)d人的账户已登记。") % {"n": done})
            return redirect("/staff/uncarded/?tab=closed")
    return _ledger(request, answer_form=form)


@require_POST
@staff_page("card.note")
def uncarded_upload(request: StaffRequest) -> HttpResponse:
    """The township's own list."""
    form = ListFileForm(request.POST, request.FILES)
    if form.is_valid():
        try:
            done = actions.read_uncarded(form.cleaned_data["file"].read(), actor=request.user)
        except (Refused, FileRefused) as refused:
            form.add_error("file", str(refused))
        else:
            messages.success(request, _("%(n)d人已登记。") % {"n": done})
            return redirect("programs:uncarded-list")
    return _ledger(request, list_form=form)


@require_GET
@staff_page("card.note")
def uncarded_template(request: StaffRequest) -> HttpResponseBase:
    content = io.BytesIO(actions.uncarded_template())
    return FileResponse(content, as_attachment=True, filename=_("未办卡受益人名单.xlsx"), content_type=XLSX)


@require_GET
@staff_page("card.note")
def uncarded_file(request: StaffRequest, pk: int) -> HttpResponseBase:
    """The batch-opening file this person went in; recorded."""
    row = get_object_or_404(Uncarded.objects.visible_to(request.user).select_related("file"), pk=pk)
    return download(row.file, row, actor=request.user)


@require_POST
@staff_page("see.rosters")
def uncarded_export(request: StaffRequest) -> HttpResponseBase:
    found, tab = _uncarded(request, request.POST)
    rows = list(found.order_by("area_id", "pk")[:MAX_ROWS])
    record(request.user, "exported", actor=request.user, note=_("未办卡台账%(n)d人") % {"n": len(rows)})
    lines = [
        {
            "乡镇": row.area.parent.name if row.area.parent else "", "村（居）": row.area.name, "姓名": row.person.name,
            "身份证号": row.person.masked_id, "补贴项目": row.program.short_name,
            "办卡方式": str(row.get_measure_display()), "责任人": row.owner, "办结期限": full_date(row.due_on),
            "状态": str(row.get_status_display()), "银行": row.bank.name if row.bank else "", "说明": row.note,
        }
        for row in rows
    ]  # fmt: skip
    out = io.BytesIO()
    write_worksheet(lines or [{"乡镇": "没有"}], out, sheet_name="未办卡受益人台账")
    name = _("未办卡受益人台账-%(tab)s.xlsx") % {"tab": U(tab).label}
    return FileResponse(io.BytesIO(out.getvalue()), as_attachment=True, filename=name, content_type=XLSX)


@require_POST
@staff_page("card.note")
def uncarded_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``reopen`` or ``cancel``, with why."""
    row = get_object_or_404(Uncarded.objects.visible_to(request.user), pk=pk)
    act = {"reopen": actions.reopen_uncarded, "cancel": actions.cancel_uncarded}.get(verb)
    if act is None:
        raise Http404
    act(row, note=request.POST.get("note", "")[:200], actor=request.user)
    messages.success(request, _("已记下。"))
    return redirect("programs:uncarded-list")


# --- Cards that are not one to one --------------------------------------------------------------------------


@require_GET
@staff_page("see.rosters")
def anomaly_list(request: StaffRequest) -> HttpResponse:
    kind, tab = request.GET.get("kind", ""), request.GET.get("tab", "")
    tab = tab if tab in A.values else A.OPEN.value
    mine = CardAnomaly.objects.visible_to(request.user)
    mine = mine.filter(kind=kind) if kind in CardAnomaly.Kind.values else mine
    counts = dict(mine.order_by().values_list("status").annotate(Count("pk")))
    context = {
        "page": keyset_page(mine.filter(status=tab).select_related("person", "area__parent"), request, size=50),
        "tabs": [(value, label, counts.get(value, 0)) for value, label in A.choices],
        "tab": tab,
        "kind": kind,
        "kinds": CardAnomaly.Kind.choices,
        "today": clock.today(),
        "may_search": allowed(request.user, "card.search"),
        "towns": _by_town(mine.filter(status=A.OPEN)),
    }
    return render(request, "programs/anomaly_list.html", context)


def _by_town(found: QuerySet[CardAnomaly]) -> list[tuple[str, int, int]]:
    """Open ones of each township: its name, how many, how many overdue; the most first."""
    late = Count("pk", filter=Q(due_on__lt=clock.today()))
    groups = found.order_by().values_list("area__parent__name").annotate(n=Count("pk"), late=late)
    return [(name or "—", n, overdue) for name, n, overdue in groups.order_by("-n")]


@require_POST
@staff_page("see.rosters")
def anomaly_export(request: StaffRequest) -> HttpResponseBase:
    """The open ones as a workbook, masked; recorded."""
    found = CardAnomaly.objects.visible_to(request.user).filter(status=A.OPEN).select_related("person", "area__parent")
    rows = list(found.order_by("area_id", "pk")[:MAX_ROWS])
    record(request.user, "exported", actor=request.user, note=_("账户异常%(n)d条") % {"n": len(rows)})
    lines = [
        {
            "类别": str(row.get_kind_display()), "乡镇": row.area.parent.name if row.area.parent else "",
            "村（居）": row.area.name, "姓名": row.person.name, "身份证号": row.person.masked_id,
            "张数或人数": str(row.count), "发现": full_date(row.found_at), "期限": full_date(row.due_on),
        }
        for row in rows
    ]  # fmt: skip
    out = io.BytesIO()
    write_worksheet(lines or [{"类别": "没有"}], out, sheet_name="账户异常")
    return FileResponse(io.BytesIO(out.getvalue()), as_attachment=True, filename=_("账户异常.xlsx"), content_type=XLSX)


@require_POST
@staff_page("card.search")
def anomaly_search(request: StaffRequest) -> HttpResponse:
    return redirect("job", actions.start_anomaly_search(actor=request.user).pk)


def _anomaly(request: StaffRequest, pk: int) -> CardAnomaly:
    mine = CardAnomaly.objects.visible_to(request.user).select_related("person", "area__parent", "proof", "decided_by")
    return get_object_or_404(mine, pk=pk)


@require_GET
@staff_page("see.rosters")
def anomaly(request: StaffRequest, pk: int) -> HttpResponse:
    return _page(request, _anomaly(request, pk), ExplainForm())


def _page(request: StaffRequest, found: CardAnomaly, form: ExplainForm) -> HttpResponse:
    accounts = list(found.accounts())
    context = {
        "found": found,
        "accounts": accounts,
        "today": clock.today(),
        "may_settle": found.status != A.CLOSED and len(accounts) > 1 and allowed(request.user, "card.settle"),
        "explain": form if found.status == A.OPEN and allowed(request.user, "card.explain") else None,
        "events": happened(found),
    }
    return render(request, "programs/anomaly.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("see.rosters")
def anomaly_act(request: StaffRequest, pk: int, verb: str) -> HttpResponse:
    """``end`` one of the accounts, or ``explain``."""
    found = _anomaly(request, pk)
    if verb == "end":
        account = get_object_or_404(found.accounts(), pk=request.POST.get("account") or 0)
        actions.end_account(found, account, reason=request.POST.get("reason", ""), actor=request.user)
        messages.success(request, _("账户已停用。"))
        return redirect("programs:anomaly", pk)
    if verb != "explain":
        raise Http404
    form = ExplainForm(request.POST, request.FILES)
    if not form.is_valid():
        return _page(request, found, form)
    with transaction.atomic():
        proof = keep_upload(form.cleaned_data["proof"], request.user, "card.explain")
        actions.explain_anomaly(found, reason=form.cleaned_data["reason"], proof=proof, actor=request.user)
    messages.success(request, _("已记下。"))
    return redirect("programs:anomaly", pk)
