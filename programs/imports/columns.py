"""The columns of a roster file (domain §7): how they are called, who needs them, what stands in them."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from programs.imports import aliases
from programs.models import Program, ProgramColumn
from subsidy_portal.sheets import Cell, cell_text

# The groups of the two-row header.
SEQUENCE, HEAD, PAYEE, BENEFICIARY, GRANT, OTHER = "", "户主", "收款人", "享受人", "发放", "其他"
OWN = "本项目"


@dataclass(frozen=True)
class Column:
    """``label`` is what the file says and never translated; ``help`` and ``example`` are for the notes sheet."""

    field: str
    label: str
    group: str
    required: bool
    width: int
    help: str
    example: str
    is_text: bool = False  # digits that a spreadsheet must not take for a number
    kind: str = ""  # a column of the program's own: its ProgramColumn.Kind
    choices: tuple[str, ...] = ()


def _columns() -> tuple[Column, ...]:
    """The provincial default template, in its order."""
    id_help = _("18位身份证号，照身份证填。单元格格式须为“文本”，否则后几位会丢失。")
    return (
        Column("sequence", "排序序号", SEQUENCE, False, 8, _("只为看着方便，导入时不读。"), "1"),
        Column("head_name", "户主姓名", HEAD, False, 12, _("户口簿上的户主。"), "林立夏"),
        Column("head_id", "户主身份证号", HEAD, False, 22, id_help, "990000195001010019", is_text=True),
        Column("payee_name", "收款人姓名", PAYEE, True, 12, _("银行账户的户主名，须是享受人本人或户主。"), "林立夏"),
        Column("payee_id", "收款人身份证号", PAYEE, True, 22, id_help, "990000195001010019", is_text=True),
        Column(
            "account", "银行账号", PAYEE, True, 24,
            _("社会保障卡的银行账号（卡面上的长号），不是社会保障卡号。格式须为“文本”。"),
            "6217990000000000014", is_text=True,
        ),
        Column("bank", "开户银行", PAYEE, True, 18, _("代发银行的全称或简称。"), "示范农商银行"),
        Column("village", "村(居)委会", BENEFICIARY, True, 16, _("享受人所在的村或社区，名称或12位代码。"), "柳树村"),
        Column("group_no", "村(居)民小组", BENEFICIARY, True, 14, _("没有小组的填“无”。"), "3组"),
        Column("beneficiary_name", "享受人", BENEFICIARY, True, 12, _("享受补贴的人，一人一行。"), "林立夏"),
        Column("beneficiary_id", "享受人身份证号", BENEFICIARY, True, 22, id_help, "990000195001010019", is_text=True),
        Column("phone", "联系电话", BENEFICIARY, False, 15, _("手机号或带区号的固话。"), "13800000000", is_text=True),
        Column("work_place", "务工地点", OTHER, False, 14, _("与本项目无关的不填。只随文件保存。"), ""),
        Column("transport", "乘坐交通工具", OTHER, False, 14, _("与本项目无关的不填。只随文件保存。"), ""),
        Column("standard", "补贴标准", GRANT, False, 11, _("元，最多两位小数。不填时用项目的标准。"), "100.00"),
        Column("amount", "补贴金额", GRANT, True, 12, _("元，大于零，最多两位小数，只写数字。"), "100.00"),
        Column("filled_on", "填报日期", OTHER, False, 13, _("如 2022-03-01。只随文件保存。"), "2022-03-01"),
        Column("note", "备注", OTHER, False, 20, _("最多200字。"), ""),
    )  # fmt: skip


def _quantity(program: Program) -> Column:
    return Column(
        "quantity", "数量", GRANT, True, 10,
        _("%(unit)s数，最多两位小数；金额＝标准×数量。") % {"unit": program.standard_unit}, "3.20",
    )  # fmt: skip


def own_field(label: str) -> str:
    """The field of a column the program has of its own."""
    return f"own:{label}"


def own_column(column: ProgramColumn) -> Column:
    """The template's column for a column of the program's own."""
    kinds = {
        ProgramColumn.Kind.TEXT: _("文字，最多200字。"),
        ProgramColumn.Kind.INTEGER: _("整数，只写数字。"),
        ProgramColumn.Kind.DECIMAL: _("数字，最多四位小数，不带单位。"),
        ProgramColumn.Kind.DATE: _("日期，如 2022-03-01。"),
        ProgramColumn.Kind.CHOICE: _("填其中一项：%(choices)s。") % {"choices": "、".join(column.choices)},
        ProgramColumn.Kind.ID_NUMBER: _("18位身份证号，照身份证填。单元格格式须为“文本”，否则后几位会丢失。"),
    }
    kind = ProgramColumn.Kind(column.kind)
    width, example = (22, "990000195001010019") if kind == ProgramColumn.Kind.ID_NUMBER else (14, column.example)
    meaning = " ".join(filter(None, (column.help, kinds[kind])))
    return Column(
        own_field(column.label), column.label, OWN, column.required, width, meaning, example,
        is_text=kind in {"text", "id_number"}, kind=kind, choices=tuple(column.choices),
    )  # fmt: skip


def template_columns(program: Program) -> list[Column]:
    """The columns of this program's template, in order.

    To-household programs need the head; those paid by area or piece have a quantity before the standard, and
    before it stand the columns the program has of its own.
    """
    columns: list[Column] = []
    for column in _columns():
        if column.group == HEAD and program.paid_to == Program.PaidTo.HOUSEHOLD:
            column = replace(column, required=True)
        if column.field == "standard":
            columns += map(own_column, program.columns.all() if program.pk else ())
            if has_quantity(program):
                columns.append(_quantity(program))
        columns.append(column)
    return columns


def has_quantity(program: Program) -> bool:
    """Paid by something else than heads or households: 亩, 台, 公里 …"""
    return bool(program.standard_fen) and program.standard_unit[:1] not in {"人", "户"}


# --- Headers of files that are not our template ------------------------------------------------------------

# A column may say its group above and only 姓名 below: ``户主`` + ``姓名``. Both parts together are looked up.
_ID_WORDS = ("身份证号", "身份证号码", "身份证", "证件号码", "证件号", "公民身份号码", "公民身份证号码", "证号")
_WHO = ("享受人", "补贴对象", "受益人", "发放对象", "救助对象", "对象", "补贴人员", "人员", "本人")
_ALIASES: dict[str, tuple[str, ...]] = {
    "sequence": ("排序序号", "序号", "编号"),
    "head_name": ("户主姓名", "户主", "户主名", "户主名称"),
    "head_id": tuple(f"户主{word}" for word in _ID_WORDS),
    "payee_name": ("收款人姓名", "收款人", "领款人", "领款人姓名", "收款人名称"),
    "payee_id": tuple(f"{who}{word}" for who in ("收款人", "领款人") for word in _ID_WORDS),
    "account": (
        "银行账号", "账号", "银行卡号", "卡号", "银行账户", "一卡通账号", "一卡通账户", "一卡通卡号", "收款账号",
        "收款人账号", "收款人银行账号", "社保卡银行账号", "社会保障卡银行账号", "社保卡账号", "存折账号", "开户账号",
    ),
    "account_name": ("户名", "账户名称", "银行账户名称", "账户户名", "开户名", "收款人户名"),
    "account_kind": ("账户种类", "账户类型", "账户类别", "卡种", "卡折类型"),
    "bank": ("开户银行", "开户行", "银行", "代发银行", "发放银行", "银行名称", "开户银行名称", "收款人开户银行"),
    "village": (
        "村(居)委会", "村居委会", "村委会", "村(社区)", "村社区", "村", "村名", "村居", "行政村", "社区", "村(居)",
        "所属村", "村别",
    ),
    "group_no": ("村(居)民小组", "村居民小组", "村民小组", "居民小组", "小组", "组", "组别", "组名", "所属组"),
    "beneficiary_name": ("姓名", *(f"{who}{word}" for who in _WHO for word in ("", "姓名", "名称"))),
    "beneficiary_id": (*_ID_WORDS, *(f"{who}{word}" for who in _WHO for word in _ID_WORDS)),
    "phone": ("联系电话", "电话", "手机", "手机号", "手机号码", "联系方式", "电话号码", "享受人联系电话", "享受人电话"),
    "work_place": ("务工地点",),
    "transport": ("乘坐交通工具", "交通工具"),
    "item": ("分项", "补贴分项", "发放分项", "子项"),
    "quantity": ("数量", "补贴数量", "发放数量", "面积", "补贴面积", "核定面积", "亩数", "补贴亩数", "月数"),
    "standard": ("补贴标准", "发放标准", "标准", "补助标准"),
    "amount": ("补贴金额", "发放金额", "金额", "应发金额", "实发金额", "补助金额", "补贴资金", "发放资金", "应补金额"),
    "filled_on": ("填报日期", "填表日期", "日期"),
    "note": ("备注", "说明", "发放备注"),
}  # fmt: skip
_FIELDS = {alias: field for table in (aliases.ALIASES, _ALIASES) for field, words in table.items() for alias in words}

# Columns a file may add to the template: label → what they mean, for the notes sheet.
EXTRA_COLUMNS = {
    "账户种类": gettext_lazy("社会保障卡、银行卡或存折。不写时，62开头的卡号算社会保障卡，其余算存折。"),
    "户名": gettext_lazy("银行登记的户名与姓名写法不同时填写，例如生僻字。"),
    "分项": gettext_lazy("同一人同一期有几笔时，每笔的名目。"),
    "数量": gettext_lazy("亩数、月数等；金额＝标准×数量。"),
}

_NOISE = re.compile(r"[\s*:、\u200b-\u200f\ufeff]+")
_UNIT = re.compile(r"\([^()]*\)$")


def header_text(cell: Cell) -> str:
    """A header as it is looked up: NFKC, no blanks, line breaks or asterisks, 帐 as 账 (M2)."""
    return _NOISE.sub("", unicodedata.normalize("NFKC", cell_text(cell))).replace("帐", "账")


def plain_header(text: str) -> str:
    """A normalised header without the unit in brackets behind it."""
    return _UNIT.sub("", text)


def own_headers(columns: Iterable[Column]) -> dict[str, str]:
    """Normalised header → field of the columns a program has of its own."""
    return {header_text(column.label): column.field for column in columns if column.kind}


def find_own(text: str, own: Mapping[str, str]) -> str:
    """The field of the program's own column (see ``own_headers``) that a normalised header names; else empty."""
    return own.get(text) or own.get(plain_header(text), "")


def find_field(text: str, own: Mapping[str, str] | None = None) -> str:
    """The field a normalised header names; empty when it names none. A bare 姓名 is the beneficiary's.

    ``own`` goes first: a program's 面积 or 月数 is not what other files call the quantity.
    """
    mine = find_own(text, own) if own else ""
    return mine or _FIELDS.get(text) or _FIELDS.get(plain_header(text), "")
