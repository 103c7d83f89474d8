"""Files from the banks: stored first, then read, then applied in one transaction each. Safe to run at any time.

A file is moved out of the bank's ``in/`` only after it was dealt with, so a crash anywhere leads back here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable

from django.db import DataError, IntegrityError, transaction
from django.db.models import Q

from disbursement import failures, reconcile
from disbursement.asking import ask, is_due
from disbursement.banks import adapter_for
from disbursement.banks.base import Adapter, BankUnavailable, OutcomeUnknown, ResultFile, ResultLine
from disbursement.banks.exchange import MAX_BYTES
from disbursement.failpoints import failpoint
from disbursement.locks import BANK, only_one, share_month
from disbursement.models import Bank, BankFile, BankLine, Discrepancy, Order
from disbursement.results import (
    SAID_COLUMNS,
    Inconsistent,
    apply_said,
    apply_waiting_returns,
    begin_said,
    finish_said,
    keep_lines,
    reject_order,
)
from subsidy_portal import clock, crypto
from subsidy_portal.bulk import copy_rows, take_ids
from subsidy_portal.jobs import ring
from subsidy_portal.models import StoredFile, User
from subsidy_portal.workflow import move, record

log = logging.getLogger(__name__)
F = BankFile.Status
HEAD = 512
# Results before returns before statements: any order gives the same end, this one the fewest questions on the way.
_ORDER = {"result": 0, "return": 1, "statement": 2}


def collect(bank: Bank) -> int:
    """Take in every complete file of the bank's ``in/``; returns how many were dealt with. One process a bank."""
    with only_one(BANK, bank.pk) as mine:
        if not mine:
            return 0
        adapter = adapter_for(bank)
        if adapter.profile.is_asked:
            ask(bank, adapter)
        names = adapter.exchange.waiting()
        taken = sum(_taken_in(bank, adapter, name) for name in sorted(names, key=lambda name: _rank(adapter, name)))
        for pk in _received(bank):
            apply_file(pk)
        return taken


def _rank(adapter: Adapter, name: str) -> int:
    try:
        return _ORDER.get(adapter.kind_of(adapter.exchange.read(name, HEAD)) or "", 3)
    except OSError:
        return len(_ORDER)


def _taken_in(bank: Bank, adapter: Adapter, name: str) -> bool:
    """True when the file was dealt with; one that cannot be stays where it is, is shown, and stops no other."""
    try:
        adapter.exchange.set_aside(name, _take_in(bank, adapter, name, adapter.exchange.read(name)))
    except (OSError, ValueError, DataError, IntegrityError) as error:
        log.error("a file of bank %s could not be taken in: %s", bank.code, type(error).__name__)
        Discrepancy.objects.get_or_create(
            kind=Discrepancy.Kind.QUARANTINE,
            status=Discrepancy.Status.OPEN,
            bank=bank,
            file=None,
            text=f"银行文件{_readable(name)}收不进来，还在交换目录里。请检查文件能否读取、磁盘是否已满，或请银行重新发送。",
            defaults={"found_at": clock.now()},
        )
        return False
    return True


def _readable(name: str) -> str:
    """A file's name as it can be kept: a bank may name a file in bytes that are not UTF-8."""
    return os.fsencode(name).decode("utf-8", "backslashreplace")[:100]


def _take_in(bank: Bank, adapter: Adapter, name: str, content: bytes) -> str:
    """Receive and apply one file; returns the box where it belongs now."""
    file, repeated = receive(bank, adapter, name, content)
    failpoint("after-receive")
    if repeated and file.status != F.RECEIVED:
        record(file, "repeated", actor=User.objects.system())
        return "done"
    apply_file(file.pk)
    failpoint("before-move")
    file.refresh_from_db(fields=["status"])
    return "quarantine" if file.status == F.QUARANTINED else "done"


def receive(bank: Bank, adapter: Adapter, name: str, content: bytes) -> tuple[BankFile, bool]:
    """The row of these bytes, stored encrypted before anything is read from them; True when they came before.

    Other bytes under a name that was used before are kept too, under a name that says so.
    """
    sm3, name = crypto.sm3(content), _readable(name)
    known = BankFile.objects.filter(Q(sm3=sm3) | Q(name=name), bank=bank, direction=BankFile.Direction.IN)
    before = {file.sm3: file for file in known}
    if sm3 in before:
        return before[sm3], True
    name_taken = bool(before)
    kept_name = f"{name}~{sm3[:8]}" if name_taken else name
    system = User.objects.system()
    file = BankFile.objects.create(
        bank=bank,
        direction=BankFile.Direction.IN,
        kind=adapter.kind_of(content) or BankFile.Kind.RESULT,
        status=F.RECEIVED,
        name=kept_name,
        sm3=sm3,
        stored=StoredFile.keep(content, name=kept_name, content_type="text/plain", actor=system),
        problem="同名文件内容不同" if name_taken else "",
        received_at=clock.now(),
    )
    return file, False


def keep_answer(bank: Bank, adapter: Adapter, error: OutcomeUnknown) -> None:
    """What a bank answered that is no answer: kept encrypted and shown, believed by nobody."""
    if not error.answer:
        return
    name = f"answer_{crypto.sm3(error.answer)[:12]}.txt"
    file, repeated = receive(bank, adapter, name, error.answer)
    if not repeated:
        with transaction.atomic():
            quarantine(file, str(error))


def apply_file(file_id: int) -> None:
    """Apply a received file, once: one transaction, or nothing. An unfit file is quarantined with its reason."""
    try:
        _apply_once(file_id)
    except (Inconsistent, DataError, IntegrityError, ValueError, crypto.Unreadable) as error:
        log.error("bank file %s contradicts the books: %s", file_id, type(error).__name__)
        with transaction.atomic():
            quarantine(BankFile.objects.select_for_update(of=("self",)).get(pk=file_id), "与我方账目矛盾")


def _apply_once(file_id: int) -> None:
    with transaction.atomic():
        share_month()
        file = BankFile.objects.select_for_update(of=("self",)).select_related("bank", "stored").get(pk=file_id)
        if file.status != F.RECEIVED or file.direction != BankFile.Direction.IN:
            return
        content = file.stored.read()
        adapter = adapter_for(file.bank)
        problem = _first_problem(file, adapter, content) or _APPLY[file.kind](file, adapter, content)
        if problem:
            quarantine(file, problem)


def _first_problem(file: BankFile, adapter: Adapter, content: bytes) -> str:
    if file.problem:
        return file.problem
    if len(content) > MAX_BYTES:
        return "文件超过64MB"
    return "" if adapter.kind_of(content) else "文件类型不认识"


def quarantine(file: BankFile, problem: str) -> None:
    """Keep the file away from everything, and tell somebody."""
    move(file, F.QUARANTINED, actor=User.objects.system(), note=problem[:200], problem=problem[:300])
    Discrepancy.objects.get_or_create(
        kind=Discrepancy.Kind.QUARANTINE,
        file=file,
        line=None,
        entry=None,
        defaults={
            "bank": file.bank,
            "text": f"银行文件{file.name[:80]}没有处理：{problem[:120]}。请联系银行核对后重新发送。",
            "found_at": clock.now(),
        },
    )


def _apply_results(file: BankFile, adapter: Adapter, content: bytes) -> str:
    result, errors = adapter.parse_result(content)
    if result is None:
        where = f"第{errors[0].line_no}行" if errors[0].line_no else ""
        return where + errors[0].text
    order = Order.objects.filter(ref=result.order_ref, bank=file.bank).first()
    if result.kind == "rejection":
        problem = _apply_rejection(file, order, result)
        if problem:
            return problem
    else:
        begin_said()
        _say_lines(result.lines)
        apply_said(file.bank, file=file, source="line")
        keep_lines(file)
        failpoint("mid-apply")
        finish_said()
        reconcile.follow_up_results(file.bank)
        begin_said()
        if apply_waiting_returns(file.bank):
            finish_said()
            reconcile.follow_up_results(file.bank)
    move(
        file,
        F.APPLIED,
        actor=User.objects.system(),
        order=order,
        business_on=result.business_on,
        count=result.count,
        total_fen=result.total_fen,
    )
    return ""


def _apply_rejection(file: BankFile, order: Order | None, result: ResultFile) -> str:
    """The whole order failed before booking; contradicts nothing, or is quarantined."""
    if order is None or (order.count, order.total_fen) != (result.count, result.total_fen):
        return "拒收文件与我方指令对不上"
    order = Order.objects.select_for_update(of=("self",)).get(pk=order.pk)
    if order.status == Order.Status.REJECTED:
        return ""
    if order.status not in {Order.Status.SENDING, Order.Status.SENT, Order.Status.UNKNOWN}:
        return "银行拒收的指令已经有了处理结果"
    code = failures.from_bank(result.rejected_code, result.rejected_text)
    text = f"{result.rejected_code} {result.rejected_text}"
    reject_order(order, code=code if code != "F99" else "F14", text=text, on=result.business_on)
    return ""


def _say_lines(lines: tuple[ResultLine, ...]) -> None:
    codes = {"success": "", "unknown": "F15", "returned": "F16"}
    ids = take_ids(BankLine._meta.db_table, len(lines))
    copy_rows(
        "said",
        SAID_COLUMNS,
        (
            (
                pk,
                line.line_no,
                line.ref,
                line.amount_fen,
                line.account_last4,
                line.outcome,
                codes[line.outcome] if line.outcome in codes else failures.from_bank(line.bank_code, line.bank_text),
                line.bank_code,
                line.bank_text,
                line.serial,
                line.booked_on,
            )
            for pk, line in zip(ids, lines, strict=True)
        ),
    )


def _apply_statement(file: BankFile, adapter: Adapter, content: bytes) -> str:
    statement, errors = adapter.parse_statement(content)
    if statement is None:
        where = f"第{errors[0].line_no}行" if errors[0].line_no else ""
        return where + errors[0].text
    problem = reconcile.take_statement(file, statement)
    if problem:
        return problem
    debits = sum(line.amount_fen for line in statement.lines if line.kind == "debit")
    move(
        file,
        F.APPLIED,
        actor=User.objects.system(),
        business_on=statement.booked_on,
        count=len(statement.lines),
        total_fen=debits,
    )
    return ""


_APPLY: dict[str, Callable[[BankFile, Adapter, bytes], str]] = {
    BankFile.Kind.RESULT: _apply_results,
    BankFile.Kind.RETURN: _apply_results,
    BankFile.Kind.STATEMENT: _apply_statement,
}


def ring_waiting() -> int:
    """Ring for every bank that left files, or whose files were stored and not applied; returns how many banks."""
    rung = 0
    for bank in Bank.objects.filter(is_active=True):
        try:
            adapter = adapter_for(bank)
            waiting = bool(adapter.exchange.waiting()) or (adapter.profile.is_asked and is_due(bank))
        except (OSError, BankUnavailable) as error:
            log.error("bank %s cannot be reached: %s", bank.code, error)
            continue
        if waiting or _received(bank):
            ring("disbursement.tasks.collect", bank.pk)
            rung += 1
    return rung


def _received(bank: Bank) -> list[int]:
    """Files that were stored but not applied before a crash."""
    waiting = BankFile.objects.filter(bank=bank, direction=BankFile.Direction.IN, status=F.RECEIVED)
    return list(waiting.order_by("pk").values_list("pk", flat=True))
