"""The files of the corpus by name, each with what the import makes of it: ``FILES``.

``mNN_`` is the number of the mess in the catalogue (domain §7.1), ``real_`` an export of an office (§7).
"""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from typing import Any

import openpyxl
import xlwt
from openpyxl.worksheet.worksheet import Worksheet

from tests.corpus.rosters import (
    BANK,
    DEFECTS,
    LABELS,
    NAMES,
    VILLAGE,
    account_number,
    append,
    cells,
    claim,
    hide,
    id_number,
    saved,
    second_list,
    spoiled_file,
    write,
)

# What a mess of ``DEFECTS`` belongs to, by the beginning of its name.
_NUMBERS = {
    "id_as_number": "m03", "id_in_scientific": "m03", "id_last_digits": "m03", "id_old": "m08", "id_x": "m07",
    "id_with_arabic": "m06", "two_ids": "m21", "account_as_number": "m04", "account_with": "m10", "name_two": "m21",
    "name_": "m19", "village": "m18", "amount_": "m16", "formula": "m15", "error": "m15", "date": "m17",
    "same_beneficiary": "m11", "same_id": "m11", "payee": "m22", "hidden_row": "m14", "unit": "m30", "total": "m12",
    "head_without": "m20", "column_twice": "m02", "column_missing": "m01", "no_header": "m01", "no_rows": "m13",
}  # fmt: skip


@dataclass(frozen=True)
class Expected:
    """What becomes of a file. ``problems`` are (cell or row, code); ``said`` are parts of what the clerk is told."""

    status: str = "imported"
    rows: int = 0
    yuan: str = "0.00"
    problems: tuple[tuple[str, str], ...] = ()
    said: tuple[str, ...] = ()
    asks: str = ""  # sheet | columns
    payees: tuple[str, ...] = ()  # names, in the order of the claims; empty: not looked at
    row_nos: tuple[int, ...] = ()


@dataclass(frozen=True)
class File:
    make: Callable[[], bytes]
    expected: Expected
    household: bool = False  # for a to-household program
    standard_fen: int = 10_000
    kinds: tuple[str, ...] = field(default=())

    def as_data(self) -> dict[str, Any]:
        return {"household": self.household, "standard_fen": self.standard_fen, **asdict(self.expected)}


FILES: dict[str, File] = {}


def _ok(rows: int, yuan: int | None = None, **more: Any) -> Expected:
    return Expected(rows=rows, yuan=f"{100 * rows if yuan is None else yuan:,}.00", **more)


def _refused(*problems: tuple[str, str]) -> Expected:
    return Expected("refused", problems=problems)


def _spoiled(*spoil: Callable[[Worksheet], None], count: int = 3) -> bytes:
    workbook = write([claim(n) for n in range(count)])
    for change in spoil:
        change(workbook.worksheets[0])
    return saved(workbook)


def _book(*rows: Iterable[Any], merged: Sequence[str] = (), name: str = "Sheet1") -> bytes:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = name
    for row in rows:
        sheet.append(list(row))
    for span in merged:
        sheet.merge_cells(span)
    return saved(workbook)


def _add(name: str, expected: Expected, make: Callable[..., bytes], *args: Any, **more: Any) -> None:
    FILES[f"{name}.xlsx"] = File(partial(make, *args), expected, **more)


for _name, _defect in DEFECTS.items():
    _number = next((number for start, number in _NUMBERS.items() if _name.startswith(start)), "m10")
    FILES[f"{_number}_{_name}.xlsx"] = File(partial(spoiled_file, _defect), Expected("refused"), kinds=(_name,))


# --- Headers (M1, M2) ---------------------------------------------------------------------------------------

# The short list of an office: who, number, account, bank, village, money.
SHORT = ("序号", "姓名", "身份证号", "银行卡号", "开户行", "村（社区）", "补贴金额（元）")


def short(n: int, yuan: Any = "100.00") -> list[Any]:
    return [str(n + 1), NAMES[n % len(NAMES)], id_number(n), account_number(n), BANK, VILLAGE, yuan]


def _short(*labels: str, above: Sequence[Sequence[Any]] = (), rows: int = 3) -> bytes:
    return _book(*above, labels or SHORT, *(short(n) for n in range(rows)))


def _renamed(**names: str) -> bytes:
    labels = tuple(names.get(label, label) for label in LABELS)
    rows = [{names.get(label, label): value for label, value in claim(n).items()} for n in range(3)]
    return saved(write(rows, labels))


_add("m01_clean_template", _ok(3), _spoiled)
_add("m01_short_list_without_payee", _ok(3, said=("按享受人本人收款读入",)), _short)
_add("m01_header_in_the_first_row", _ok(3), _short, *SHORT)
_add(
    "m01_header_in_row_twelve", _ok(3, row_nos=(13, 14, 15)),
    lambda: _short(above=[["石桥镇发放表"], *[[None]] * 9, ["填表单位：石桥镇"]]),
)  # fmt: skip
_add("m01_header_in_row_sixteen", _refused(("0", "no_header")), lambda: _short(above=[["说明"]] * 15))
_add(
    "m01_two_rows_with_groups", _ok(2),
    _book,
    ["序号", "户主", None, "收款人", None, None, None, "享受人", None, None, None, "发放"],
    [None, "姓名", "身份证号", "姓名", "身份证号", "账号", "开户行", "姓名", "身份证号", "村", "组", "金额"],
    *([n + 1, *[NAMES[n], id_number(n)] * 2, account_number(n), BANK, NAMES[n], id_number(n), VILLAGE, "无", 100]
      for n in range(2)),
)  # fmt: skip
FILES["m02_header_with_newline.xlsx"] = File(
    partial(_renamed, 享受人身份证号="享受人\n身份证号", 补贴金额="补贴\n金 额"), _ok(3)
)
FILES["m02_header_with_zhang.xlsx"] = File(partial(_renamed, 银行账号="银行帐号*"), _ok(3))
FILES["m02_header_full_width.xlsx"] = File(
    partial(_renamed, **{"村(居)委会": "村（居）委会", "补贴金额": "补贴金额（元）"}), _ok(3)
)
FILES["m02_header_synonyms.xlsx"] = File(
    partial(
        _renamed, 享受人="补贴对象", 享受人身份证号="公民身份号码", 银行账号="一卡通账号", 开户银行="代发银行",
        补贴金额="应发金额",
    ),
    _ok(3),
)  # fmt: skip
_add("m02_header_repeated_on_every_page", _ok(2, row_nos=(4, 6)),
     lambda: saved(_pages()))  # fmt: skip
_add("m02_columns_in_reverse", _ok(3), lambda: saved(write([claim(n) for n in range(3)], tuple(reversed(LABELS)))))


def _pages() -> openpyxl.Workbook:
    workbook = write([claim(0)])
    sheet = workbook.worksheets[0]
    sheet.append(list(LABELS))
    sheet.append(list(claim(1).values()))
    return workbook


# --- Codes and names that only look wrong (M5–M9, M19) ------------------------------------------------------

_add("m05_blanks_around_and_inside", _ok(3), _spoiled,
     cells(K4=f" {id_number(0)}　", F4=f"{account_number(0)[:4]} {account_number(0)[4:]}\t", J4="林 立 夏"),
)  # fmt: skip
_add("m05_zero_width_characters", _ok(3), _spoiled, cells(K4=id_number(0) + "\u200b", H4="\u200b" + VILLAGE))
_add("m06_full_width_digits", _ok(3), _spoiled,
     cells(K4=id_number(0).translate(str.maketrans("0123456789", "０１２３４５６７８９"))))  # fmt: skip
_X = next(n for n in range(200) if id_number(n).endswith("X"))
for _case, _x in (("lower", "x"), ("cyrillic", "Х"), ("greek", "Χ"), ("roman", "Ⅹ")):
    _who = claim(_X) | {"享受人身份证号": id_number(_X)[:17] + _x}
    _add(f"m07_x_{_case}", _ok(1), lambda who=_who: saved(write([who])))
_add("m09_apostrophe_before_numbers", _ok(3), _spoiled, cells(K4="'" + id_number(0), F5="'" + account_number(1)))
_add("m19_dots_of_all_kinds", _ok(3), _spoiled, cells(B6="买买提•阿不都", D6="买买提‧阿不都", J6="买买提・阿不都"))
_add("m19_rare_character", _ok(1), lambda: saved(write([claim(3)])))

# --- Rows that are no claims (M12, M13) ---------------------------------------------------------------------

_add("m12_total_that_ties", _ok(3), _spoiled, append(["合　计", *[""] * 14, "300.00"]))
_add("m12_total_as_number", _ok(3), _spoiled, append(["合计", *[""] * 14, 300]))
_add("m12_subtotals_and_signatures", _ok(3), _spoiled,
     append(["小计", *[""] * 14, 300], ["本页合计", *[""] * 14, 300], ["制表人：许云舟", "", "审核人：沈知秋", "盖章"]),
)  # fmt: skip
_add("m12_total_in_the_wrong_column_of_words", _ok(3), _spoiled, append(["", "", "总计", *[""] * 12, "300"]))
_add("m13_ghost_rows", _ok(3), _spoiled, append([" ", "　"], [None] * 18, ["5", *[""] * 17]))
_add("m13_two_numbers_in_the_sequence", _ok(3), _spoiled, cells(A4="12 13", A5="1", A6="1"))

# --- Sheets (M14) -------------------------------------------------------------------------------------------


def _two_sheets(change: Callable[[openpyxl.Workbook], None]) -> bytes:
    workbook = write([claim(n) for n in range(3)])
    second_list(workbook.worksheets[0])
    change(workbook)
    return saved(workbook)


def _hide_second(workbook: openpyxl.Workbook) -> None:
    workbook.worksheets[1].sheet_state = "hidden"


def _empty_second(workbook: openpyxl.Workbook) -> None:
    workbook.worksheets[1].delete_rows(4, 10)


def _note_sheet(sheet: Worksheet) -> None:
    sheet.parent.create_sheet("政策说明", 0).append(["每人每月100元"])


_add("m14_two_sheets_fit", Expected("asking", asks="sheet"), _two_sheets, lambda workbook: None)
_add("m14_second_sheet_hidden", _ok(3, said=("隐藏的工作表“清册(2)”没有读。",)), _two_sheets, _hide_second)
_add("m14_second_sheet_without_rows", _ok(3, said=("工作表“清册(2)”没有读。",)), _two_sheets, _empty_second)
_add("m14_list_on_the_second_sheet", _ok(3, said=("工作表“政策说明”没有读。",)), _spoiled, _note_sheet)
_add("m14_filtered_rows", _refused(("J5", "hidden_row"), ("J6", "hidden_row")), _spoiled, hide(5), hide(6))


def _hide_column(sheet: Worksheet) -> None:
    sheet.column_dimensions["L"].hidden = True


_add("m14_hidden_column", _ok(3, said=("隐藏的L列也读了。",)), _spoiled, _hide_column)

# --- Amounts and units (M16, M30) ---------------------------------------------------------------------------

_add("m16_thousands_comma", _ok(3, 1300), _spoiled, cells(P4="1,100.00"))
_add("m16_float_dust", _ok(3, 300), _spoiled, cells(P4=100.00000000000001))
_add("m30_header_in_ten_thousands", _refused(("G1", "wrong_unit")), _short, *SHORT[:6], "补贴金额（万元）")
_add("m30_unit_line_above_a_second_page", _refused(("A7", "wrong_unit")), _spoiled, append(["单位：万元"]))
_add("m30_other_column_in_ten_thousands", _ok(3, said=("家庭年收入",)), lambda: _book(
    [*SHORT, "家庭年收入（万元）"], *([*short(n), "1.2"] for n in range(3))))  # fmt: skip

# --- Villages (M18) -----------------------------------------------------------------------------------------

_add("m18_village_by_alias", _ok(3), _spoiled, cells(H4="杨柳村"))
_add("m18_village_with_the_township", _ok(3), _spoiled, cells(H4="石桥镇101柳树村201"))
_add("m18_village_short", _ok(3), _spoiled, cells(H4="莲塘"))
_add("m18_village_with_a_typo", _refused(("H4", "village_unknown")), _spoiled, cells(H4="柳数村201"))
_add("m18_village_by_code", _ok(3), _spoiled, cells(H4="990001101201"))

# --- Households (M20, §7) -----------------------------------------------------------------------------------

FAMILY = (
    "户主姓名", "户主身份证号", "家庭人口", "开户银行", "银行帐号", "所属社", "家庭成员姓名", "家庭成员身份证号",
    "与户主关系", "合计（元）",
)  # fmt: skip


def member(head: int | None, n: int, yuan: Any, relation: str = "子女") -> list[Any]:
    own = [NAMES[0], id_number(head), "3", BANK, account_number(head), VILLAGE] if head is not None else [None] * 6
    return [*own, NAMES[n % 5], id_number(n), relation, yuan]


_SPANS = tuple(f"{letter}2:{letter}4" for letter in "ABCDEF")
_each = [member(0, 0, 100, "本人"), member(None, 1, 100), member(None, 2, 100)]
_one_amount = [member(0, 0, 300, "本人"), member(None, 1, None), member(None, 2, None)]
FILES["m20_members_below_each_paid.xlsx"] = File(
    lambda: _book(FAMILY, *_each, merged=_SPANS), _ok(3, payees=tuple(NAMES[:3]), row_nos=(2, 3, 4))
)
FILES["m20_members_below_not_merged.xlsx"] = File(
    lambda: _book(FAMILY, *_each),
    _refused(*((f"{letter}{row}", "missing") for row in (3, 4) for letter in "DEF")),
)
FILES["m20_one_amount_proved_by_the_standard.xlsx"] = File(
    lambda: _book(FAMILY, *_one_amount, merged=(*_SPANS, "J2:J4")), _ok(3)
)
FILES["m20_one_amount_for_several.xlsx"] = File(
    lambda: _book(FAMILY, *_one_amount, merged=(*_SPANS, "J2:J4")), _refused(("J2", "amount_unclear")), standard_fen=0
)
FILES["m20_household_paid_once.xlsx"] = File(
    lambda: _book(FAMILY, *_one_amount, member(5, 5, 80), merged=(*_SPANS, "J2:J4")),
    _ok(2, 380, payees=(NAMES[0], NAMES[0]), row_nos=(2, 5)), household=True,
)  # fmt: skip
FILES["m20_household_with_several_amounts.xlsx"] = File(
    lambda: _book(FAMILY, *_each, merged=_SPANS), _refused(("J3", "household_amounts")), household=True
)

SPREAD = (
    "户主姓名", "户主身份证号", "开户银行", "银行账号", "村", "成员1姓名", "成员1身份证号", "成员2姓名",
    "成员2身份证号", "补贴金额",
)  # fmt: skip


def spread(head: int, *members: int, yuan: Any) -> list[Any]:
    row = [NAMES[0], id_number(head), BANK, account_number(head), VILLAGE]
    for n in (*members, None)[:2]:
        row += [NAMES[n % 5], id_number(n)] if n is not None else [None, None]
    return [*row, yuan]


FILES["m20_members_beside_each_other.xlsx"] = File(
    lambda: _book(SPREAD, spread(0, 0, 1, yuan=200), spread(5, 5, yuan=100)),
    _ok(3, row_nos=(1, 2, 3), said=("一行几名成员的，按一人一笔读入",)),
)
FILES["m20_members_beside_one_amount.xlsx"] = File(
    lambda: _book(SPREAD, spread(0, 0, 1, yuan=150), spread(5, 5, yuan=100)), _refused(("J2", "amount_unclear"))
)
FILES["m20_members_beside_household_paid.xlsx"] = File(
    lambda: _book(SPREAD, spread(0, 0, 1, yuan=150), spread(5, 5, yuan=100)),
    _ok(2, 250, said=("成员的列没有读",)), household=True,
)  # fmt: skip
FILES["m20_members_with_own_amounts.xlsx"] = File(
    lambda: _book(
        (*SPREAD[:7], "成员1金额", *SPREAD[7:9], "成员2金额"),
        [*spread(0, 0, 1, yuan="")[:7], 120, NAMES[1], id_number(1), 80],
    ),
    _ok(2, 200),
)
FILES["m20_wrong_number_of_the_second_member.xlsx"] = File(
    lambda: _book(SPREAD, [*spread(0, 0, 1, yuan=200)[:8], "99000019500101001", 200]), _refused(("I2", "id_length"))
)
# Numbers of members in columns that have no header of their own, as 低保 lists have them [E23].
FILES["m20_members_without_a_header.xlsx"] = File(
    lambda: _book(
        (*SHORT, *[None] * 6),
        [*short(0, 300), NAMES[1], id_number(1), NAMES[2], id_number(2), None, None],
        [*short(3, 100), *[None] * 6],
    ),
    _ok(4, row_nos=(1, 2, 3, 4)),
)
FILES["m20_members_without_names.xlsx"] = File(
    lambda: _book((*SHORT, None, None), [*short(0, 200), id_number(1), None], [*short(3), None, None]),
    _refused(("H2", "member_without_name"), ("H2", "missing")),
)

# --- Real exports (§7) --------------------------------------------------------------------------------------

_FAMILY_EXPORT = (
    "户主姓名", "户主身份证号", "家庭人口（数）", "供养方式", "户籍类型", "基本生活总费用（元）",
    "照料护理总费用（元）", "合计（元）", "特困证号", "联系电话", "户籍住址",
    "所属省", "所属市", "所属区", "所属街", "所属社", "最初享受月份",
    "开户银行", "银行账户名称", "银行帐号", "一卡通账号", "家庭成员姓名", "家庭成员身份证号",
)  # fmt: skip


def _exported(n: int, head: int, *, first: bool = True) -> list[Any]:
    account = account_number(head)
    return [
        NAMES[0], id_number(head), "1", "分散供养", "农村", "80", "20", "100", "T2022001", "13800000000", "柳树村3组",
        "示范省", "示范市", "示范县", "石桥镇", VILLAGE, "2019-01", BANK, NAMES[0], account if first else "",
        "" if first else account, NAMES[n % 5], id_number(n),
    ]  # fmt: skip


FILES["real_特困人员家庭查询.xlsx"] = File(
    lambda: _book(["特困人员家庭查询"], _FAMILY_EXPORT, _exported(0, 0), _exported(5, 5, first=False)),
    _ok(2, said=("户名是户主的按户主收款",)),
)
FILES["real_特困人员家庭查询_成员收户主的款.xlsx"] = File(
    lambda: _book(_FAMILY_EXPORT, _exported(0, 0), _exported(1, 0)), _ok(2, payees=(NAMES[0], NAMES[0]))
)
FILES["real_低保人员查询.xlsx"] = File(
    lambda: _book(
        ("序号", "姓名", "身份证号", "与户主关系", "户主姓名", "户主身份证号", "是否残疾", "残疾证号", "残疾类别/等级",
         "照料人姓名", "照料人身份证号", "救助类型", "所属社区", "开户银行", "银行账号", "保障金额", "备注"),
        *([n, NAMES[n], id_number(n), "子女", NAMES[0], id_number(0), "否", "", "", "", "", "低保", VILLAGE, BANK,
           account_number(n), "100", ""] for n in range(3)),
    ),
    _ok(3),
)  # fmt: skip
FILES["real_两个账号不同.xlsx"] = File(
    lambda: _book(
        _FAMILY_EXPORT, [*_exported(0, 0)[:20], account_number(9), NAMES[0], id_number(0)]
    ),
    _refused(("U2", "two_accounts")),
)  # fmt: skip
for _at in (1, 2, 3, 5, 6):
    _labels = [*SHORT[1:2], *SHORT[3:]]
    _order = [*_labels[:_at], SHORT[2], *_labels[_at:]]
    FILES[f"real_证号在第{_at + 1}列.xlsx"] = File(
        lambda order=tuple(_order): _book(order, *(_sorted(order, n) for n in range(3))), _ok(3)
    )


def _sorted(order: Sequence[str], n: int) -> list[Any]:
    by_label = dict(zip(SHORT, short(n), strict=True))
    return [by_label[label] for label in order]


FILES["real_户主一人一户.xlsx"] = File(
    lambda: _book(
        ("户主", "户主身份证", "一卡通账户", "开户行", "行政村", "补贴面积", "补贴标准", "补贴金额"),
        *([NAMES[n], id_number(n), account_number(n), BANK, VILLAGE, "2.5", "40", "100"] for n in range(3)),
    ),
    _ok(3, said=("发给户主",)), household=True,
)  # fmt: skip

# --- Layouts nobody has seen (the mapping page) --------------------------------------------------------------

UNKNOWN = ("人", "证", "存到哪", "哪家行", "哪里人", "多少钱")


def unknown_layout(rows: int = 3, title: str = "三月发放") -> bytes:
    return _book([title], UNKNOWN, *(short(n)[1:] for n in range(rows)))


_add("m02_unknown_header", Expected("asking", asks="columns"), unknown_layout)
_add(
    "m02_one_unknown_word", Expected("asking", asks="columns"), _short,
    "序号", "姓名", "身份证号", "打款号", "开户行", "村（社区）", "补贴金额（元）",
)  # fmt: skip
_add("m01_no_table_at_all", _refused(("0", "no_header")), _book, ["通知"], ["请各村尽快上报。"])

# --- Duplicates, payees (M11, M22) --------------------------------------------------------------------------

_add(
    "m11_same_row_twice",
    _refused(("K4", "twice"), ("K6", "twice")),
    lambda: saved(write([claim(0), claim(1), claim(0)])),
)
_add(
    "m11_same_person_two_items", _ok(2),
    lambda: saved(write([claim(0) | {"分项": "冬"}, claim(0) | {"分项": "夏"}], (*LABELS, "分项"))),
)  # fmt: skip
_add("m22_payee_is_the_head", _ok(1, payees=(NAMES[0],)), lambda: saved(write([
    claim(1) | {"户主姓名": NAMES[0], "户主身份证号": id_number(0), "收款人姓名": NAMES[0],
                "收款人身份证号": id_number(0)}])))  # fmt: skip


# --- Other kinds of files (M24) -----------------------------------------------------------------------------


def xls(rows: Iterable[Sequence[Any]], change: Callable[[xlwt.Workbook], None] | None = None) -> bytes:
    """A workbook of 1997, as older systems export it."""
    workbook = xlwt.Workbook(encoding="utf-8")
    sheet = workbook.add_sheet("清册", cell_overwrite_ok=True)
    for at, row in enumerate(rows):
        for index, value in enumerate(row):
            sheet.write(at, index, value)
    if change:
        change(workbook)
    out = io.BytesIO()
    workbook.save(out)
    return out.getvalue()


def text_file(rows: Iterable[Sequence[Any]], encoding: str, delimiter: str = ",", before: str = "") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return (before + out.getvalue()).encode(encoding)


def _lines() -> list[list[Any]]:
    return [list(SHORT), *(short(n) for n in range(3))]


FILES["m24_old_workbook.xls"] = File(lambda: xls(_lines()), _ok(3))
FILES["m24_old_workbook_id_as_number.xls"] = File(
    lambda: xls([*_lines(), [*short(4)[:2], 9.90000195001e17, *short(4)[3:]]]), _refused(("C5", "id_as_number"))
)


def _hide_old_row(workbook: xlwt.Workbook) -> None:
    workbook.get_sheet(0).row(2).hidden = True


def _hide_old_sheet(workbook: xlwt.Workbook) -> None:
    sheet = workbook.add_sheet("旧名单")
    sheet.write(0, 0, "x")
    sheet.visibility = 1


def _old_title(workbook: xlwt.Workbook) -> None:
    workbook.get_sheet(0).write_merge(0, 0, 0, 6, "石桥镇高龄津贴发放表")


def _old_formula(workbook: xlwt.Workbook) -> None:
    # No program has computed it: xlwt leaves an empty text.
    workbook.get_sheet(0).write(1, 6, xlwt.Formula("50+50"))


def _old_date(workbook: xlwt.Workbook) -> None:
    sheet = workbook.get_sheet(0)
    sheet.write(0, 7, "填报日期")
    for row in (1, 2, 3):
        sheet.write(row, 7, dt.date(2022, 3, 1), xlwt.easyxf(num_format_str="YYYY-MM-DD"))


FILES["m14_old_workbook_hidden_row.xls"] = File(lambda: xls(_lines(), _hide_old_row), _refused(("B3", "hidden_row")))
FILES["m14_old_workbook_hidden_sheet.xls"] = File(
    lambda: xls(_lines(), _hide_old_sheet), _ok(3, said=("隐藏的工作表“旧名单”没有读。",))
)
FILES["m01_old_workbook_merged_title.xls"] = File(lambda: xls([[], *_lines()], _old_title), _ok(3, row_nos=(3, 4, 5)))
FILES["m15_old_workbook_formula_nobody_computed.xls"] = File(
    lambda: xls(_lines(), _old_formula), _refused(("G2", "formula_cell"))
)
FILES["m17_old_workbook_date_cells.xls"] = File(
    lambda: xls(_lines(), _old_date), _ok(3, said=("“填报日期”只随文件保存",))
)
for _encoding in ("utf-8", "utf-8-sig", "gb18030"):
    FILES[f"m24_csv_{_encoding}.csv"] = File(lambda encoding=_encoding: text_file(_lines(), encoding), _ok(3))
FILES["m24_csv_with_tabs.csv"] = File(lambda: text_file(_lines(), "gb18030", "\t"), _ok(3))
FILES["m24_csv_id_in_scientific_notation.csv"] = File(
    lambda: text_file([*_lines(), [*short(4)[:2], "9.90000195001E+17", *short(4)[3:]]], "gb18030"),
    _refused(("C5", "id_as_number")),
)
FILES["m24_csv_utf-16.csv"] = File(lambda: text_file(_lines(), "utf-16"), _ok(3))
FILES["m24_csv_says_its_separator.csv"] = File(lambda: text_file(_lines(), "utf-8", ";", "sep=;\r\n"), _ok(3))
FILES["m24_csv_below_a_title.csv"] = File(
    lambda: text_file([["石桥镇高龄津贴发放表"], *_lines()], "gb18030"), _ok(3, row_nos=(3, 4, 5))
)
FILES["m24_csv_numbers_forced_to_text.csv"] = File(
    lambda: text_file([list(SHORT), *([f'="{cell}"' for cell in short(n)] for n in range(3))], "gb18030"), _ok(3)
)
FILES["m24_csv_rare_character.csv"] = File(lambda: text_file([list(SHORT), short(3)], "gb18030"), _ok(1))
FILES["m24_csv_total_below.csv"] = File(
    lambda: text_file([*_lines(), ["合计", "", "", "", "", "", "300.00"]], "gb18030"), _ok(3)
)
FILES["m24_csv_named_xlsx.xlsx"] = File(lambda: text_file(_lines(), "gb18030"), _ok(3))
FILES["m24_old_workbook_named_xlsx.xlsx"] = File(lambda: xls(_lines()), _ok(3))
FILES["m24_csv_quote_left_open.csv"] = File(
    lambda: text_file(_lines(), "utf-8") + '"林立夏,未完\n'.encode(), _refused(("0", "file_text_quotes"))
)
FILES["m24_csv_half_a_character_at_the_end.csv"] = File(
    lambda: text_file(_lines(), "gb18030") + "林".encode("gb18030")[:1], _refused(("0", "file_text_encoding"))
)
FILES["m24_csv_with_a_nul.csv"] = File(
    lambda: text_file(_lines(), "utf-8-sig") + b"\0", _refused(("0", "file_text_control"))
)
