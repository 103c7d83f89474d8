"""The play: month by month, every step through the action a user's click would call.

Rosters are real files that Celery workers import; money leaves in files that the simulator process
picks up and answers; the play only waits for what the database says happened.
"""

from __future__ import annotations

import datetime as dt
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

from django.conf import settings
from django.db import connection

from disbursement import actions as money
from disbursement import months
from disbursement.models import Batch, Correction, Order, Payment, Statement
from programs import actions
from programs.models import Account, Dataset, Notice, Objection, Person, Roster, RosterImport, Suspicion
from selfcheck import actions as ledger
from selfcheck.checks.deaths import find_paid_after_death
from subsidy_portal import clock
from subsidy_portal.demo import files
from subsidy_portal.demo.plan import Person as Invented
from subsidy_portal.demo.plan import Plan, Run
from subsidy_portal.demo.world import World, build_world, fund_programs
from subsidy_portal.jobs import _send
from subsidy_portal.models import Job, Organisation, StoredFile, User

R, K = User.Role, Organisation.Kind
Say = Callable[[str], None]
Thing = TypeVar("Thing")
Done = TypeVar("Done")


def side_by_side(work: Callable[[Thing], Done], things: Sequence[Thing]) -> list[Done]:
    """Do ``work`` for every thing at three desks, as a county works; raises the first error. In the order of things."""
    waiting = iter(enumerate(things))

    def desk(_number: int) -> list[tuple[int, Done]]:
        try:
            return [(n, work(thing)) for n, thing in waiting]
        finally:
            connection.close()

    with ThreadPoolExecutor(max_workers=3) as desks:
        done = sorted((pair for pairs in desks.map(desk, range(3)) for pair in pairs), key=lambda pair: pair[0])
    return [result for _n, result in done]


class Stuck(RuntimeError):
    """The services did not do in time what the play waits for; the sentence says what."""


class Play:
    def __init__(self, plan: Plan, say: Say) -> None:
        self.plan, self.say = plan, say
        self.seconds: dict[str, float] = defaultdict(float)
        self.world: World = World()
        self.wrong = {
            (run.entry.code, run.period, Person.id_index(claim.person.id_number))
            for run in plan.runs
            for claims in run.wrong.values()
            for claim in claims
        }
        self.by_hash: dict[bytes, Invented] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.seconds[name] += time.perf_counter() - began

    def wait(self, what: str, done: Callable[[], bool], *, ring: str = "", limit: int = 240) -> None:
        """Wait until the database says ``done``; ``ring`` is the sweeper whose bell may be rung meanwhile."""
        deadline = time.monotonic() + limit
        while not done():
            if time.monotonic() > deadline:
                raise Stuck(f"等了{limit}秒还没有：{what}")
            if ring:
                _send(ring, ())
            time.sleep(0.2)

    # -- the year ---------------------------------------------------------------------------------

    def run(self, after_world: Callable[[], None] | None = None) -> None:
        """Play everything; ``after_world`` is called once there are users who can log in."""
        with self.step("world"):
            clock.set_today(dt.date(self.plan.year, self.plan.months[0], 1))
            self.world = build_world(self.plan.entries, self.plan.towns)
            fund_programs(self.world, self.plan.need_fen(), self.plan.year)
            policy_list = actions.draft_policy_list(self.plan.year, actor=self.world.finance(R.OPERATOR))
            actions.publish_policy_list(policy_list, actor=self.world.finance(R.REVIEWER))
            self.by_hash = {Person.id_index(p.id_number): p for p in self.plan.persons}
        if after_world:
            after_world()
        for month in self.plan.months:
            self.month([run for run in self.plan.runs if run.month == month], month)
        with self.step("problems"):
            waiting = actions.search_eligible(by=User.objects.system())
            self.say(f"应享受未享受：{waiting} 人等核实")
            self.late_deaths()

    def month(self, runs: list[Run], month: int) -> None:
        year = self.plan.year
        clock.set_today(dt.date(year, month, 1))
        with self.step("import"):
            self.comparison_lists(month)
            # The planted conflicts come last, so that the wrong side of each pair is the one that is asked about.
            rosters = self.upload([run for run in runs if not run.wrong], broken=month == self.plan.months[0])
            rosters += self.upload([run for run in runs if run.wrong], broken=False)
        with self.step("review"):
            self.decide_suspicions()
            self.to_notice(rosters, return_one=month == self.plan.months[1])
        clock.set_today(dt.date(year, month, 9))
        with self.step("review"):
            actions.end_due_notices()
            self.to_acceptance(rosters)
        clock.set_today(dt.date(year, month, 10))
        with self.step("approve"):
            batches = self.make_batches(runs)
        with self.step("pay"):
            approver = self.world.finance(R.APPROVER)
            side_by_side(lambda batch: money.release_batch(batch, actor=approver), batches)
            self.wait_paid(batches)
            self.next_day(dt.date(year, month, 11))  # statements of the 10th, late answers, returns
        clock.set_today(dt.date(year, month, 18))
        with self.step("correct"):
            self.correct()
        clock.set_today(dt.date(year, month, 26))
        with self.step("reissue"):
            self.reissue()
            self.next_day(dt.date(year, month, 27))
            if month == self.plan.months[-1]:
                self.refund_one()
        clock.set_today(_month_end(year, month))
        with self.step("close"):
            first = dt.date(year, month, 1)
            self.wait(
                f"{year}年{month}月月结的条件",
                lambda: not months.blockers(first),
                ring="disbursement.tasks.sweep",
                limit=60,
            )
            prepared = money.prepare_month(first, actor=self.world.finance(R.OPERATOR))
            money.close_month(prepared, actor=self.world.finance(R.REVIEWER))
        self.say(
            f"{year}年{month}月：{len(runs)} 个批次，{Payment.objects.filter(batch__in=batches).count()} 人次，已月结"
        )

    # -- rosters ----------------------------------------------------------------------------------

    def upload(self, runs: list[Run], *, broken: bool) -> list[Roster]:
        """Write each township's file and upload it; the workers read, check and store."""
        if broken:
            self.upload_broken(runs[0])
        if not runs:
            return []

        def send(what: tuple[Run, int]) -> int:
            run, town = what
            area = self.world.towns[town]
            name, content = files.roster_file(run, town, area.name)
            upload: RosterImport = actions.upload_roster(
                self.world.programs[run.entry.code], area, run.period,
                file_name=name, content=content, actor=self.world.town_user(area, R.OPERATOR),
            )  # fmt: skip
            return upload.pk

        imports = side_by_side(send, [(run, town) for run in runs for town in run.claims])
        open_states = (RosterImport.Status.QUEUED, RosterImport.Status.READING)
        mine = RosterImport.objects.filter(pk__in=imports)
        self.wait(
            "清册导入", lambda: not mine.filter(status__in=open_states).exists(), ring="subsidy_portal.tasks.sweep"
        )
        refused = mine.filter(status=RosterImport.Status.REFUSED).first()
        if refused:
            raise Stuck(f"{refused.file.name} 没有通过检查：{refused.problems[:3]}")
        return list(Roster.objects.filter(imports__in=imports).select_related("program", "area"))

    def upload_broken(self, run: Run) -> None:
        """A careless first file: it is refused with its errors, and nothing of it is stored."""
        town = next(iter(run.claims))
        area = self.world.towns[town]
        name, content = files.broken_file(run, town, area.name)
        first = actions.upload_roster(
            self.world.programs[run.entry.code], area, run.period,
            file_name=name, content=content, actor=self.world.town_user(area, R.OPERATOR),
        )  # fmt: skip
        refused = RosterImport.objects.filter(pk=first.pk, status=RosterImport.Status.REFUSED)
        self.wait("有错的清册被退回", refused.exists)
        self.say(f"{name}：{refused.get().problem_count} 处错误，没有导入")

    def comparison_lists(self, month: int) -> None:
        """The lists of other offices: who is disabled and who is in need at the beginning, who has died later."""
        first = dt.date(self.plan.year, month, 1)
        if month == self.plan.months[0]:
            for kind, source, rows in files.need_lists(self.plan.runs):
                self.import_list(kind, f"{settings.COUNTY_NAME}{source}", first, rows)
        if month == self.plan.months[1]:
            self.import_deaths(self.plan.deaths, first)

    def import_deaths(self, deaths: list[tuple[Invented, dt.date]], as_of: dt.date) -> None:
        rows = [{"姓名": p.name, "身份证号": p.id_number, "死亡日期": day.isoformat()} for p, day in deaths]
        self.import_list(Dataset.Kind.DEATH, f"{settings.COUNTY_NAME}民政局、公安局", as_of, rows)

    def import_list(self, kind: str, source: str, as_of: dt.date, rows: list[dict[str, str]]) -> None:
        label = str(Dataset.Kind(kind).label)
        made = actions.upload_dataset(
            kind, source=source, as_of=as_of, coverage="全县", file_name=f"{label}{as_of:%Y%m}.xlsx",
            content=files.person_list(label, rows), actor=self.world.finance(R.OPERATOR),
        )  # fmt: skip
        jobs = Job.objects.filter(pk=made.job_id or 0)
        self.wait(f"{label}名单导入", jobs.filter(status=Job.Status.DONE).exists, ring="subsidy_portal.tasks.sweep")
        made.refresh_from_db()
        if made.status != Dataset.Status.IMPORTED:
            raise Stuck(f"{label}名单没有通过检查：{made.problems[:3]}")

    def decide_suspicions(self) -> None:
        """Townships verify each hit: planted ones are true, the others find their harmless reason."""
        hits = Suspicion.objects.filter(status="open", stage="before").select_related(
            "roster__program", "roster__area", "row__beneficiary", "rule"
        )
        for hit in hits:
            if hit.roster is None or hit.row is None:
                continue
            key = (hit.roster.program.code, hit.roster.period, bytes(hit.row.beneficiary.id_hash))
            true = key in self.wrong
            reason = "入户核实属实，本期起停发。" if true else "入户核实：情况不符，另一方清册已更正。"
            operator = self.world.town_user(hit.roster.area, R.OPERATOR)
            proof = None if true else _paper("入户核实记录", operator)
            actions.decide_suspicion(hit, confirmed=true, reason=reason, attachment=proof, actor=operator)

    def to_notice(self, rosters: list[Roster], *, return_one: bool) -> None:
        def go(what: tuple[int, Roster]) -> None:
            n, roster = what
            operator = self.world.town_user(roster.area, R.OPERATOR)
            reviewer = self.world.town_user(roster.area, R.REVIEWER)
            actions.submit_roster(roster, actor=operator)
            if return_one and n == 0:
                actions.return_roster(roster, to="township", note="请核对3组两户的面积。", actor=reviewer)
                actions.submit_roster(roster, actor=operator)
            actions.approve_roster_in_town(roster, actor=reviewer)
            notice = actions.open_notice(roster, actor=operator)
            if return_one and n == 1:
                self.object_to(notice)

        side_by_side(go, list(enumerate(rosters)))

    def object_to(self, notice: Notice) -> None:
        """A neighbour objects to one row; the township finds nothing wrong and the row goes on."""
        reviewer = self.world.town_user(notice.roster.area, R.REVIEWER)
        row = notice.rows.select_related("row").order_by("position")[2].row
        objection: Objection = actions.file_objection(notice, row, text="这户是不是已经搬走了？", actor=reviewer)
        actions.decide_objection(objection, upheld=False, answer="经走访，该户常住本村，符合条件。", actor=reviewer)

    def to_department(self, rosters: list[Roster]) -> None:
        def go(roster: Roster) -> None:
            roster.refresh_from_db()
            department = roster.program.department
            actions.check_roster_in_department(roster, actor=self.world.at(department, R.OPERATOR))
            actions.approve_roster_in_department(roster, actor=self.world.at(department, R.REVIEWER))

        side_by_side(go, rosters)

    def to_acceptance(self, rosters: list[Roster]) -> None:
        self.to_department(rosters)
        operator = self.world.finance(R.OPERATOR)
        side_by_side(lambda roster: actions.accept_roster(roster, actor=operator), rosters)

    # -- money ------------------------------------------------------------------------------------

    def make_batches(self, runs: list[Run]) -> list[Batch]:
        operator, reviewer = self.world.finance(R.OPERATOR), self.world.finance(R.REVIEWER)

        def make(run: Run) -> Batch:
            batch: Batch = money.make_batch(self.world.programs[run.entry.code], run.period, actor=operator)
            money.submit_batch(batch, actor=operator)
            money.approve_batch(batch, actor=reviewer)
            return batch

        return side_by_side(make, runs)

    def wait_paid(self, batches: list[Batch]) -> None:
        """Until every order has been sent and answered by its bank."""
        waiting = Order.objects.filter(batch__in=batches, status__in=("created", "sending", "sent"))
        self.wait("银行回盘", lambda: not waiting.exists(), ring="disbursement.tasks.sweep")

    def next_day(self, day: dt.date) -> None:
        """The date moves on: banks send the statement of the day before, late answers and returns."""
        booked = day - dt.timedelta(days=1)
        busy = set(Order.objects.filter(sent_at__date=booked).values_list("bank_id", flat=True))
        clock.set_today(day)
        self.wait(
            f"{booked} 的对账单",
            lambda: Statement.objects.filter(bank__in=busy, booked_on=booked).count() == len(busy),
            ring="disbursement.tasks.sweep",
        )
        unsettled = Order.objects.filter(status__in=("sent", "answered", "unknown"))
        self.wait("结果待查的付款", lambda: not unsettled.exists(), ring="disbursement.tasks.sweep")

    def correct(self) -> None:
        """Townships give the accounts that people brought; those who cannot be reached stay failed."""
        failed = Payment.objects.filter(status__in=("failed", "returned")).exclude(
            corrections__status__in=("proposed", "approved")
        )
        towns = {town.prefix: town for town in self.world.towns}
        for payment in failed.select_related("payee", "account__bank"):
            person = self.by_hash[bytes(payment.payee.id_hash)]
            if not person.good_account:
                continue
            town = towns[payment.area_id[:9]]
            correction = money.propose_correction(
                payment, number=person.good_account, bank=payment.account.bank, kind=Account.Kind.SSC,
                reason="本人已换新社保卡，核对卡面和身份证。", actor=self.world.town_user(town, R.OPERATOR),
            )  # fmt: skip
            money.approve_correction(correction, actor=self.world.town_user(town, R.REVIEWER))
            person.account, person.good_account = person.good_account, ""

    def reissue(self) -> None:
        waiting = Correction.objects.filter(status="approved").values("payment__batch")
        batches = list(Batch.objects.filter(pk__in=waiting).select_related("program__department"))
        for batch in batches:
            operator = self.world.at(batch.program.department, R.OPERATOR)
            reissue = money.make_reissue(batch, actor=operator)
            money.release_reissue(reissue, actor=self.world.finance(R.APPROVER))
        self.wait_paid(batches)

    def refund_one(self) -> None:
        """Somebody who cannot be reached any more: the money goes back to the treasury, with a voucher."""
        open_ones = Correction.objects.filter(status__in=("proposed", "approved")).values("payment")
        failed = Payment.objects.filter(status="failed").exclude(pk__in=open_ones).order_by("pk").first()
        if failed is None:
            return
        refund = money.propose_refund(
            failed.batch, [failed.pk], reason="多次联系不上本人，村委会已证明。", actor=self.world.finance(R.OPERATOR)
        )
        money.confirm_refund(
            refund,
            voucher=f"JK{clock.today():%Y%m%d}0001",
            remitted_on=clock.today(),
            actor=self.world.finance(R.REVIEWER),
        )

    # -- the problem ------------------------------------------------------------------------------

    def late_deaths(self) -> None:
        """The next March the death register shows who was paid after death: recovered, remitted, closed."""
        day = dt.date(self.plan.year + 1, 3, 6)
        clock.set_today(day)
        operator, reviewer = self.world.audit(R.OPERATOR), self.world.audit(R.REVIEWER)
        self.import_deaths(self.plan.late_deaths, day)
        find_paid_after_death(actor=operator)
        hits = list(Suspicion.objects.filter(stage="after", status="open").select_related("department", "area__parent"))
        if not hits:
            raise Stuck("死亡登记比对没有找出多发的补贴")
        department = self.world.at(hits[0].department, R.OPERATOR)
        for hit in hits:
            actions.decide_suspicion(
                hit, confirmed=True, reason="死亡登记和村委会证明一致，家属未报。", actor=department
            )
        problem = ledger.register_overpayment(hits, actor=operator)
        ledger.verify_problem(problem, actor=self.world.at(hits[0].department, R.REVIEWER))
        ledger.plan_rectification(
            problem, measures="逐户追回，按月比对死亡登记。", leader="分管局长", owner="业务股长",
            due_on=day + dt.timedelta(days=20), actor=department,
        )  # fmt: skip
        for link in problem.payments.select_related("payment"):
            recovery = ledger.record_recovery(
                problem, payment=link.payment, amount_fen=link.amount_fen, received_on=day, actor=department
            )
            ledger.remit_recovery(
                recovery, voucher=f"JK{day:%Y%m%d}{recovery.pk:04d}", remitted_on=day, actor=department
            )
        ledger.add_evidence(
            problem,
            title="缴款凭证",
            file_name="缴款凭证.pdf",
            content=one_page_pdf("JIAO KU PING ZHENG"),
            actor=department,
        )
        ledger.request_close(problem, actor=department)
        ledger.close_problem(problem, note="款已全部缴入国库，凭证齐全，同意销号。", actor=reviewer)


def _paper(title: str, actor: User) -> StoredFile:
    """A scanned paper as clerks attach it."""
    content = one_page_pdf("HE SHI JI LU")
    return StoredFile.keep(content, name=f"{title}.pdf", content_type="application/pdf", actor=actor)


def _month_end(year: int, month: int) -> dt.date:
    return dt.date(year + month // 12, month % 12 + 1, 1) - dt.timedelta(days=1)


def one_page_pdf(text: str) -> bytes:
    """A real, small PDF with one line of Latin text, as a scanned voucher stands in for."""
    stream = f"BT /F1 18 Tf 72 760 Td ({text}) Tj ET".encode()
    parts = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources<</Font<</F1 5 0 R>>>>>>",
        b"<</Length %d>>stream\n%s\nendstream" % (len(stream), stream),
        b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
    ]
    out, offsets = b"%PDF-1.4\n", []
    for n, part in enumerate(parts, 1):
        offsets.append(len(out))
        out += b"%d 0 obj%s\nendobj\n" % (n, part)
    table = b"".join(b"%010d 00000 n \n" % offset for offset in offsets)
    return out + b"xref\n0 6\n0000000000 65535 f \n%strailer<</Size 6/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % (
        table,
        len(out),
    )
