"""The workbook a clerk downloads, fills and uploads: domain §7, made from the program."""

from __future__ import annotations

from io import BytesIO
from itertools import groupby
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.styles import Alignment, Border, Font, PatternFill, Side
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from programs.amount_rules import rule_words
from programs.imports.columns import EXTRA_COLUMNS, Column, template_columns
from programs.imports.directory import load_directory
from programs.models import Program
from subsidy_portal.models import Area, Organisation

SHEET, NOTES = "清册", "填写说明"
# Title, one line of facts, two rows of header; data from row 5.
HEADER_ROW, FIRST_ROW = 3, 5
# Rows prepared with formats and choices; more may be filled in below them.
PREPARED_ROWS = 2_000

_HEAD_FILL = PatternFill("solid", fgColor="EAF0F7")
_REQUIRED = Font(bold=True, color="B42318")
_BOLD = Font(bold=True)
_THIN = Side(style="thin", color="C5CDD8")
_BOX = Border(left=_THIN, right=_THIN, top=_THIN, bottom=_THIN)
_CENTRE = Alignment(horizontal="center", vertical="center", wrap_text=True)


def build_template(program: Program, area: Area | None = None) -> bytes:
    """The .xlsx template of ``program``; with ``area``, a township, its villages can be chosen from a list."""
    out = BytesIO()
    template_workbook(program, area).save(out)
    return out.getvalue()


def template_workbook(program: Program, area: Area | None = None, period: str = "") -> Workbook:
    """The template to write on; ``period`` as it stands in its second line."""
    columns = template_columns(program)
    workbook = Workbook()
    sheet = workbook.worksheets[0]
    sheet.title = SHEET
    _write_header(sheet, program, columns, area, period)
    _prepare_rows(sheet, columns)
    notes = workbook.create_sheet(NOTES)
    choices = {"bank": _bank_names(), "village": load_directory(area).village_names if area else []}
    _write_notes(notes, program, columns)
    choices |= {column.field: list(column.choices) for column in columns if column.choices}
    _offer_choices(sheet, notes, columns, choices)
    _guard_cells(sheet, columns)
    return workbook


# Number formats and what a cell takes, for the columns of the program's own.
_OWN_FORMATS = {"integer": "0", "decimal": "0.00##", "date": "yyyy-mm-dd"}


def _guard_cells(sheet: Worksheet, columns: list[Column]) -> None:
    """The spreadsheet refuses already what the import would: no point in filling in a thousand rows wrong."""
    guards: dict[str, dict[str, Any]] = {
        "integer": {"type": "whole", "operator": "between", "formula1": "0", "formula2": "999999999"},
        "decimal": {"type": "decimal", "operator": "between", "formula1": "0", "formula2": "999999999"},
        "date": {"type": "date", "operator": "greaterThanOrEqual", "formula1": "1"},
        "id_number": {"type": "textLength", "operator": "equal", "formula1": "18"},
    }
    for index, column in enumerate(columns, 1):
        if column.kind not in guards:
            continue
        validation = DataValidation(allow_blank=True, **guards[column.kind])
        validation.errorTitle, validation.error = column.label, column.help[:220]
        validation.promptTitle, validation.prompt = column.label, column.help[:220]
        letter = get_column_letter(index)
        validation.add(f"{letter}{FIRST_ROW}:{letter}{FIRST_ROW + PREPARED_ROWS - 1}")
        sheet.add_data_validation(validation)


def _bank_names() -> list[str]:
    banks = Organisation.objects.filter(kind=Organisation.Kind.BANK, is_active=True)
    return list(banks.values_list("name", flat=True))


def _write_header(sheet: Worksheet, program: Program, columns: list[Column], area: Area | None, period: str) -> None:
    last = get_column_letter(len(columns))
    sheet.merge_cells(f"A1:{last}1")
    sheet["A1"] = _("%(program)s发放清册") % {"program": program.name}
    sheet["A1"].font, sheet["A1"].alignment = Font(bold=True, size=16), _CENTRE
    sheet.row_dimensions[1].height = 30
    sheet.merge_cells(f"A2:{last}2")
    town = area.name if area else "　　　　"
    sheet["A2"] = _("乡镇：%(town)s　　　期间：%(period)s　　　单位：元　　　（红字为必填，填写前请看“%(notes)s”）") % {
        "town": town,
        "period": period or "　　　　",
        "notes": NOTES,
    }
    at = 1
    for group, members in groupby(columns, key=lambda column: column.group):
        at = _write_group(sheet, at, group, list(members))
    sheet.freeze_panes = f"B{FIRST_ROW}"


def _write_group(sheet: Worksheet, at: int, group: str, members: list[Column]) -> int:
    """One merged group word over its columns; a column without a group takes both rows. Returns the next column."""
    for offset, column in enumerate(members):
        place = sheet.cell(HEADER_ROW + 1 if group else HEADER_ROW, at + offset, column.label)
        place.font = _REQUIRED if column.required else _BOLD
        sheet.column_dimensions[get_column_letter(at + offset)].width = column.width
        if not group:
            sheet.merge_cells(
                start_row=HEADER_ROW, end_row=HEADER_ROW + 1, start_column=at + offset, end_column=at + offset
            )
    after = at + len(members)
    if group:
        sheet.cell(HEADER_ROW, at, group).font = _BOLD
        if len(members) > 1:
            sheet.merge_cells(start_row=HEADER_ROW, end_row=HEADER_ROW, start_column=at, end_column=after - 1)
    for row in sheet.iter_rows(min_row=HEADER_ROW, max_row=HEADER_ROW + 1, min_col=at, max_col=after - 1):
        for cell in row:
            cell.fill, cell.border, cell.alignment = _HEAD_FILL, _BOX, _CENTRE
    return after


def add_header(sheet: Worksheet, index: int, label: str) -> None:
    """One more optional column at the right of the template's."""
    place = sheet.cell(HEADER_ROW + 1, index, label)
    place.font, place.fill, place.border, place.alignment = _BOLD, _HEAD_FILL, _BOX, _CENTRE
    sheet.column_dimensions[get_column_letter(index)].width = 14


def _prepare_rows(sheet: Worksheet, columns: list[Column]) -> None:
    """Identifiers are text before anybody types: a spreadsheet keeps only fifteen digits of a number."""
    formats = {"amount": "0.00", "standard": "0.00", "quantity": "0.00", "filled_on": "yyyy-mm-dd"}
    for index, column in enumerate(columns, 1):
        style = "@" if column.is_text else formats.get(column.field) or _OWN_FORMATS.get(column.kind)
        if style is None:
            continue
        sheet.column_dimensions[get_column_letter(index)].number_format = style
        for row in range(FIRST_ROW, FIRST_ROW + PREPARED_ROWS):
            sheet.cell(row, index).number_format = style


def _write_notes(notes: Worksheet, program: Program, columns: list[Column]) -> None:
    household = program.paid_to == Program.PaidTo.HOUSEHOLD
    lines = [
        _("本表用于：%(program)s（%(paid_to)s）。标准：%(standard)s。")
        % {"program": program.name, "paid_to": program.get_paid_to_display(), "standard": program.standard_text},
        _("收款人必须是户主。") if household else _("收款人必须是享受人本人或户主。"),
        _("一人一行；身份证号、银行账号、电话照原样填成文本，不要用公式；不发的人整行删除，不要隐藏。"),
        _("有一处不对，整份都不导入；系统会指出是哪一格、怎么改。"),
    ]
    if program.amount_rule:
        lines.append(
            _("金额怎么算：%(rule)s（标准为补贴标准，年龄为享受人在本期第一天的周岁）。请写算好的数字，不要写公式。")
            % {"rule": rule_words(program.amount_rule)}
        )
    for number, line in enumerate(lines, 1):
        notes.cell(number, 1, line)
    first = len(lines) + 2
    for index, (title, width) in enumerate(
        ((_("栏目"), 18), (_("是否必填"), 10), (_("填什么"), 70), (_("例（虚构）"), 24)), 1
    ):
        cell = notes.cell(first, index, title)
        cell.font, cell.fill, cell.border = _BOLD, _HEAD_FILL, _BOX
        notes.column_dimensions[get_column_letter(index)].width = width
    rows = [(c.label, _("必填") if c.required else _("选填"), c.help, c.example) for c in columns]
    shown = {column.label for column in columns}
    rows += [
        (label, _("可另加一列"), str(meaning), "") for label, meaning in EXTRA_COLUMNS.items() if label not in shown
    ]
    for number, values in enumerate(rows, first + 1):
        for index, value in enumerate(values, 1):
            cell = notes.cell(number, index, value)
            cell.number_format, cell.border = "@", _BOX


def _offer_choices(sheet: Worksheet, notes: Worksheet, columns: list[Column], choices: dict[str, list[str]]) -> None:
    """Lists to choose from stand on the notes sheet, in plain sight: hidden sheets are not read and make suspicious."""
    titles = {"bank": _("代发银行"), "village": _("本镇的村（居）")}
    for place, (name, values) in enumerate(choices.items()):
        if not values:
            continue
        letter = get_column_letter(6 + place)
        title = titles.get(name) or name.removeprefix("own:")
        notes[f"{letter}1"] = title
        notes[f"{letter}1"].font = _BOLD
        notes.column_dimensions[letter].width = 20
        for number, value in enumerate(values, 2):
            notes[f"{letter}{number}"] = value
        validation = DataValidation(
            type="list", formula1=f"'{NOTES}'!${letter}$2:${letter}${len(values) + 1}", allow_blank=True
        )
        validation.errorTitle, validation.error = title, _("请从列表中选择。")
        index = next(i for i, column in enumerate(columns, 1) if column.field == name)
        column_letter = get_column_letter(index)
        validation.add(f"{column_letter}{FIRST_ROW}:{column_letter}{FIRST_ROW + PREPARED_ROWS - 1}")
        sheet.add_data_validation(validation)
