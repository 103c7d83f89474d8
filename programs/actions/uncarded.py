"""People without a card: written down, sent to a bank in one file, closed by the account the bank opened."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from rustpy_xlsxwriter import write_worksheet

from programs.actions.registry import add_account
from programs.imports.cells import read_day
from programs.imports.columns import find_field, header_text
from programs.imports.problems import CellError
from programs.models import Account, Person, Program, Uncarded
from subsidy_portal import bulk, clock, crypto, wording
from subsidy_portal.identifiers import IdentifierError, birth_date, parse_account, parse_id_number, parse_name, sex
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import require
from subsidy_portal.sheets import XLSX, Cell, cell_text, is_blank, mask_digits, read_workbook
from subsidy_portal.workflow import NotPermitted, Refused, move, move_many, record

S = Uncarded.Status
SHEET = "批量开户"
_NUMBER, _NAME, _ACCOUNT = "身份证号", "姓名", "银行账号"
MAX_FILE = 5_000


@transaction.atomic
def add_uncarded(
    *,
    id_number: str,
    name: str,
    area: Area,
    program: Program,
    measure: str,
    owner: str,
    due_on: dt.date,
    note: str = "",
    actor: User,
) -> Uncarded:
    """Write down that this person of the village ``area`` has no card for ``program``; registers who is new.

    Raises Refused for a number or name that cannot be, another name than registered, a village elsewhere, somebody
    who has an account in use, and an entry that is open already.
    """
    require(actor, "card.note")
    if not area.code.startswith(actor.area_prefix) or area.level != Area.Level.VILLAGE:
        raise NotPermitted(_("只能登记本乡镇各村的人。"))
    person = _person(id_number, name, area)
    if person.accounts.filter(is_active=True).exists():
        raise Refused(_("这个人有在用的账户，不用办卡。请在人员页面查看。"))
    try:
        with transaction.atomic():
            made = Uncarded.objects.create(
                person=person, program=program, area=area, measure=measure, owner=owner.strip()[:30], due_on=due_on,
                note=mask_digits(note.strip())[:200], made_by=actor, made_at=clock.now(),
            )  # fmt: skip
    except IntegrityError:
        raise Refused(_("这个人在这个项目的台账里已有一条没办完。")) from None
    record(made, "created", actor=actor, new=S.OPEN)
    return made


def _person(id_number: str, name: str, area: Area) -> Person:
    try:
        number, written = parse_id_number(id_number), parse_name(name)
    except IdentifierError as error:
        raise Refused(str(error)) from None
    known = Person.objects.with_id_number(number).first()
    if known is not None:
        if known.name != written or known.merged_into_id is not None:
            raise Refused(_("这个身份证号登记的姓名不同，或已并入别的登记。请核对。"))
        return known
    (pk,) = bulk.take_ids("programs_person", 1)
    return Person.objects.create(
        pk=pk, id_sealed=crypto.encrypt(number, Person.place(pk)), id_hash=Person.id_index(number),
        id_prefix=number[:6], id_last4=number[-4:], name=written, sex=sex(number), born_on=birth_date(number),
        area=area, created_at=clock.now(),
    )  # fmt: skip


@transaction.atomic
def send_uncarded(rows: Sequence[Uncarded], bank: Organisation, *, actor: User) -> StoredFile:
    """The batch-opening file of these people for ``bank``; full ID numbers as text, kept encrypted, recorded."""
    require(actor, "card.note")
    if bank.kind != Organisation.Kind.BANK or not bank.is_active:
        raise Refused(_("这不是本县的代发银行。请从列表中选择。"))
    found = list(
        Uncarded.objects.visible_to(actor).filter(pk__in=[row.pk for row in rows], status=S.OPEN)
        .select_related("person", "program", "area").select_for_update(of=("self",)).order_by("area_id", "pk")
    )  # fmt: skip
    if not found:
        raise Refused(_("没有待办卡的人可送。请先选人。"))
    if len(found) > MAX_FILE:
        raise Refused(_("一份文件最多%(n)d人。请分几次送。") % {"n": MAX_FILE})
    name = _("批量开户-%(bank)s-%(day)s.xlsx") % {
        "bank": bank.short_name or bank.name,
        "day": f"{clock.today():%Y%m%d}",
    }
    file = StoredFile.keep(_opening_file(found), name=name, content_type=XLSX, actor=actor)
    move_many(Uncarded.objects.filter(pk__in=[row.pk for row in found]), S.OPEN, S.SENT, file=file, bank=bank)
    note = _("%(n)s人送%(bank)s批量开户") % {"n": wording.count(len(found)), "bank": bank}
    for row in found:
        record(row, "sent_to_bank", actor=actor, note=note, old=S.OPEN, new=S.SENT, data={"file": file.pk})
    return file


def _opening_file(rows: list[Uncarded]) -> bytes:
    lines = [
        {
            _NAME: row.person.name,
            _NUMBER: row.person.reveal_id_number(),
            "联系电话": "",
            "村（居）": row.area.name,
            "补贴项目": row.program.short_name,
            "办卡方式": str(row.get_measure_display()),
            _ACCOUNT: "",
        }
        for row in rows
    ]
    out = BytesIO()
    write_worksheet(lines, out, sheet_name=SHEET)
    return out.getvalue()


@dataclass(frozen=True)
class _Opened:
    row: Uncarded
    number: str


@transaction.atomic
def read_opened(content: bytes, *, actor: User) -> int:
    """The bank's answer: the same file with 银行账号 filled in; returns how many are done.

    Raises FileRefused for a file that is none, Refused naming the first wrong cells; then nothing is taken in.
    Lines without an account number are left open.
    """
    require(actor, "card.note")
    opened = _read_answer(content, actor)
    for one in opened:
        bank = one.row.bank
        assert bank is not None  # noqa: S101  # what was sent has one
        account = add_account(
            one.row.person, number=one.number, bank=bank, kind=Account.Kind.SSC, reason=_("批量开户"), actor=actor
        )
        move(one.row, S.CLOSED, actor=actor, account=account)
    return len(opened)


def _read_answer(content: bytes, actor: User) -> list[_Opened]:
    sheet, header, columns = _find_columns(content)
    sent = {
        bytes(row.person.id_hash): row
        for row in Uncarded.objects.visible_to(actor).filter(status=S.SENT).select_related("person", "bank")
    }
    wrong: list[str] = []
    opened: list[_Opened] = []
    for row_no, cells in enumerate(sheet[header:], header + 1):
        number, account = cells[columns["beneficiary_id"]], cells[columns["account"]]
        if is_blank(account):
            continue
        try:
            row = sent.pop(Person.id_index(parse_id_number(_text(number))), None)
            if row is None:
                raise IdentifierError(_("这个人不在已送银行的名单里，或出现了两次。"), "unknown")
            opened.append(_Opened(row, parse_account(_text(account))))
        except IdentifierError as error:
            wrong.append(_("第%(row)d行：%(what)s") % {"row": row_no, "what": error})
    if wrong:
        raise Refused(_("有%(n)d行不对，一行也没有登记。%(first)s") % {"n": len(wrong), "first": "；".join(wrong[:5])})
    if not opened:
        raise Refused(_("文件里没有一行填了银行账号。"))
    return opened


MAX_LIST = 1_000
_LIST = ("姓名", "身份证号", "村（居）", "补贴项目", "办卡方式", "责任人", "办结期限", "说明")


def uncarded_template() -> bytes:
    """The list to fill in: one person a line, every cell text."""
    example = ("林立夏", "99000019500101001X", "柳树村", "高龄津贴", "上门办卡", "张三", "2022-06-30", "示例，请删去")
    out = BytesIO()
    write_worksheet([dict(zip(_LIST, example, strict=True))], out, sheet_name="未办卡受益人")
    return out.getvalue()


@transaction.atomic
def read_uncarded(content: bytes, *, actor: User) -> int:
    """A township's own list, a line a person; returns how many are written down.

    Raises FileRefused for a file that is none, Refused naming the wrong lines and what to do; then nothing is taken in.
    """
    require(actor, "card.note")
    rows, header, places = _find_list(content)
    lines = [(no, cells) for no, cells in enumerate(rows[header:], header + 1) if any(cell_text(c) for c in cells)]
    if not lines:
        raise Refused(_("表头下面没有一行数据。请填好后再上传。"))
    if len(lines) > MAX_LIST:
        raise Refused(_("一份名单最多%(n)d人。请分几次上传。") % {"n": MAX_LIST})
    villages, programs = _villages(actor), {p.short_name: p for p in Program.objects.visible_to(actor)}
    programs |= {p.name: p for p in programs.values()}
    wrong: list[str] = []
    for row_no, cells in lines:
        given = {name: cells[at] for name, at in places.items()}
        try:
            with transaction.atomic():
                add_uncarded(**_line(given, villages, programs), actor=actor)
        except Refused as refused:
            wrong.append(_("第%(row)d行：%(what)s") % {"row": row_no, "what": refused})
    if wrong:
        raise Refused(_("有%(n)d行不对，一行也没有登记。%(first)s") % {"n": len(wrong), "first": "".join(wrong[:8])})
    return len(lines)


def _find_list(content: bytes) -> tuple[list[list[Cell]], int, dict[str, int]]:
    for sheet in read_workbook(content).sheets:
        for at, row in enumerate(sheet.rows[:10], 1):
            places = {header_text(cell): i for i, cell in enumerate(row) if cell_text(cell)}
            known = {name: places[header_text(name)] for name in _LIST if header_text(name) in places}
            if known.keys() >= set(_LIST) - {"说明"}:
                return sheet.rows, at, known
    raise Refused(_("表头不全。请下载名单模板，照着填好后上传。"))


def _villages(actor: User) -> dict[str, Area]:
    found = Area.objects.filter(code__startswith=actor.area_prefix, level=Area.Level.VILLAGE, valid_to=None)
    return {name: village for village in found for name in (village.name, village.code, *village.aliases)}


def _line(given: dict[str, Cell], villages: dict[str, Area], programs: dict[str, Program]) -> dict[str, Any]:
    """One line as ``add_uncarded`` wants it; raises Refused naming the cell."""

    def chosen(name: str, among: dict[str, Any], hint: str) -> Any:
        found = among.get(cell_text(given[name]))
        if found is None:
            raise Refused(_("“%(name)s”一格不认识。%(hint)s") % {"name": name, "hint": hint})
        return found

    measures = {str(label): value for value, label in Uncarded.Measure.choices}
    try:
        due_on = read_day(given["办结期限"])
    except CellError as error:
        raise Refused(_("“办结期限”一格：%s") % error) from None
    owner = cell_text(given["责任人"])
    if not owner:
        raise Refused(_("“责任人”一格是空的。请补填。"))
    return {
        "id_number": _text(given["身份证号"]),
        "name": cell_text(given["姓名"]),
        "area": chosen("村（居）", villages, _("请填本乡镇的村名。")),
        "program": chosen("补贴项目", programs, _("请填项目的名称或简称。")),
        "measure": chosen("办卡方式", measures, _("请填：%s。") % "、".join(measures)),
        "owner": owner,
        "due_on": due_on,
        "note": cell_text(given.get("说明", "")),
    }


def _text(cell: Cell) -> str:
    # A number has lost its last digits already.
    return cell if isinstance(cell, str) else "1E17"


def _find_columns(content: bytes) -> tuple[list[list[Cell]], int, dict[str, int]]:
    for sheet in read_workbook(content).sheets:
        for at, row in enumerate(sheet.rows[:10], 1):
            columns = {find_field(header_text(cell)): i for i, cell in enumerate(row) if cell_text(cell)}
            if {"beneficiary_id", "account"} <= columns.keys():
                return sheet.rows, at, columns
    raise Refused(_("找不到“身份证号”和“银行账号”两列。请用送银行的那份文件，填好账号后上传。"))


@transaction.atomic
def close_uncarded(row: Uncarded, account: Account, *, actor: User) -> None:
    """Done: the person has this account."""
    require(actor, "card.note")
    if account.holder_id != row.person_id or not account.is_active:
        raise Refused(_("这不是本人在用的账户。"))
    move(row, S.CLOSED, actor=actor, account=account)


@transaction.atomic
def reopen_uncarded(row: Uncarded, *, note: str, actor: User) -> None:
    """The bank could not open an account, and why; to be sent again."""
    require(actor, "card.note")
    if not note.strip():
        raise Refused(_("请写明银行为什么没有开成。"))
    move(row, S.OPEN, actor=actor, note=note.strip())


@transaction.atomic
def cancel_uncarded(row: Uncarded, *, note: str, actor: User) -> None:
    """No card is needed after all, and why."""
    require(actor, "card.note")
    if not note.strip():
        raise Refused(_("请写明为什么不用办。"))
    move(row, S.CANCELLED, actor=actor, note=note.strip())
