"""The template workbook of a kind of comparison data: headers, text formats, choices, an example, notes."""

from __future__ import annotations

from io import BytesIO

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from programs.comparison_data import Field, KindInfo
from programs.models import Dataset

SHEET, NOTES = "名单", "填写说明"
FIRST_ROW, PREPARED_ROWS = 2, 2_000

_HEAD_FILL = PatternFill("solid", fgColor="EAF0F7")
_REQUIRED, _BOLD = Font(bold=True, color="B42318"), Font(bold=True)
_THIN = Side(style="thin", color="C5CDD8")
_BOX = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)


def build_list_template(info: KindInfo) -> bytes:
    """The .xlsx to fill in for this kind; identifiers and dates are text, so that a spreadsheet spoils none."""
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = SHEET
    for index, field in enumerate(info.columns, 1):
        _write_column(sheet, index, field)
    sheet.freeze_panes = "A2"
    _write_notes(workbook.create_sheet(NOTES), info)
    out = BytesIO()
    workbook.save(out)
    return out.getvalue()


def choice_words(field: Field) -> list[str]:
    """The word of each choice that the template offers: the first of those that mean the same."""
    words: dict[object, str] = {}
    for word, kept in field.choices:
        words.setdefault(kept, word)
    return list(words.values())


def field_help(field: Field) -> str:
    """What belongs into the column, in one sentence."""
    if field.choices:
        return _("填其中一项：%(words)s。") % {"words": "、".join(choice_words(field))}
    return {
        "name": _("照身份证填，一人一行。"),
        "id": _("18位身份证号，单元格格式须为“文本”，否则后几位会丢失。"),
        "day": _("日期，如 2022-03-01；长期有效的可不填。"),
        "past_day": _("日期，如 2022-03-01，不能晚于今天。"),
        "decimal": _("数字，最多四位小数，不带单位。"),
        "text": _("文字。"),
    }[field.form]


def _write_column(sheet: Worksheet, index: int, field: Field) -> None:
    letter = get_column_letter(index)
    head = sheet.cell(1, index, field.label)
    head.font = _REQUIRED if field.required else _BOLD
    head.fill, head.border, head.alignment = _HEAD_FILL, _BOX, _CENTRE
    sheet.column_dimensions[letter].width = 24 if field.form == "id" else 18
    style = "0.00##" if field.form == "decimal" else "@"
    sheet.column_dimensions[letter].number_format = style
    for row in range(FIRST_ROW, FIRST_ROW + PREPARED_ROWS):
        sheet.cell(row, index).number_format = style
    if field.choices:
        listed = ",".join(choice_words(field))
        validation = DataValidation(type="list", formula1=f'"{listed}"', allow_blank=not field.required)
        validation.errorTitle, validation.error = field.label, field_help(field)[:220]
        validation.add(f"{letter}{FIRST_ROW}:{letter}{FIRST_ROW + PREPARED_ROWS - 1}")
        sheet.add_data_validation(validation)


def _write_notes(notes: Worksheet, info: KindInfo) -> None:
    lines = [
        _("本表用于：%(kind)s（%(meaning)s）。") % {
            "kind": Dataset.Kind(info.kind).label, "meaning": info.meaning
        },
        _("每次给全部人员，新的一份替换旧的。") if not info.cumulative else _("每次给新增的人员，与以前的合在一起用。"),
        _("红字为必填。有一处不对，整份都不导入；系统会指出是哪一格、怎么改。"),
        _("身份证号只用来比对，导入后只留比对码，文件随即删除。"),
    ]  # fmt: skip
    for number, line in enumerate(lines, 1):
        notes.cell(number, 1, line)
    first = len(lines) + 2
    titles = ((_("栏目"), 18), (_("是否必填"), 10), (_("填什么"), 60), (_("也可以叫"), 50), (_("例（虚构）"), 24))
    for index, (title, width) in enumerate(titles, 1):
        cell = notes.cell(first, index, title)
        cell.font, cell.fill, cell.border = _BOLD, _HEAD_FILL, _BOX
        notes.column_dimensions[get_column_letter(index)].width = width
    for number, field in enumerate(info.columns, first + 1):
        needed = _("必填") if field.required else _("选填")
        values = (field.label, needed, field_help(field), "、".join(field.aliases), field.example)
        for index, value in enumerate(values, 1):
            cell = notes.cell(number, index, value)
            cell.number_format, cell.border = "@", _BOX
