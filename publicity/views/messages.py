"""Short messages as the offices see them: what was sent, what was not, and why."""

from __future__ import annotations

from django.conf import settings
from django.db.models import Count
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_GET

from publicity.models import Message
from subsidy_portal.paging import keyset_page
from subsidy_portal.staff import StaffRequest, staff_page


@require_GET
@staff_page("see.rosters")
def message_list(request: StaffRequest) -> HttpResponse:
    mine = Message.objects.visible_to(request.user)
    status = request.GET.get("status", "")
    shown = mine.filter(status=status) if status in Message.Status.values else mine
    counts = dict(mine.order_by().values_list("status").annotate(n=Count("pk")))
    context = {
        "page": keyset_page(shown.select_related("person", "program"), request, size=50),
        "status": status,
        "tabs": [(value, label, counts.get(value, 0)) for value, label in Message.Status.choices],
        "all": sum(counts.values()),
        "sender": settings.MESSAGE_SENDER,
    }
    return render(request, "publicity/staff/message_list.html", context)
