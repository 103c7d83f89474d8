"""From the rows of a sheet to claims, column by column; and the rules that look at a whole row or file.

A hundred thousand rows repeat few words: each spelling is read once and remembered for its column.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, fields
from decimal import Decimal
from itertools import count
from typing import Any

from django.utils.translation import gettext as _

from programs.imports import cells, own_columns
from programs.imports.amounts import expected_amounts
from programs.imports.columns import Column
from programs.imports.directory import Directory
from programs.imports.layout import Body, Layout, add_wrong_unit, hidden_rows, unreadable_cells
from programs.imports.problems import CellError, Problems
from programs.models import Program
from subsidy_portal import crypto, money
from subsidy_portal.identifiers import mask_name
from subsidy_portal.sheets import Cell, is_blank

Read = Callable[[Cell], Any]
# Told how many columns are read, and of how many.
Report = Callable[[int, int], None]

_ROLES = ("beneficiary", "payee", "head")


@dataclass
class Claims:
    """The rows as columns of equal length; a blank optional cell is None (text: empty). Amounts in fen."""

    row_no: list[int]
    beneficiary_id: list[str]
    beneficiary_name: list[str]
    payee_id: list[str]
    payee_name: list[str]
    head_id: list[str | None]
    head_name: list[str | None]
    account: list[str]
    account_name: list[str | None]
    account_kind: list[str | None]
    bank: list[int]
    village: list[str]
    group_no: list[str]
    phone: list[str | None]
    item: list[str]
    quantity: list[Decimal]
    standard_fen: list[int]
    amount_fen: list[int]
    note: list[str]
    # The program's own columns, label → value, and what its amount rule gives; None without a rule.
    extra: list[dict[str, Any]]
    expected_fen: list[int | None]

    def __len__(self) -> int:
        return len(self.row_no)

    def digest(self) -> bytes:
        """32 keyed bytes over the claims as a set: the same people, accounts and money in any order of rows."""
        columns = [map(str, getattr(self, column.name)) for column in fields(self) if column.name != "row_no"]
        lines = sorted(map("\x1f".join, zip(*columns, strict=True)))
        return crypto.blind_index("\x1e".join(lines), "roster_claims")

    def people(self) -> Iterable[tuple[str, list[Any], list[Any]]]:
        """(role, ID numbers, names) of the three people a row names."""
        for role in _ROLES:
            yield role, getattr(self, f"{role}_id"), getattr(self, f"{role}_name")


@dataclass
class Reader:
    """Reads one body of rows. Everything wrong goes to ``problems``; a wrong cell is None in its column."""

    layout: Layout
    body: Body
    problems: Problems
    required: set[str] = field(default_factory=set)
    unreadable: dict[tuple[int, int], str] = field(default_factory=dict)
    id_memo: dict[Any, Any] = field(default_factory=dict)

    def problem(self, error: CellError, at: int, column_field: str) -> None:
        """Add a problem at the ``at``-th claim; ``column_field`` may be a column the file does not have."""
        if column_field in self.layout.stand_ins:
            return  # told of the column that stands for it
        column = self.layout.columns.get(column_field)
        self.problems.add(
            error,
            sheet=self.layout.sheet.name,
            row=self.body.row_nos[at],
            column=None if column is None else self.body.place(at, column),
            cell="" if column is None else self.body.rows[at][column],
            column_field=column_field,
        )

    def column(self, name: str, read: Read, *, blank: Any = None, memo: dict[Any, Any] | None = None) -> list[Any]:
        """Every cell of a column, read; ``blank`` for an empty one that may be empty."""
        index = self.layout.columns.get(name)
        if index is None:
            return [blank] * len(self.body.rows)
        seen = {} if memo is None else memo
        # 1, 1.0 and True are one key to a dict; nearly always everything is text.
        keys: list[Any] = [row[index] for row in self.body.rows]
        distinct = set(keys)
        if set(map(type, distinct)) - {str}:
            keys = [(type(key), key) for key in keys]
            distinct = set(keys)
        for key in distinct.difference(seen):
            seen[key] = self._read(key[1] if type(key) is tuple else key, read)
        values = list(map(seen.__getitem__, keys))
        wrong = set(map(type, values)) & {type(None), CellError}
        return self._settle(name, index, values, blank) if wrong else values

    def _is_unreadable(self, at: int, index: int) -> bool:
        return (self.body.row_nos[at], self.body.place(at, index)) in self.unreadable

    @staticmethod
    def _read(cell: Cell, read: Read) -> Any:
        if is_blank(cell):
            return None
        try:
            return read(cell)
        except CellError as error:
            return error

    def _settle(self, name: str, index: int, values: list[Any], blank: Any) -> list[Any]:
        """Say what is wrong with the wrong cells of a column, and fill in what a blank one means."""
        settled = []
        for at, value in enumerate(values):
            if value is None and not (self.unreadable and self._is_unreadable(at, index)):
                value = blank
                if name in self.required:
                    self.problem(_missing(), at, name)
            elif type(value) is CellError:
                self.problem(value, at, name)
                value = None
            settled.append(value)
        return settled


def _missing() -> CellError:
    return CellError("missing", _("必填的一格是空的。"), _("请补填。"))


def read_claims(
    layout: Layout,
    body: Body,
    *,
    program: Program,
    period: str,
    columns: list[Column],
    directory: Directory,
    problems: Problems,
    report: Report,
) -> Claims:
    """Read every claim and check it against the rules of a file; worthless unless ``problems`` stays empty."""
    required = {column.field for column in columns if column.required}
    reader = Reader(layout, body, problems, required)
    _check_rows(reader)
    claims = _read_columns(reader, program, columns, directory, report)
    if not claims.row_no:
        problems.add(CellError("no_rows", _("表头下面没有一行数据。"), _("请填好后再上传。")), sheet=layout.sheet.name)
    _check_head(reader, claims)
    _check_payee(reader, claims, program)
    _check_names(reader, claims)
    _check_twice(reader, claims)
    _check_total(reader, claims)
    claims.expected_fen = expected_amounts(reader, claims, program, period)
    for row_no, index in body.units:
        add_wrong_unit(layout, row_no, index, problems)
    return claims


def _check_rows(reader: Reader) -> None:
    hidden = set(hidden_rows(reader.layout, reader.body))
    for at, row_no in enumerate(reader.body.row_nos if hidden else ()):
        if row_no in hidden:
            error = CellError("hidden_row", _("这一行被隐藏或筛选掉了。"), _("请取消隐藏和筛选；不发的人请整行删除。"))
            reader.problem(error, at, "beneficiary_name")
    places = {row_no: at for at, row_no in enumerate(reader.body.row_nos)}
    errors = {
        "error_cell": CellError("error_cell", _("这一格是错误值（如#REF!、#N/A）。"), _("请改填实际内容。")),
        "formula_cell": CellError("formula_cell", _("这一格是没有算出结果的公式。"), _("请复制后“选择性粘贴—数值”。")),
    }
    stand_ins = reader.layout.stand_ins
    names = {index: name for name, index in reader.layout.columns.items() if name not in stand_ins}
    for row_no, index, code in unreadable_cells(reader.layout, reader.body):
        reader.unreadable[row_no, index] = code
        reader.problem(errors[code], places[row_no], names[index])


def _read_columns(
    reader: Reader, program: Program, columns: list[Column], directory: Directory, report: Report
) -> Claims:
    done = count(1)

    def read(name: str, how: Read, **options: Any) -> list[Any]:
        report(next(done), len(reader.layout.columns))
        return reader.column(name, how, **options)

    read("filled_on", cells.read_date)
    read_id = cells.id_number_reader()
    ids = {"memo": reader.id_memo}
    names: dict[str, Any] = {"memo": {}}
    return Claims(
        row_no=reader.body.numbers or reader.body.row_nos,
        beneficiary_id=read("beneficiary_id", read_id, **ids),
        beneficiary_name=read("beneficiary_name", cells.read_name, **names),
        payee_id=read("payee_id", read_id, **ids),
        payee_name=read("payee_name", cells.read_name, **names),
        head_id=read("head_id", read_id, **ids),
        head_name=read("head_name", cells.read_name, **names),
        account=read("account", cells.read_account),
        account_name=read("account_name", cells.read_name, **names),
        account_kind=read("account_kind", cells.read_account_kind),
        bank=read("bank", directory.bank),
        village=read("village", directory.village),
        group_no=read("group_no", cells.read_group, blank=""),
        phone=read("phone", cells.read_phone),
        item=read("item", cells.read_item, blank=""),
        quantity=read("quantity", cells.read_quantity, blank=Decimal(1)),
        standard_fen=read("standard", cells.read_amount, blank=program.standard_fen),
        amount_fen=read("amount", _capped(program)),
        note=read("note", cells.read_note, blank=""),
        extra=_own_values(read, [column for column in columns if column.kind], len(reader.body.rows)),
        expected_fen=[None] * len(reader.body.rows),
    )


def _own_values(read: Callable[..., list[Any]], columns: list[Column], size: int) -> list[dict[str, Any]]:
    if not columns:
        return [{}] * size
    labels = [column.label for column in columns]
    values = [read(column.field, own_columns.reader_of(column)) for column in columns]
    return [dict(zip(labels, row, strict=True)) for row in zip(*values, strict=True)]


def _capped(program: Program) -> Read:
    def read(cell: Cell) -> int:
        fen = cells.read_amount(cell)
        if program.cap_fen is not None and fen > program.cap_fen:
            raise CellError(
                "amount_over_cap",
                _("金额超过本项目单笔上限%(cap)s元。") % {"cap": money.format_yuan(program.cap_fen)},
                _("请核对金额。"),
            )
        return fen

    return read


def _check_head(reader: Reader, claims: Claims) -> None:
    """Name and number of the head belong together, also where the head is optional."""
    if "head_id" in reader.required:
        return
    columns = reader.layout.columns
    for at, (number, name) in enumerate(zip(claims.head_id, claims.head_name, strict=True)):
        if (number is None) == (name is None):
            continue
        missing = "head_id" if number is None else "head_name"
        index = columns.get(missing)
        if index is None or is_blank(reader.body.rows[at][index]):
            error = CellError("head_incomplete", _("户主的姓名和身份证号只填了一项。"), _("请两项都填，或两项都不填。"))
            reader.problem(error, at, missing)


def _check_payee(reader: Reader, claims: Claims, program: Program) -> None:
    """To-household money goes to the head, to-person money to the beneficiary or the head (domain §1, §7)."""
    to_household = program.paid_to == Program.PaidTo.HOUSEHOLD
    if to_household:
        error = CellError(
            "payee_not_head",
            _("到户的补贴只能发到户主的账户，这里的收款人不是户主。"),
            _("请把收款人和账户改为户主的。"),
        )
    else:
        error = CellError(
            "payee_other",
            _("收款人既不是享受人，也不是户主。"),
            _("请改为享受人或户主的账户。"),
        )
    people = zip(claims.payee_id, claims.beneficiary_id, claims.head_id, strict=True)
    for at, (payee, beneficiary, head) in enumerate(people):
        if payee is None or payee == head or (payee == beneficiary and not to_household):
            continue
        # What could not be read has its own problem already.
        if head is None if to_household else beneficiary is None:
            continue
        reader.problem(error, at, "payee_id")


def _check_names(reader: Reader, claims: Claims) -> None:
    """One ID number has one name in the whole file (M11)."""
    pairs = {pair for _role, *both in claims.people() for pair in zip(*both, strict=True) if None not in pair}
    if len(pairs) == len({number for number, _name in pairs}):
        return
    first: dict[str, tuple[str, int]] = {}
    for role, numbers, names in claims.people():
        for at, (number, name) in enumerate(zip(numbers, names, strict=True)):
            if number is None or name is None:
                continue
            known = first.setdefault(number, (name, at))
            if known[0] != name:
                error = CellError(
                    "two_names",
                    _("同一身份证号在第%(row)d行的姓名是“%(name)s”，与这里不同。")
                    % {"row": reader.body.row_nos[known[1]], "name": known[0]},
                    _("请核对姓名和身份证号。"),
                )
                reader.problem(error, at, f"{role}_name")


def _check_twice(reader: Reader, claims: Claims) -> None:
    """One claim per beneficiary and item (X26); every row of the group names the others."""
    if len(set(zip(claims.beneficiary_id, claims.item, strict=True))) == len(claims):
        return
    places: dict[tuple[str, str], list[int]] = defaultdict(list)
    for at, key in enumerate(zip(claims.beneficiary_id, claims.item, strict=True)):
        if key[0] is not None:
            places[key].append(at)
    for group in places.values():
        if len(group) < 2:
            continue
        rows = "、".join(str(reader.body.row_nos[at]) for at in group[:6])
        error = CellError(
            "twice",
            _("同一享受人在第%(rows)s行重复出现。") % {"rows": rows},
            _("请只留一行，或在“分项”列写明不同的名目。"),
        )
        for at in group:
            reader.problem(error, at, "beneficiary_id")


def _check_total(reader: Reader, claims: Claims) -> None:
    """The clerk's total is the sum of the rows; not asked while amounts are unread (M12)."""
    if reader.body.total is None or None in claims.amount_fen:
        return
    row_no, cell = reader.body.total
    if is_blank(cell):
        return
    amount = sum(claims.amount_fen)
    try:
        written = cells.read_amount(cell)
    except CellError:
        written = None
    if written == amount:
        return
    said = money.format_yuan(written) if written is not None else _("不是金额")
    error = CellError(
        "total",
        _("合计写的是%(written)s，各行相加是%(sum)s元。") % {"written": said, "sum": money.format_yuan(amount)},
        _("请核对有没有漏行、多行或改错的金额。"),
    )
    column = reader.body.amount_column
    reader.problems.add(error, sheet=reader.layout.sheet.name, row=row_no, column=column, cell=cell)


def check_registered_names(
    layout: Layout, body: Body, claims: Claims, known: dict[str, str], problems: Problems
) -> None:
    """An ID number the registry knows under another name is not imported; the other name is not shown in full."""
    for role, numbers, names in claims.people():
        index = None if f"{role}_name" in layout.stand_ins else layout.columns.get(f"{role}_name")
        for at, (number, name) in enumerate(zip(numbers, names, strict=True)):
            registered = known.get(number)
            if registered is None or registered == name or index is None:
                continue
            error = CellError(
                "registered_name",
                _("这个身份证号登记的姓名是“%(name)s”，与这里不同。") % {"name": mask_name(registered)},
                _("请核对；确已改名的，先由主管部门更正登记。"),
            )
            cell, place = body.rows[at][index], body.place(at, index)
            problems.add(error, sheet=layout.sheet.name, row=body.row_nos[at], column=place, cell=cell)


def check_merged(layout: Layout, body: Body, claims: Claims, merged: dict[str, str], problems: Problems) -> None:
    """A number whose entry was merged takes no new claims; ``merged``: number → last four of the one that counts."""
    for role, numbers, _names in claims.people() if merged else ():
        index = layout.columns.get(f"{role}_id")
        for at, number in enumerate(numbers):
            if number not in merged or index is None or f"{role}_id" in layout.stand_ins:
                continue
            error = CellError(
                "merged_id",
                _("这个身份证号已并入尾号%(last4)s的登记，不再使用。") % {"last4": merged[number]},
                _("请照现在的身份证填写。"),
            )
            cell, place = body.rows[at][index], body.place(at, index)
            problems.add(error, sheet=layout.sheet.name, row=body.row_nos[at], column=place, cell=cell)


def check_ended(layout: Layout, body: Body, accounts: list[int], ended: set[int], problems: Problems) -> None:
    """An account that was taken out of use is not paid to; ``accounts``: key by claim, ``ended``: those out of use."""
    index = layout.columns["account"]
    for at, account in enumerate(accounts if ended else ()):
        if account in ended:
            error = CellError(
                "account_ended",
                _("这个账户已经停用，不能再发到这里。"),
                _("请改填在用的账户；为什么停用，见这个人的账户页。"),
            )
            cell, place = body.rows[at][index], body.place(at, index)
            problems.add(error, sheet=layout.sheet.name, row=body.row_nos[at], column=place, cell=cell)
