"""Roster files as townships send them: one clean file, and what may go wrong with it, each mess with its name.

``DEFECTS`` maps the name of a mess to the change that makes it and the problems that must come back.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import openpyxl
from openpyxl.worksheet.worksheet import Worksheet
from stdnum import luhn
from stdnum.cn import ric

LABELS = (
    "排序序号", "户主姓名", "户主身份证号", "收款人姓名", "收款人身份证号", "银行账号", "开户银行", "村(居)委会",
    "村(居)民小组", "享受人", "享受人身份证号", "联系电话", "务工地点", "乘坐交通工具", "补贴标准", "补贴金额",
    "填报日期", "备注",
)  # fmt: skip
SHEET, BANK, VILLAGE = "清册", "示范N银行", "柳树村201"
# Title, one line of facts, the header; the first claim stands in row 4.
FIRST_ROW = 4
NAMES = ("林立夏", "沈知秋", "买买提·阿不都", "陈䶮", "江白鹭")


def id_number(n: int) -> str:
    """The ``n``-th invented ID number, born in 1950."""
    body = f"990000{dt.date(1950, 1, 1) + dt.timedelta(days=n // 900):%Y%m%d}{n % 900:03d}"
    return body + ric.calc_check_digit(body + "0")


def account_number(n: int) -> str:
    body = f"62179900{n:010d}"
    return body + luhn.calc_check_digit(body)


def claim(n: int) -> dict[str, Any]:
    """One clean row: a person who is head, payee and beneficiary."""
    name, number = NAMES[n % len(NAMES)], id_number(n)
    return {
        "排序序号": str(n + 1),
        "户主姓名": name,
        "户主身份证号": number,
        "收款人姓名": name,
        "收款人身份证号": number,
        "银行账号": account_number(n),
        "开户银行": BANK,
        "村(居)委会": VILLAGE,
        "村(居)民小组": f"{n % 8 + 1}组",
        "享受人": name,
        "享受人身份证号": number,
        "联系电话": f"1380000{n:04d}",
        "务工地点": "",
        "乘坐交通工具": "",
        "补贴标准": "100.00",
        "补贴金额": "100.00",
        "填报日期": "2022-03-01",
        "备注": "",
    }


def write(rows: list[dict[str, Any]], labels: tuple[str, ...] = LABELS) -> openpyxl.Workbook:
    """A workbook with title, facts, one header row and ``rows``."""
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = SHEET
    sheet.append(["石桥镇高龄津贴发放清册"])
    sheet.append(["期间：2022年3月　单位：元"])
    sheet.append(list(labels))
    for row in rows:
        sheet.append([row.get(label, "") for label in labels])
    return workbook


def saved(workbook: openpyxl.Workbook) -> bytes:
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def clean_file(count: int = 3, first: int = 0) -> bytes:
    return saved(write([claim(n) for n in range(first, first + count)]))


@dataclass(frozen=True)
class Defect:
    """``spoil`` changes the clean sheet of three rows; ``expected`` are (cell or row, message, hint)."""

    spoil: Callable[[Worksheet], None]
    expected: tuple[tuple[str, str, str], ...]


def spoiled_file(defect: Defect, count: int = 3) -> bytes:
    workbook = write([claim(n) for n in range(count)])
    defect.spoil(workbook.worksheets[0])
    return saved(workbook)


def cells(**values: Any) -> Callable[[Worksheet], None]:
    """Put values into cells: ``cells(K4=…, P5=…)``."""

    def spoil(sheet: Worksheet) -> None:
        for place, value in values.items():
            sheet[place] = value

    return spoil


def error_cell(place: str) -> Callable[[Worksheet], None]:
    def spoil(sheet: Worksheet) -> None:
        sheet[place].value, sheet[place].data_type = "#REF!", "e"

    return spoil


def hide(row: int) -> Callable[[Worksheet], None]:
    def spoil(sheet: Worksheet) -> None:
        sheet.row_dimensions[row].hidden = True

    return spoil


def append(*rows: list[Any]) -> Callable[[Worksheet], None]:
    def spoil(sheet: Worksheet) -> None:
        for row in rows:
            sheet.append(row)

    return spoil


def drop_column(letter: str) -> Callable[[Worksheet], None]:
    def spoil(sheet: Worksheet) -> None:
        sheet.delete_cols(openpyxl.utils.column_index_from_string(letter))

    return spoil


def second_list(sheet: Worksheet) -> None:
    other = sheet.parent.create_sheet("清册(2)")
    for row in sheet.iter_rows(values_only=True):
        other.append(row)


_AS_TEXT = "请把该列设为“文本”，照身份证重填。"
_AMOUNT_HINT = "请只填数字，以元为单位，最多两位小数，例如 1200.50。"
_AGAIN = "请照身份证重填。"
_LOST = "证号已被表格软件改写成数字，后几位已丢失，无法还原。"
_EARLIER = id_number(0)

DEFECTS: dict[str, Defect] = {
    # Identifiers that a spreadsheet destroyed, or that were mistyped (M3, M4, M8, M10, A01–A06)
    "id_as_number": Defect(cells(K5=990000195001010019), (("K5", _LOST, _AS_TEXT),)),
    "id_in_scientific_notation": Defect(cells(K5="9.90000195001E+17"), (("K5", _LOST, _AS_TEXT),)),
    "id_last_digits_zero": Defect(
        cells(K5="990000195001012000"),
        (("K5", _LOST, _AS_TEXT),),
    ),
    "id_seventeen_digits": Defect(cells(K5="99000019500101001"), (("K5", "身份证号应为18位，这里是17位。", _AGAIN),)),
    "id_old_fifteen_digits": Defect(
        cells(K5="990000500101001"),
        (("K5", "这是15位旧证号，照规则换成18位尾号是0019。", "请照身份证核对，在网页上确认换成18位，或填18位。"),),
    ),
    "id_x_in_the_middle": Defect(
        cells(K5="99000019500X010019"), (("K5", "身份证号只能是17位数字加末位数字或X。", _AGAIN),)
    ),
    "id_with_arabic_digits": Defect(
        cells(K5="99000019500101001٩"), (("K5", "身份证号只能是17位数字加末位数字或X。", _AGAIN),)
    ),
    "id_birth_date_does_not_exist": Defect(
        cells(K5="990000196202290015"), (("K5", "身份证号里的出生日期不存在。", "请照身份证核对。"),)
    ),
    "id_missing": Defect(cells(K5=""), (("K5", "必填的一格是空的。", "请补填。"),)),
    "two_ids_in_one_cell": Defect(
        cells(K5=f"{id_number(1)}、{id_number(2)}"), (("K5", "一格里写了不止一个身份证号。", "请一人一行。"),)
    ),
    "account_as_number": Defect(
        cells(F6=6217990000000000017),
        (
            (
                "F6",
                "账号已被表格软件改写成数字，后几位已丢失，无法还原。",
                "请把该列设为“文本”，照存折或卡面重填。",
            ),
        ),
    ),
    "account_with_wrong_check_digit": Defect(
        cells(F6=account_number(2)[:-1] + str((int(account_number(2)[-1]) + 1) % 10)),
        (("F6", "银行卡号的校验位不对，可能填错一位。", "请照卡面核对。"),),
    ),
    "account_is_the_social_card_number": Defect(
        cells(F6="A12345678"), (("F6", "银行账号应为8到32位数字。", "请照存折或卡面重填。"),)
    ),
    # Names (M19, M21, A11–A14)
    "name_two_people_in_one_cell": Defect(
        cells(J4="林立夏、沈知秋"), (("J4", "一格里写了不止一个人。", "请一人一行。"),)
    ),
    "name_with_a_question_mark": Defect(cells(J4="林?"), (("J4", "姓名里有不该有的字符。", _AGAIN),)),
    "name_with_markup": Defect(cells(J4="<script>"), (("J4", "姓名里有不该有的字符。", _AGAIN),)),
    "name_of_ten_thousand_characters": Defect(cells(J4="林" * 10_000), (("J4", "姓名超过50个字。", "请核对。"),)),
    "name_is_a_number": Defect(cells(J4=12), (("J4", "姓名里是数字或日期。", _AGAIN),)),
    "name_only_blanks": Defect(cells(J4="　 "), (("J4", "必填的一格是空的。", "请补填。"),)),
    # Places and banks (M18)
    "village_unknown": Defect(
        cells(H5="杨树湾"), (("H5", "石桥镇101没有叫这个名字的村（居）。", "请照区划名称填写：柳树村201。"),)
    ),
    "village_retired": Defect(cells(H5="旧村"), (("H5", "这个村已撤并。", "请改填现在的村：柳树村201。"),)),
    "bank_unknown": Defect(
        cells(G5="火星银行"), (("G5", "这不是本县的代发银行。", f"请照代发银行的名称填写：{BANK}。"),)
    ),
    # Amounts (M16, A09, A10)
    **{
        f"amount_{name}": Defect(cells(P5=value), (("P5", "这不是金额。", _AMOUNT_HINT),))
        for name, value in {
            "with_unit": "300元",
            "with_sign": "￥300",
            "in_ten_thousands": "0.31万",
            "in_words": "壹佰元",
            "not_a_number": "NaN",
            "infinite": "Infinity",
            "huge": "1e400",
            "full_width": "１２３",
            "with_underscore": "1_000",
            "with_misplaced_comma": "1,00",
            "true": True,
        }.items()
    },
    "amount_three_decimals_text": Defect(cells(P5="0.001"), (("P5", "金额多于两位小数。", _AMOUNT_HINT),)),
    "amount_three_decimals_number": Defect(cells(P5=100.005), (("P5", "金额多于两位小数。", _AMOUNT_HINT),)),
    "amount_zero": Defect(cells(P5="0"), (("P5", "金额必须大于零。", "不发的人请整行删除。"),)),
    "amount_minus_zero": Defect(cells(P5="-0"), (("P5", "金额必须大于零。", "不发的人请整行删除。"),)),
    "amount_negative": Defect(cells(P5=-5), (("P5", "金额必须大于零。", "不发的人请整行删除。"),)),
    "amount_missing": Defect(cells(P5=None), (("P5", "必填的一格是空的。", "请补填。"),)),
    "amount_over_the_cap": Defect(cells(P5="5000.01"), (("P5", "金额超过本项目单笔上限5,000.00元。", "请核对金额。"),)),
    # Formulas and errors (M15)
    "formula_without_a_value": Defect(
        cells(P5="=O5*1"), (("P5", "这一格是没有算出结果的公式。", "请复制后“选择性粘贴—数值”。"),)
    ),
    "error_value": Defect(error_cell("P5"), (("P5", "这一格是错误值（如#REF!、#N/A）。", "请改填实际内容。"),)),
    # Dates, phone, texts (M17)
    "date_that_does_not_exist": Defect(
        cells(Q4="1954-2-30"), (("Q4", "这不是存在的日期。", "请写成 2022-03-01 这样的日期。"),)
    ),
    "date_as_serial_number": Defect(cells(Q4=44621), (("Q4", "这不是存在的日期。", "请写成 2022-03-01 这样的日期。"),)),
    "date_in_the_future": Defect(cells(Q4="2022-12-31"), (("Q4", "填报日期还没到。", "请核对日期。"),)),
    "phone_too_short": Defect(cells(L4="12345"), (("L4", "电话应为11位手机号，或带区号的固定电话。", "请核对。"),)),
    "note_too_long": Defect(cells(R4="长" * 201), (("R4", "内容超过200个字。", "请缩短到200个字以内。"),)),
    # Whole rows
    "same_beneficiary_twice": Defect(
        cells(**{f"{c}6": v for c, v in zip("BCDEJK", ("林立夏", _EARLIER) * 3, strict=True)}),
        (
            ("K4", "同一享受人在第4、6行重复出现。", "请只留一行，或在“分项”列写明不同的名目。"),
            ("K6", "同一享受人在第4、6行重复出现。", "请只留一行，或在“分项”列写明不同的名目。"),
        ),
    ),
    "same_id_with_two_names": Defect(
        cells(B5="林立秋", C5=_EARLIER),
        (("B5", "同一身份证号在第4行的姓名是“林立夏”，与这里不同。", "请核对姓名和身份证号。"),),
    ),
    "payee_is_somebody_else": Defect(
        cells(D5="江白鹭", E5=id_number(9)),
        (("E5", "收款人既不是享受人，也不是户主。", "请改为享受人或户主的账户。"),),
    ),
    "head_without_a_number": Defect(
        cells(C5=""), (("C5", "户主的姓名和身份证号只填了一项。", "请两项都填，或两项都不填。"),)
    ),
    "hidden_row": Defect(hide(5), (("J5", "这一行被隐藏或筛选掉了。", "请取消隐藏和筛选；不发的人请整行删除。"),)),
    # The sheet (M1, M12, M14, M30, B11)
    "column_missing": Defect(
        drop_column("K"), (("3", "缺少必填的列：“享受人身份证号”。", "请补上这些列，或使用本项目的模板。"),)
    ),
    "column_twice": Defect(cells(R3="金额"), (("R3", "P列和R列是同一项内容。", "请删去其中一列。"),)),
    "unit_ten_thousand_yuan": Defect(cells(A2="单位：万元"), (("A2", "金额单位不是元。", "请把金额改成以元为单位。"),)),
    "total_does_not_tie": Defect(
        append(["合　计", *[""] * 14, "300.01"]),
        (("P7", "合计写的是300.01，各行相加是300.00元。", "请核对有没有漏行、多行或改错的金额。"),),
    ),
    "no_header": Defect(
        lambda sheet: sheet.delete_rows(3),
        (
            (
                "0",
                "没有找到表头。",
                "请使用本项目的模板，表头里要有“享受人身份证号”“银行账号”“补贴金额”等列名。",
            ),
        ),
    ),
    "no_rows": Defect(lambda sheet: sheet.delete_rows(4, 3), (("0", "表头下面没有一行数据。", "请填好后再上传。"),)),
}
