"""Users and the permission table, for administrators."""

from __future__ import annotations

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from subsidy_portal import actions, permission_words
from subsidy_portal.forms import UserForm
from subsidy_portal.models import Organisation, User
from subsidy_portal.staff import StaffRequest, happened, no_store, staff_page


@require_GET
@staff_page("user.manage")
def user_list(request: StaffRequest) -> HttpResponse:
    users = actions.manageable_users(request.user).order_by("organisation__kind", "organisation_id", "pk")
    left = request.GET.get("tab") == "left"
    context = {"users": users.filter(is_active=not left), "tab": "left" if left else "active"}
    return render(request, "users/user_list.html", context)


@staff_page("user.manage")
def user_edit(request: StaffRequest, pk: int | None = None) -> HttpResponse:
    """Create a user (the first password is shown on the answer, once) or change a desk."""
    found = get_object_or_404(actions.manageable_users(request.user), pk=pk) if pk else User()
    form = UserForm(request.POST or None, instance=found, actor=request.user)
    if request.method == "POST" and form.is_valid():
        if pk:
            actions.change_user(form.instance, actor=request.user)
            messages.success(request, _("已保存。"))
            return redirect("user-list")
        return _password(request, form.instance, actions.create_user(form.instance, actor=request.user))
    context = {"form": form, "person": found if pk else None, "events": happened(found) if pk else []}
    return render(request, "users/user_edit.html", context, status=422 if form.errors else 200)


@require_POST
@staff_page("user.manage")
def user_password(request: StaffRequest, pk: int) -> HttpResponse:
    found = get_object_or_404(actions.manageable_users(request.user), pk=pk)
    return _password(request, found, actions.reset_password(found, actor=request.user))


def _password(request: StaffRequest, user: User, password: str) -> HttpResponse:
    """The first password, on this one answer only: it is in no message, no session and no address."""
    return no_store(render(request, "users/user_password.html", {"person": user, "password": password}))


@require_GET
@staff_page("user.manage")
def permission_table(request: StaffRequest) -> HttpResponse:
    context = {"sections": permission_words.table(), "kinds": [kind.label for kind in Organisation.Kind]}
    return render(request, "users/permission_table.html", context)
