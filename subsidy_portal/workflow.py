"""``move`` is the only way a status changes; ``record`` the only way an event is written."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from django.db import models, transaction
from django.utils.translation import gettext as _

from subsidy_portal import clock
from subsidy_portal.identifiers import mask_numbers

if TYPE_CHECKING:
    from subsidy_portal.models import Event, User


class Refused(Exception):
    """An action was not done, and the sentence says why and what to do. Nothing was changed.

    Pages show the sentence and return to where the user was; the API answers with ``http_status``,
    and beside the sentence with ``data`` (JSON without personal data).
    """

    http_status: ClassVar[int] = 422
    code: ClassVar[str] = "refused"
    data: dict[str, Any] = {}


class NotPermitted(Refused):
    """This user may see the thing but not do this to it."""

    http_status = 403
    code = "not_permitted"


class InvalidTransition(Refused):
    """The workflow has no such step from here."""

    http_status = 409
    code = "invalid_transition"


class StaleStatus(Refused):
    """Somebody else was first: the status is no longer what this user saw."""

    http_status = 409
    code = "stale_status"


class Stateful(Protocol):
    """A model with ``Status`` (TextChoices), ``NEXT`` (status → reachable statuses) and ``status``."""

    NEXT: ClassVar[dict[Any, set[Any]]]
    pk: Any
    status: str

    def refresh_from_db(self) -> None: ...


def label_of(obj: models.Model | type[models.Model]) -> str:
    """``programs.roster`` for a Roster: how events name their subject."""
    return obj._meta.label_lower


def record(
    obj: models.Model,
    kind: str,
    *,
    actor: User,
    note: str = "",
    old: str = "",
    new: str = "",
    data: dict[str, Any] | None = None,
) -> Event:
    """Append one event about ``obj``; never personal data in ``data``. Long numbers in ``note`` are masked."""
    from subsidy_portal.models import Event

    return Event.objects.create(
        kind=kind,
        subject_type=label_of(obj),
        subject_id=obj.pk,
        old_status=old,
        new_status=new,
        note=mask_numbers(note),
        data=data or {},
        actor=actor,
        at=clock.now(),
        area_id=getattr(obj, "area_id", None) or (actor.organisation.area_id if actor.organisation else None),
        organisation=actor.organisation,
    )


def check_step(model: type[models.Model], old: str, to: str) -> None:
    """Raise InvalidTransition unless ``model.NEXT`` has the step ``old`` → ``to``."""
    if to not in model.NEXT.get(old, ()):  # type: ignore[attr-defined]
        status = model.Status  # type: ignore[attr-defined]
        raise InvalidTransition(
            _("现在是“%(old)s”，不能变为“%(to)s”。请刷新页面查看最新状态。")
            % {"old": status(old).label, "to": status(to).label}
        )


@transaction.atomic
def move(obj: Any, to: str, *, actor: User, note: str = "", data: dict[str, Any] | None = None, **fields: Any) -> None:
    """Move ``obj`` to ``to``, set ``fields`` with it and record who did it.

    The update names the old status, so of many sessions exactly one wins.
    Raises InvalidTransition when there is no such step, StaleStatus when somebody was first.
    """
    model, old = type(obj), obj.status
    check_step(model, old, to)
    if not model._base_manager.filter(pk=obj.pk, status=old).update(status=to, **fields):
        raise StaleStatus(_("别人刚刚处理过，状态已经变了。没有重复办理，请刷新后再看。"))
    record(obj, to, actor=actor, note=note, old=old, new=to, data=data)
    obj.refresh_from_db()


def move_many(rows: models.QuerySet[Any], old: str, to: str, **fields: Any) -> int:
    """Set-based twin of ``move`` for rows of one parent, in one UPDATE; returns how many moved.

    The caller records one event on the parent (roster, order, batch).
    """
    check_step(rows.model, old, to)
    return rows.filter(status=old).update(status=to, **fields)
