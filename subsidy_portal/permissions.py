"""Who may do what: one table. Everything not in it is refused.

``allowed`` and ``require`` answer for an action; ``scope`` gives the rows a user may see (area prefix ×
organisation). What one may not see does not exist: views fetch from scoped querysets and answer 404.
"""

from django.db.models import Q
from django.utils.translation import gettext as _

from subsidy_portal.models import Organisation, User
from subsidy_portal.workflow import NotPermitted

K, R = Organisation.Kind, User.Role

_OVERSIGHT: set[tuple[str, str]] = {
    (kind, role) for kind in (K.AUDIT, K.DISCIPLINE) for role in (R.OPERATOR, R.REVIEWER, R.VIEWER)
}
_STAFF: set[tuple[str, str]] = {
    (kind, role)
    for kind in (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP)
    for role in (R.OPERATOR, R.REVIEWER, R.APPROVER, R.VIEWER)
} | _OVERSIGHT

_MONEY_SEEN: set[tuple[str, str]] = _STAFF | {(K.BANK, R.OPERATOR), (K.BANK, R.VIEWER)}
# The county's own books: statements, what does not match, the month's close.
_COUNTY_BOOKS: set[tuple[str, str]] = {pair for pair in _STAFF if pair[0] == K.FINANCE} | _OVERSIGHT

# Fund plans belong to programs, not to townships: whoever sees none of them has no page of them either.
_FUNDS_SEEN: set[tuple[str, str]] = {pair for pair in _STAFF if pair[0] != K.TOWNSHIP}

# action → the (organisation kind, role) pairs that may do it
PERMISSIONS: dict[str, set[tuple[str, str]]] = {
    # policy list and funds
    "policy.edit": {(K.FINANCE, R.OPERATOR)},
    "policy.publish": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "program.edit": {(K.FINANCE, R.OPERATOR)},
    "fund.enter": {(K.FINANCE, R.OPERATOR)},
    "fund.confirm": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    # rosters
    "roster.upload": {(K.TOWNSHIP, R.OPERATOR)},
    "roster.submit": {(K.TOWNSHIP, R.OPERATOR)},
    "roster.town_approve": {(K.TOWNSHIP, R.REVIEWER)},
    "roster.dept_check": {(K.DEPARTMENT, R.OPERATOR)},
    "roster.dept_approve": {(K.DEPARTMENT, R.REVIEWER)},
    "roster.accept": {(K.FINANCE, R.OPERATOR)},
    "roster.return": {
        (K.TOWNSHIP, R.REVIEWER),
        (K.DEPARTMENT, R.OPERATOR),
        (K.DEPARTMENT, R.REVIEWER),
        (K.FINANCE, R.OPERATOR),
    },
    "suspicion.decide": {(K.TOWNSHIP, R.OPERATOR), (K.TOWNSHIP, R.REVIEWER), (K.DEPARTMENT, R.OPERATOR)},
    "notice.open": {(K.TOWNSHIP, R.OPERATOR), (K.TOWNSHIP, R.REVIEWER)},
    "notice.post": {(K.TOWNSHIP, R.OPERATOR)},
    "objection.record": {(K.TOWNSHIP, R.OPERATOR), (K.TOWNSHIP, R.REVIEWER)},
    "objection.decide": {(K.TOWNSHIP, R.REVIEWER), (K.DEPARTMENT, R.OPERATOR)},
    "rule.edit": {(K.FINANCE, R.OPERATOR)},
    "dataset.import": {(K.FINANCE, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR)},
    "dataset.policy": {(K.FINANCE, R.OPERATOR)},
    "entitlement.edit": {(K.FINANCE, R.OPERATOR)},
    "entitlement.search": {(K.FINANCE, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR)},
    "entitlement.decide": {(K.TOWNSHIP, R.OPERATOR), (K.TOWNSHIP, R.REVIEWER), (K.DEPARTMENT, R.OPERATOR)},
    "card.note": {(K.TOWNSHIP, R.OPERATOR)},
    "card.settle": {(K.TOWNSHIP, R.OPERATOR)},
    "card.explain": {(K.TOWNSHIP, R.REVIEWER)},
    "card.search": {(K.TOWNSHIP, R.OPERATOR), (K.FINANCE, R.OPERATOR)},
    "merge.propose": {(K.TOWNSHIP, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR)},
    "merge.decide": {(K.FINANCE, R.REVIEWER)},
    "household.edit": {(K.TOWNSHIP, R.OPERATOR)},
    "household.decide": {(K.TOWNSHIP, R.REVIEWER)},
    "move.ask": {(K.TOWNSHIP, R.OPERATOR)},
    "move.decide": {(K.TOWNSHIP, R.REVIEWER)},
    "person.reveal": {(K.FINANCE, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR), (K.TOWNSHIP, R.OPERATOR)},
    # money
    "batch.make": {(K.FINANCE, R.OPERATOR)},
    "batch.approve": {(K.FINANCE, R.REVIEWER)},
    "batch.release": {(K.FINANCE, R.APPROVER)},
    "batch.ask_names": {(K.FINANCE, R.OPERATOR), (K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "batch.return": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "batch.hold": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    # a department those failures that are its own to clear up (F16)
    "correction.propose": {(K.TOWNSHIP, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR)},
    "correction.approve": {(K.TOWNSHIP, R.REVIEWER), (K.DEPARTMENT, R.REVIEWER)},
    "reissue.make": {(K.DEPARTMENT, R.OPERATOR), (K.FINANCE, R.OPERATOR)},
    "reissue.approve": {(K.FINANCE, R.APPROVER)},
    "refund.make": {(K.FINANCE, R.OPERATOR)},
    "refund.confirm": {(K.FINANCE, R.REVIEWER)},
    "sending.reopen": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "verdict.make": {(K.FINANCE, R.OPERATOR)},
    "verdict.confirm": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "discrepancy.resolve": {(K.FINANCE, R.OPERATOR), (K.FINANCE, R.REVIEWER)},
    "month.prepare": {(K.FINANCE, R.OPERATOR)},
    "month.close": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    "statistics.view": _STAFF,
    # self-inspection
    "see.audits": _STAFF,
    "audit.run": {(K.FINANCE, R.OPERATOR), (K.AUDIT, R.OPERATOR), (K.AUDIT, R.REVIEWER), (K.DISCIPLINE, R.OPERATOR)},
    "audit.set": {(K.FINANCE, R.OPERATOR), (K.AUDIT, R.REVIEWER)},
    "audit.decide": {(K.TOWNSHIP, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR), (K.FINANCE, R.OPERATOR)},
    "problem.register": {
        (K.FINANCE, R.OPERATOR),
        (K.DEPARTMENT, R.OPERATOR),
        (K.AUDIT, R.OPERATOR),
        (K.DISCIPLINE, R.OPERATOR),
    },
    "problem.verify": {(K.TOWNSHIP, R.OPERATOR), (K.TOWNSHIP, R.REVIEWER), (K.DEPARTMENT, R.REVIEWER)},
    "problem.work": {(K.DEPARTMENT, R.OPERATOR), (K.TOWNSHIP, R.OPERATOR), (K.FINANCE, R.OPERATOR)},
    "problem.close": {(K.FINANCE, R.REVIEWER), (K.AUDIT, R.REVIEWER), (K.DISCIPLINE, R.REVIEWER)},
    "problem.export": _STAFF,
    # what citizens ask, complain of and report
    "inquiry.assign": {(K.FINANCE, R.OPERATOR), (K.DISCIPLINE, R.OPERATOR)},
    "inquiry.answer": {
        (K.FINANCE, R.OPERATOR),
        (K.DEPARTMENT, R.OPERATOR),
        (K.TOWNSHIP, R.OPERATOR),
        (K.AUDIT, R.OPERATOR),
        (K.DISCIPLINE, R.OPERATOR),
    },
    "inquiry.reveal": {
        (K.FINANCE, R.OPERATOR),
        (K.DEPARTMENT, R.OPERATOR),
        (K.TOWNSHIP, R.OPERATOR),
        (K.DISCIPLINE, R.OPERATOR),
    },
    # official tables, reports of the units, money off the platform
    "annex.edit": {(K.FINANCE, R.OPERATOR)},
    "annex.file": {(kind, R.OPERATOR) for kind in (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP)},
    "report.write": {(kind, R.OPERATOR) for kind in (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP)},
    "report.submit": {(kind, R.REVIEWER) for kind in (K.FINANCE, K.DEPARTMENT, K.TOWNSHIP)},
    "offline.decide": {(K.FINANCE, R.OPERATOR)},
    "offline.enter": {(K.FINANCE, R.OPERATOR), (K.DEPARTMENT, R.OPERATOR)},
    "offline.confirm": {(K.FINANCE, R.REVIEWER), (K.FINANCE, R.APPROVER)},
    # seeing: parts of the menu
    "see.rosters": _STAFF,
    "see.money": _MONEY_SEEN,
    "see.books": _COUNTY_BOOKS,
    "see.funds": _FUNDS_SEEN,
    "see.oversight": _STAFF,
    "see.inquiries": _STAFF,
    "user.manage": {(kind, R.ADMINISTRATOR) for kind in K},
}


def allowed(user: User, action: str) -> bool:
    """True when the table lets this user's organisation kind and role do ``action``."""
    return user.is_active and (user.kind, user.role) in PERMISSIONS[action]


def require(user: User, action: str) -> None:
    """Raise NotPermitted unless ``allowed``. Actions call this first; the system account never passes."""
    if not allowed(user, action):
        raise NotPermitted(_("您的岗位不能办这一步。请交给有权限的同事办理。"))


def require_other(user: User, *others: User | int | None) -> None:
    """Raise NotPermitted when ``user`` already signed an earlier step (maker ≠ reviewer ≠ approver).

    ``others`` are users or their primary keys.
    """
    if any((other.pk if isinstance(other, User) else other) == user.pk for other in others):
        raise NotPermitted(_("前面的步骤是您办的，这一步须由他人办理。"))


def scope(user: User, *, area: str, department: str = "", bank: str = "") -> Q:
    """The rows ``user`` may see, as a Q over the given lookups.

    ``area`` names an area foreign key, ``department`` and ``bank`` organisation foreign keys. Departments see
    their own programs, banks their own orders, offices their own area, administrators nothing.
    """
    nothing = Q(pk__in=())
    if not user.is_active or user.organisation is None or user.role == R.ADMINISTRATOR:
        return nothing
    inside = Q(**{f"{area}__code__startswith": user.area_prefix})
    if user.kind == K.DEPARTMENT:
        return inside & Q(**{department: user.organisation}) if department else inside
    if user.kind == K.BANK:
        return Q(**{bank: user.organisation}) if bank else nothing
    return inside
