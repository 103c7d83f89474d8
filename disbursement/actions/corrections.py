"""A failed payment's way back: the township corrects the account, a second person reviews, finance sends it again.

Person and amount never change; what was paid to whom stays readable in the attempts.
"""

from __future__ import annotations

from django.db import transaction
from django.db.models import Q
from django.utils.translation import gettext as _

from disbursement import journal, reconcile
from disbursement.actions.gates import compare_again, require_decided
from disbursement.failpoints import failpoint
from disbursement.failures import FAILURES, Owner, Retry, describe
from disbursement.locks import locked, share_month
from disbursement.models import Attempt, Batch, Correction, Order, Payment, Reissue
from disbursement.ordering import make_orders
from disbursement.results import apply_late_successes
from disbursement.rollup import settle_batches
from programs import actions as programs
from programs.models import Account, RosterRow, Rule, Suspicion
from subsidy_portal import clock
from subsidy_portal.bulk import execute
from subsidy_portal.identifiers import IdentifierError, mask_numbers, parse_account
from subsidy_portal.models import Organisation, StoredFile, User
from subsidy_portal.permissions import allowed, require, require_other
from subsidy_portal.workflow import NotPermitted, Refused, StaleStatus, move, move_many, record

C, P = Correction.Status, Payment.Status
# Held: the bank said before the release that the account is in another name.
FAILED = (P.FAILED, P.RETURNED, P.HELD)
# What the bank repaired cannot be said in fewer characters.
SAME_ACCOUNT_REASON = 6


@transaction.atomic
def propose_correction(
    payment: Payment,
    *,
    number: str,
    bank: Organisation,
    kind: str,
    reason: str,
    actor: User,
    name_at_bank: str = "",
    proof: StoredFile | None = None,
) -> Correction:
    """A new account (or, with a reason, the same one) for a failed or returned payment, to be reviewed.

    Raises Refused when the payment is not failed, is being corrected already, or failed for a cause that no account
    can put right (F11, F15, F17); without a proof also when the account is in another name or another person's.
    """
    require(actor, "correction.propose")
    if not may_correct(actor, payment.failure_code):
        raise NotPermitted(_("这一笔由乡镇更正账户，主管部门只办入账后退票的。请通知乡镇。"))
    payment = Payment.objects.select_for_update(of=("self",)).select_related("payee", "account").get(pk=payment.pk)
    _require_failed(payment)
    failure = describe(payment.failure_code)
    if failure.retry == Retry.STOP:
        raise Refused(_("%(meaning)s，不能更正重发。%(todo)s") % {"meaning": failure.meaning, "todo": failure.todo})
    if payment.corrections.filter(status__in=(C.PROPOSED, C.APPROVED)).exists():
        raise Refused(_("这一笔已经有更正在办。请先复核或退回那一条。"))
    if payment.refund_lines.filter(dropped=False).exists():
        raise Refused(_("这一笔正在缴回国库，不能更正。要重发的，请财政先退回那份缴回。"))
    if proof is None:
        _require_own_account(payment, number, name_at_bank)
    account = programs.add_account(
        payment.payee,
        number=number,
        bank=bank,
        kind=kind,
        name_at_bank=name_at_bank,
        reason=reason,
        replaces=payment.account,
        proof=proof,
        actor=actor,
    )
    _check_same(account, payment, reason)
    correction = Correction.objects.create(
        payment=payment,
        failure_code=payment.failure_code,
        old_account=payment.account,
        new_account=account,
        reason=mask_numbers(reason)[:200],
        proof=proof,
        made_by=actor,
        made_at=clock.now(),
    )
    record(correction, "created", actor=actor, new=C.PROPOSED)
    return correction


def may_correct(user: User, failure_code: str) -> bool:
    """The township may correct all of its failures, a department only those it owns (domain §10.3: F16)."""
    if user.kind == Organisation.Kind.DEPARTMENT and describe(failure_code).owner != Owner.DEPARTMENT:
        return False
    return allowed(user, "correction.propose")


def _require_own_account(payment: Payment, number: str, name_at_bank: str) -> None:
    """Without a proof the money goes to an account in the payee's own name that nobody else is paid to."""
    if name_at_bank.strip() and name_at_bank.strip() != payment.payee.name:
        raise Refused(_("户名和收款人的姓名不一样。请核对；确是本人账户的，请附上证明材料。"))
    try:
        others = Account.objects.with_number(parse_account(number)).exclude(holder=payment.payee)
    except IdentifierError:
        return  # add_account says what is wrong with the number
    if others.exists():
        raise Refused(_("这个账号登记在另一个人名下。请核对；确需发到这个账户的，请附上证明材料。"))


def _check_same(account: Account, payment: Payment, reason: str) -> None:
    """The same account again only with a word on what the bank did to it; the reviewer judges the word."""
    same = account.pk == payment.account_id
    if same and ("银行" not in reason or len(reason.strip()) < SAME_ACCOUNT_REASON):
        raise Refused(
            _(
                "还是原来的账户，而上次因“%(meaning)s”没有发成。请登记另一个账户；银行已恢复原账户的，请写明银行何时怎样恢复。"
            )
            % {"meaning": describe(payment.failure_code).meaning}
        )


def _require_failed(payment: Payment) -> None:
    if payment.status not in FAILED:
        raise StaleStatus(
            _("这一笔现在是“%(status)s”，不用更正。请刷新页面查看。") % {"status": P(payment.status).label}
        )


def _require_colleague(correction: Correction, actor: User) -> None:
    require(actor, "correction.approve")
    require_other(actor, correction.made_by)
    if actor.kind != correction.made_by.kind:
        raise NotPermitted(_("请由登记更正的%(unit)s复核。") % {"unit": correction.made_by.organisation})


@transaction.atomic
def approve_correction(correction: Correction, *, actor: User) -> None:
    """The second person of the office that proposed it agrees; the payment then waits for a reissue."""
    _require_colleague(correction, actor)
    fresh = locked(correction)
    _require_failed(fresh.payment)
    move(fresh, C.APPROVED, actor=actor, approved_by=actor)
    correction.refresh_from_db()


@transaction.atomic
def refuse_correction(correction: Correction, *, note: str, actor: User) -> None:
    """Back to who proposed it, with the reason; one that is already in a reissue is not touched."""
    _require_colleague(correction, actor)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    fresh = locked(correction)
    if fresh.reissue_id is not None:
        raise Refused(_("这条更正已经报财政重发。请先请财政退回重发。"))
    move(fresh, C.REFUSED, actor=actor, note=note)
    correction.refresh_from_db()


# Payments nobody is owed any more: a suspicion was confirmed, before the payment (the row left) or after it.
_NOT_DUE = Q(row__status=RosterRow.Status.LEFT) | Q(
    row__suspicions__status=Suspicion.Status.CONFIRMED, row__suspicions__rule__level=Rule.Level.BLOCK
)


@transaction.atomic
def make_reissue(batch: Batch, *, actor: User) -> Reissue:
    """Collect what of ``batch`` can be sent again, for another person's release.

    That is every approved correction, and every payment whose account was never at fault (the bank refused the
    whole file, the county's account was short). Raises Refused when there is nothing, or one is waiting already.
    """
    require(actor, "reissue.make")
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=batch.pk)
    if batch.status not in {Batch.Status.PAYING, *AFTER_PAYING}:
        raise Refused(_("批次还没有发放，不能重发。"))
    if batch.reissues.filter(status=Reissue.Status.SUBMITTED).exists():
        raise Refused(_("本批已有一份重发在等批准。请等它办完再报。"))
    reissue = Reissue.objects.create(batch=batch, made_by=actor, made_at=clock.now())
    _collect_as_it_is(reissue)
    ready = Correction.objects.filter(payment__batch=batch, status=C.APPROVED, payment__status__in=FAILED)
    count = ready.update(reissue=reissue)
    if not count:
        raise Refused(_("还没有可以重发的付款：请先由乡镇更正账户并复核。"))
    record(reissue, "created", actor=actor, new=Reissue.Status.SUBMITTED, data={"count": count})
    return reissue


AFTER_PAYING = {Batch.Status.SETTLED, Batch.Status.RECONCILED, Batch.Status.CLOSED}


def _collect_as_it_is(reissue: Reissue) -> None:
    """Payments that failed through no fault of their account need no township: they go again as they are."""
    codes = [code for code, failure in FAILURES.items() if failure.retry == Retry.AS_IT_IS]
    execute(
        """
        INSERT INTO disbursement_correction (payment_id, failure_code, old_account_id, new_account_id, reason, status,
                                             made_by_id, made_at)
        SELECT p.id, p.failure_code, p.account_id, p.account_id, %s, 'approved', %s, %s
          FROM disbursement_payment p
         WHERE p.batch_id = %s AND p.status = 'failed' AND p.failure_code = ANY(%s)
           AND NOT EXISTS (SELECT 1 FROM disbursement_correction c
                            WHERE c.payment_id = p.id AND c.status IN ('proposed', 'approved'))
           AND NOT EXISTS (SELECT 1 FROM disbursement_refundline l WHERE l.payment_id = p.id AND NOT l.dropped)
        """,
        ("账户无误，原样重发", reissue.made_by_id, reissue.made_at, reissue.batch_id, codes),
    )


def release_reissue(reissue: Reissue, *, actor: User) -> None:
    """Send the corrected payments: the same persons and amounts, new attempts, new references.

    What was paid in the meantime (a late success) stays out and its correction is refused; so does what a confirmed
    suspicion took off the roster. Raises Refused while a blocking suspicion on a row is open, as for a batch.
    """
    require(actor, "reissue.approve")
    require_other(actor, reissue.made_by)
    corrected = Payment.objects.filter(corrections__reissue=reissue, corrections__status=C.APPROVED)
    compare_again(reissue, corrected.filter(status__in=FAILED))
    _release_reissue(reissue, actor)
    reissue.refresh_from_db()


@transaction.atomic
def _release_reissue(reissue: Reissue, actor: User) -> None:
    fresh = locked(reissue)
    # Orders before the batch, as results lock them: a late success either comes first or finds the reissue.
    list(Order.objects.select_for_update(of=("self",)).filter(batch=fresh.batch_id).order_by("pk"))
    batch = Batch.objects.select_for_update(of=("self",)).get(pk=fresh.batch_id)
    if batch.status not in {Batch.Status.PAYING, *AFTER_PAYING}:
        raise Refused(_("批次现在是“%(status)s”，不能重发。") % {"status": Batch.Status(batch.status).label})
    corrections = Correction.objects.filter(reissue=fresh, status=C.APPROVED)
    require_other(
        actor, *User.objects.filter(pk__in=corrections.values("made_by").union(corrections.values("approved_by")))
    )
    for paid in corrections.exclude(payment__status__in=FAILED):
        move(paid, C.REFUSED, actor=User.objects.system(), note=_("这一笔已经付出，不再重发"))
    for gone in corrections.filter(payment__in=Payment.objects.filter(_NOT_DUE)):
        move(gone, C.REFUSED, actor=User.objects.system(), note=_("这一笔的人已从清册剔除，不再重发"))
    ids = list(corrections.values_list("payment_id", flat=True))
    if not ids:
        raise Refused(_("这份重发里的付款都已付出或已剔除，没有可以重发的。请退回。"))
    require_decided(Payment.objects.filter(pk__in=ids))
    move(fresh, Reissue.Status.RELEASED, actor=actor, approved_by=actor, approved_at=clock.now())
    if batch.status != Batch.Status.PAYING:
        move(batch, Batch.Status.PAYING, actor=actor, note=_("重发"))
    _send_again(fresh, batch, ids)


def _send_again(reissue: Reissue, batch: Batch, ids: list[int]) -> None:
    """The payments take their new accounts and leave in new orders."""
    execute(
        """
        UPDATE disbursement_payment p SET account_id = c.new_account_id
          FROM disbursement_correction c WHERE c.payment_id = p.id AND c.reissue_id = %s AND c.status = 'approved'
        """,
        (reissue.pk,),
    )
    payments = Payment.objects.filter(pk__in=ids)
    for status in FAILED:
        move_many(payments, status, P.READY)
    make_orders(batch, reissue, only=ids)
    move_many(payments, P.READY, P.IN_FLIGHT)
    move_many(Correction.objects.filter(reissue=reissue), C.APPROVED, C.REISSUED)
    failpoint("reissue-before-commit")


@transaction.atomic
def refuse_reissue(reissue: Reissue, *, note: str, actor: User) -> None:
    """Not now: the corrections stay good and may be reported again."""
    require(actor, "reissue.approve")
    require_other(actor, reissue.made_by)
    if not note.strip():
        raise Refused(_("请写明退回的原因。"))
    fresh = locked(reissue)
    move(fresh, Reissue.Status.REFUSED, actor=actor, note=note)
    Correction.objects.filter(reissue=fresh, status=C.APPROVED).update(reissue=None)
    reissue.refresh_from_db()


@transaction.atomic
def withdraw_order(order: Order, *, note: str, actor: User) -> None:
    """Take back a reissue's order that has not left: its payments are what they were before its release.

    Their corrections may be reported again; what the bank reported as paid meanwhile (a late success) becomes paid.
    Raises Refused when the order is not one of a reissue, or may have left.
    """
    require(actor, "batch.hold")
    if not note.strip():
        raise Refused(_("请写明撤回的原因。"))
    share_month()
    # Orders before the batch, lowest first, as results lock them.
    list(Order.objects.select_for_update(of=("self",)).filter(batch=order.batch_id).order_by("pk"))
    fresh = locked(order)
    if fresh.reissue_id is None:
        raise Refused(_("只有重发的指令可以撤回。要停发首次发放，请暂停批次。"))
    if journal.may_have_left(fresh.ref):
        raise Refused(_("发送日志记有这条指令曾经送出，不能撤回。请等银行结果。"))
    move(fresh, Order.Status.CANCELLED, actor=actor, note=note[:200])
    move_many(fresh.attempts.all(), Attempt.Status.CREATED, Attempt.Status.CANCELLED)
    _put_back(fresh)
    if apply_late_successes(fresh):
        reconcile.follow_up_results(fresh.bank)
    settle_batches([fresh.batch_id])
    order.refresh_from_db()


def _put_back(order: Order) -> None:
    """The payments of a withdrawn order take their old accounts and the status of their last try."""
    payments = Payment.objects.filter(attempts__order=order)
    ids = list(payments.values_list("pk", flat=True))
    corrections = Correction.objects.filter(payment__in=ids, reissue=order.reissue_id)
    execute(
        """
        UPDATE disbursement_payment p SET account_id = c.old_account_id
          FROM disbursement_correction c
         WHERE c.payment_id = p.id AND c.reissue_id = %s AND c.status = 'reissued' AND p.id = ANY(%s)
        """,
        (order.reissue_id, ids),
    )
    last = Attempt.objects.exclude(status=Attempt.Status.CANCELLED).filter(payment__in=ids)
    last = last.order_by("payment", "-seq").distinct("payment")
    returned = [attempt.payment_id for attempt in last if attempt.status == Attempt.Status.RETURNED]
    move_many(Payment.objects.filter(pk__in=returned), P.IN_FLIGHT, P.RETURNED)
    move_many(Payment.objects.filter(pk__in=ids), P.IN_FLIGHT, P.FAILED)
    move_many(corrections, C.REISSUED, C.APPROVED, reissue=None)
