"""My own payments, in everyday words: what came, what is on its way, and what I must do where and until when."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from dataclasses import dataclass, field
from functools import partial
from operator import itemgetter

from django.db.models import Exists, F, OuterRef, Prefetch, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from disbursement.failures import Failure, Owner, Retry, describe
from disbursement.models import Correction, Payment
from disbursement.rounds import Round, round_for
from programs.models import Person, Program, Roster, RosterRow
from publicity.lookup import payments_of
from subsidy_portal import clock
from subsidy_portal.models import Area, Organisation
from subsidy_portal.wording import cn_date

SHOWN = 1000
Words = str | Promise

# Why it failed, as one would tell a neighbour; the bank's own text is never shown.
WHY: dict[str, Words] = {
    "F01": gettext_lazy("银行查不到登记的这个账号，可能填错了一位。"),
    "F02": gettext_lazy("登记的姓名和银行卡上的姓名不一样。"),
    "F03": gettext_lazy("登记的这个账户已经注销了。"),
    "F04": gettext_lazy("登记的这个账户被冻结或止付，钱进不去。"),
    "F05": gettext_lazy("登记的这张卡已经挂失或过期。"),
    "F06": gettext_lazy("登记的这个账户很久没用或还没有激活，钱进不去。"),
    "F07": gettext_lazy("登记的这个账户不能收补贴。"),
    "F08": gettext_lazy("县里和银行的代发手续还没有办完。"),
    "F09": gettext_lazy("银行里登记的证件和身份证对不上。"),
    "F10": gettext_lazy("这个账户超过了银行的收款限额。"),
    "F11": gettext_lazy("银行认为这一笔可能重复，正在核对。"),
    "F12": gettext_lazy("登记的开户银行和卡不是同一家。"),
    "F13": gettext_lazy("县里代发账户的钱当天没有备足。"),
    "F14": gettext_lazy("发给银行的名单没有通过核对。"),
    "F15": gettext_lazy("银行还没有给出结果。"),
    "F16": gettext_lazy("银行收到后又把钱退了回来。"),
    "F17": gettext_lazy("银行登记的账户情况要请家属来说明。"),
    "F18": gettext_lazy("银行按规定暂时限制了这个账户。"),
    "F19": gettext_lazy("银行没有收到这笔发放指令，钱没有付出去。"),
    "F99": gettext_lazy("银行没有收下这一笔。"),
}


def needs_citizen(failure: Failure) -> bool:
    """True when nothing goes on before somebody comes to the office or the bank."""
    return failure.owner != Owner.FINANCE and failure.code != "F15"


@dataclass(frozen=True)
class Trouble:
    """A payment that did not arrive: why, what to do, where and until when."""

    payment: Payment
    why: Words
    todo: Words
    must_act: bool
    # Not said where the money may have arrived after all, or where it may not be the person's any more.
    money_is_safe: bool
    office: Organisation | None
    dates: Round


@dataclass(frozen=True)
class Step:
    """A payment or claim on its way. ``stage`` counts from 0 over STAGES."""

    STAGES = (
        gettext_lazy("核对"),
        gettext_lazy("公示"),
        gettext_lazy("审批"),
        gettext_lazy("发放"),
        gettext_lazy("到账"),
    )
    program: Program
    period: str
    amount_fen: int
    stage: int
    tag: Words
    sentence: Words
    notice_slug: str = ""

    @property
    def stages(self) -> list[tuple[Words, str]]:
        return [
            (words, "done" if n < self.stage else "now" if n == self.stage else "")
            for n, words in enumerate(self.STAGES)
        ]


@dataclass
class Received:
    """What came from one program in one year."""

    program: Program
    payments: list[Payment] = field(default_factory=list)

    @property
    def total_fen(self) -> int:
        return sum(payment.amount_fen for payment in self.payments)


@dataclass
class Year:
    number: int
    programs: list[Received] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(len(received.payments) for received in self.programs)

    @property
    def total_fen(self) -> int:
        return sum(received.total_fen for received in self.programs)


@dataclass
class OwnMoney:
    """Everything of one person, read in a fixed number of queries."""

    troubles: list[Trouble]
    refunded: list[Payment]
    steps: list[Step]
    years: list[Year]
    office: Organisation | None

    @property
    def must_act(self) -> list[Trouble]:
        return [trouble for trouble in self.troubles if trouble.must_act]

    @property
    def others_act(self) -> list[Trouble]:
        return [trouble for trouble in self.troubles if not trouble.must_act]


def own_money(person: Person) -> OwnMoney:
    """What the portal knows about this person's money. ``person`` comes with its area and the area's parent."""
    payments = list(payments_of(person.pk).select_related("program", "account", "area").order_by("-pk")[:SHOWN])
    offices = _offices([person.area, *(payment.area for payment in payments)])
    by_status = defaultdict(list)
    for payment in payments:
        by_status[payment.status].append(payment)
    failed = by_status["failed"] + by_status["returned"]
    repaired = set(
        Correction.objects.filter(payment__in=failed, status__in=("proposed", "approved")).values_list(
            "payment_id", flat=True
        )
    )
    return OwnMoney(
        troubles=[_trouble(payment, offices) for payment in failed if payment.pk not in repaired],
        refunded=by_status["refunded"],
        steps=[_repair_step(payment) for payment in failed if payment.pk in repaired]
        + [_payment_step(payment) for payment in by_status["ready"] + by_status["in_flight"] + by_status["held"]]
        + [_claim_step(row) for row in _claims_of(person)],
        years=_by_year(by_status["paid"]),
        office=offices.get(person.area.code),
    )


def _offices(areas: list[Area]) -> dict[str, Organisation]:
    """Each area's township office by the area's code, in one query; one with a phone if there is any."""
    towns = {area.code: area.code[: Area.PREFIX_LENGTH["township"]].ljust(12, "0") for area in areas}
    found = {
        office.area_id: office
        for office in Organisation.objects.filter(
            kind=Organisation.Kind.TOWNSHIP, is_active=True, area_id__in=set(towns.values())
        ).order_by("phone", "-pk")  # of several the first made that has a phone
    }
    return {code: found[town] for code, town in towns.items() if town in found}


def _trouble(payment: Payment, offices: dict[str, Organisation]) -> Trouble:
    failure = describe(payment.failure_code)
    return Trouble(
        payment=payment,
        why=WHY[failure.code],
        todo=failure.public,
        must_act=needs_citizen(failure),
        money_is_safe=failure.retry != Retry.STOP,
        office=offices.get(payment.area_id),
        # Whoever comes now is in time for the next round, not for the one the payment failed in.
        dates=round_for(clock.today()),
    )


def _repair_step(payment: Payment) -> Step:
    sentence = _("账户已经改好，银行补发后到账，不用您再跑。")
    return _step(payment, stage=3, tag=_("等着补发"), sentence=sentence)


def _payment_step(payment: Payment) -> Step:
    if payment.status == Payment.Status.HELD:
        return _step(payment, 2, _("正在核实"), _("有情况要核实，核实清楚再发，钱给您留着。"))
    if payment.status == Payment.Status.READY:
        return _step(payment, 3, _("等待发放"), _("已经批准，等待发给银行。"))
    return _step(payment, 3, _("正在发放"), _("已经发给银行，一般一两天到账。"))


def _step(payment: Payment, stage: int, tag: Words, sentence: Words) -> Step:
    return Step(payment.program, payment.period, payment.amount_fen, stage, tag, sentence)


# Before its notice a roster is the township's draft: nobody is told of an amount that may still change.
_PUBLIC_STAGES = (
    Roster.Status.ON_NOTICE,
    Roster.Status.NOTICED,
    Roster.Status.DEPT_CHECKED,
    Roster.Status.DEPT_APPROVED,
    Roster.Status.ACCEPTED,
)


def _claims_of(person: Person) -> QuerySet[RosterRow]:
    """Rows that were publicised and are not in a batch yet."""
    paid = Payment.objects.filter(row=OuterRef("pk")).exclude(status=Payment.Status.CANCELLED)
    return (
        RosterRow.objects.filter(
            Q(beneficiary=person) | Q(payee=person),
            revision=F("roster__revision"),
            roster__status__in=_PUBLIC_STAGES,
            roster__program__is_classified=False,
            status__in=(RosterRow.Status.INCLUDED, RosterRow.Status.HELD),
        )
        .filter(~Exists(paid))
        .select_related("roster__program")
        .prefetch_related(Prefetch("roster__notices", to_attr="all_notices"))
        .order_by("-pk")[:50]
    )


def _claim_step(row: RosterRow) -> Step:
    roster = row.roster
    make = partial(Step, roster.program, roster.period, row.amount_fen)
    if row.status == RosterRow.Status.HELD:
        return make(1, _("正在核实"), _("名单上的这一笔正在核实，核实清楚再往下办。"))
    notice = next((n for n in roster.all_notices if n.status == "open"), None)  # type: ignore[attr-defined]
    if roster.status == Roster.Status.ON_NOTICE and notice is not None:
        return make(1, _("正在公示"), _last_day(notice.ends_on), notice.slug)
    return make(2, _("正在审批"), _("公示已经结束，部门和财政审批后发放。"))


def _last_day(day: dt.date) -> str:
    return _("公示到%(day)s，没有异议就审批发放。") % {"day": cn_date(day)}


def _by_year(payments: list[Payment]) -> list[Year]:
    """Paid ones by the year the money came and by program, the newest first."""
    years: dict[int, dict[int, Received]] = {}
    dated = [(payment.paid_on, payment.pk, payment) for payment in payments if payment.paid_on]
    for paid_on, _pk, payment in sorted(dated, key=itemgetter(0, 1), reverse=True):
        year = years.setdefault(paid_on.year, {})
        year.setdefault(payment.program_id, Received(payment.program)).payments.append(payment)
    return [Year(number, list(programs.values())) for number, programs in years.items()]
