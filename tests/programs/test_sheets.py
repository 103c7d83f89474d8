"""The guard before the reader: what is no honest .xlsx is refused with a sentence, quickly, and nothing dies of it."""

from __future__ import annotations

import csv
import datetime as dt
import resource
import subprocess
import sys
import time
from io import BytesIO, StringIO

import openpyxl
import pytest
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from programs.imports.cells import id_number_reader, read_amount, read_date
from programs.imports.problems import CellError
from subsidy_portal import sheet_reader, sheets, text_sheets
from subsidy_portal.money import format_yuan
from tests.corpus import attacks
from tests.corpus import rosters as corpus

A = attacks

ATTACKS = {
    "empty": (lambda: b"", "empty"),
    "xls_of_nothing": (A.ole, "damaged"),
    "xls_with_a_stream_of_noise": (lambda: A.ole("Workbook"), "damaged"),
    "xls_with_a_password": (A.encrypted_xls, "encrypted"),
    "xls_with_macros": (lambda: A.ole("_VBA_PROJECT_CUR"), "macro"),
    "xls_that_reads_another_file": (A.linked_xls, "external_link"),
    "xls_beyond_column_two_hundred": (lambda: A.xls({(0, 0): "x", (0, 255): "x"}), "too_wide"),
    "old_word": (lambda: A.ole("WordDocument"), "document"),
    "password": (lambda: A.ole("EncryptedPackage"), "encrypted"),
    "pdf": (lambda: b"%PDF-1.7\n", "pdf"),
    "html_named_xlsx": (lambda: b"\xef\xbb\xbf<html><table><tr><td>1</td></tr></table>", "html"),
    "xml_spreadsheet_2003": (lambda: b'<?xml version="1.0"?><Workbook/>', "html"),
    "text_with_a_nul": (lambda: "姓名,身份证号\n林立夏,1\0\n".encode("utf-8-sig"), "text_control"),
    "text_with_a_lone_ff": (lambda: "姓名,身份证号\n林立夏,".encode("gb18030") + b"\xff\n", "text_encoding"),
    "text_of_two_encodings": (lambda: "姓名\n".encode("gb18030") + "林立夏".encode(), "text_encoding"),
    "text_cut_inside_a_character": (lambda: "姓名,林".encode("utf-16")[:-1], "text_encoding"),
    "text_with_an_open_quote": (lambda: b'a,b\n"c,d\n', "text_quotes"),
    "text_of_one_cell": (lambda: b"a," + b"x" * 2_000_000, "huge_cell"),
    "text_of_a_million_rows": (lambda: b"a,b\n" * 1_000_000, "too_many_rows"),
    "text_of_commas": (lambda: b"," * 3_000_000 + b"x", "too_wide"),
    "text_that_would_fill_out_to_too_much": (lambda: b"," * 199 + b"\n" + b"a\n" * 100_000, "too_many_cells"),
    "picture": (lambda: b"\x89PNG\r\n\x1a\n" + bytes(40), "picture"),
    "noise": (lambda: b"\x01\x02\x00\x03" * 20, "unknown"),
    "plain_zip": (lambda: A.pack({"a.txt": "x"}), "archive"),
    "word": (lambda: A.pack({"[Content_Types].xml": "", "word/document.xml": ""}), "document"),
    "xlsb": (lambda: A.pack({"[Content_Types].xml": "", "xl/workbook.bin": ""}), "other_spreadsheet"),
    "ods": (lambda: A.pack({"mimetype": "", "content.xml": ""}), "other_spreadsheet"),
    "macro": (lambda: A.with_member("xl/vbaProject.bin"), "macro"),
    "macro_sheet": (lambda: A.with_member("xl/macrosheets/sheet1.xml"), "macro"),
    "external_link": (lambda: A.with_member("xl/externalLinks/externalLink1.xml"), "external_link"),
    "member_outside": (lambda: A.with_member("../../etc/cron.d/x"), "zip_names"),
    "member_absolute": (lambda: A.with_member("/etc/passwd"), "zip_names"),
    "member_with_backslash": (lambda: A.with_member("xl\\..\\x"), "zip_names"),
    "member_twice_in_other_case": (lambda: A.with_member("XL/Workbook.xml"), "zip_names"),
    "symbolic_link": (A.symbolic_link, "zip_names"),
    "encrypted_member": (A.encrypted_member, "encrypted"),
    "ten_thousand_members": (
        lambda: A.pack({**A.parts(A.sheet_xml("")), **{f"xl/m{n}.xml": "" for n in range(10_000)}}),
        "zip_members",
    ),
    "zip_bomb": (lambda: A.with_member("xl/media/a.bin", bytes(300 * 2**20)), "zip_bomb"),
    "zip_bomb_below_the_ratio": (
        lambda: A.pack([*A.parts(A.sheet_xml("")).items(), *((f"xl/m{n}.bin", _noisy(90)) for n in range(7))]),
        "zip_bomb",
    ),
    "directory_lies_about_the_size": (A.lying_size, "damaged"),
    "row_one_thousand_million": (lambda: A.workbook('<row r="1000000000"/>'), "too_many_rows"),
    "row_negative": (lambda: A.workbook('<row r="-1"/>'), "damaged"),
    "row_in_scientific_notation": (lambda: A.workbook('<row r="1e9"/>'), "damaged"),
    "row_beyond_the_limit": (lambda: A.workbook('<row r="200021"/>'), "too_many_rows"),
    "sparse_to_the_last_cell": (
        lambda: A.workbook(f'<row r="1">{A.cell("A1")}{A.cell("XFD1048576")}</row>'),
        "too_wide",
    ),
    "sparse_to_the_last_row": (
        lambda: A.workbook(f'<row r="1">{A.cell("A1")}{A.cell("B1048576")}</row>'),
        "too_wide",
    ),
    "sparse_in_quotes_the_scan_does_not_know": (
        lambda: A.workbook(f'<row r="1">{A.cell("A1")}{A.cell("XFD1048576")}</row>'.replace('"', "'")),
        "too_big",
    ),
    "five_million_cells": (lambda: A.workbook("<row>" + "<c /> " * 5_000_001 + "</row>"), "zip_bomb"),
    "one_endless_text": (lambda: _endless(), "zip_bomb"),
    "external_entity": (
        lambda: A.workbook("", '<!DOCTYPE w [<!ENTITY x SYSTEM "file:///etc/passwd">]>'),
        "doctype",
    ),
    "billion_laughs": (
        lambda: A.workbook("", '<!doctype w [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'),
        "doctype",
    ),
    "entity_in_another_part": (
        lambda: A.with_member("xl/sharedStrings.xml", '<?xml version="1.0"?><!DOCTYPE s><sst/>'),
        "doctype",
    ),
    "utf16_part": (lambda: A.pack(A.parts(A.sheet_xml("").encode("utf-16"))), "damaged"),
    "sheet_part_missing": (lambda: A.pack({k: v for k, v in A.parts("").items() if "sheet1" not in k}), "damaged"),
}


def _noisy(megabytes: int) -> bytes:
    # About 1:80: each member alone looks harmless.
    block = bytes(range(256)) * 2 + bytes(40_448)
    return block * (megabytes * 2**20 // len(block))


def _endless() -> bytes:
    return A.workbook(f'<row r="1">{A.cell("A1", "x" * (300 * 2**20))}</row>')


@pytest.mark.parametrize("name", ATTACKS)
def test_an_attack_ends_as_one_sentence(name: str) -> None:
    build, reason = ATTACKS[name]
    content = build()
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    before = cpu.ru_utime + cpu.ru_stime
    with pytest.raises(sheets.FileRefused) as refused:
        sheets.read_workbook(content)
    cpu = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert refused.value.reason == reason
    assert "请" in str(refused.value)
    assert cpu.ru_utime + cpu.ru_stime - before < 2


@pytest.mark.parametrize(
    ("limit", "value", "reason"), [("MAX_CELLS", 10, "too_many_cells"), ("_MAX_ROW_BYTES", 400, "huge_cell")]
)
def test_the_scan_counts_what_the_archive_does_not_betray(
    limit: str, value: int, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sheet_reader, limit, value)
    rows = '<row r="1">' + "".join(attacks.cell(f"A{n}", "x" * 9) for n in range(1, 12))
    with pytest.raises(sheet_reader.Refused, match=reason):
        sheet_reader.SheetScan().read(iter([rows[:200].encode(), rows[200:].encode()]))


def test_a_row_of_blanks_in_a_few_bytes_counts_as_its_cells(monkeypatch: pytest.MonkeyPatch) -> None:
    content = attacks.xls({(row, column): None for row in range(3) for column in range(100)})
    assert len(sheet_reader.read_xls(content)["sheets"]) == 2
    monkeypatch.setattr(sheet_reader, "MAX_CELLS", 200)
    with pytest.raises(sheet_reader.Refused, match="too_many_cells"):
        sheet_reader.read_xls(content)


def test_an_old_workbook_cut_short_at_every_kilobyte_never_crashes() -> None:
    content = attacks.xls({(row, column): f"{row} {column}" for row in range(200) for column in range(9)})
    whole = sheets.read_workbook(content).sheets[0].rows
    for end in range(1024, len(content), 1024):
        try:
            rows = sheets.read_workbook(content[:end]).sheets[0].rows
        except sheets.FileRefused as refused:
            found = refused.reason
        else:
            found = "damaged" if rows == whole else "lost rows"  # the padding at the end may be missing
        assert found == "damaged"


def test_the_sentence_names_the_byte_that_is_no_text() -> None:
    with pytest.raises(sheets.FileRefused, match="文件第2行（第9个字节）"):
        sheets.read_workbook("姓名,a\n".encode("gb18030") + b"b\xff\xff")


@given(
    st.lists(st.lists(st.text("一丁a1\"', ;", min_size=1, max_size=9), min_size=2, max_size=2), min_size=1, max_size=9)
)
def test_what_a_spreadsheet_saves_as_csv_comes_back_as_it_was(rows: list[list[str]]) -> None:
    out = StringIO()
    csv.writer(out).writerows(rows)
    for encoding in ("utf-8", "utf-8-sig", "gb18030", "utf-16"):
        assert text_sheets._rows(text_sheets._decode(out.getvalue().encode(encoding)), ",") == rows


def test_truncated_at_every_kilobyte() -> None:
    content = corpus.clean_file(40)
    for end in range(1024, len(content), 1024):
        with pytest.raises(sheets.FileRefused, match=r"文件已损坏"):
            sheets.read_workbook(content[:end])


@override_settings(UPLOAD_MAX_BYTES=2**20)
def test_size() -> None:
    with pytest.raises(sheets.FileRefused, match="文件超过1 MB。请分成几份"):
        sheets.read_workbook(bytes(2**20 + 1))


def test_the_reader_imports_no_server() -> None:
    code = "import sheet_reader, sys; print('django' in sys.modules)"
    where = sheet_reader.__file__.rsplit("/", 1)[0]
    done = subprocess.run([sys.executable, "-c", code], cwd=where, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_small_file_costs_a_moment() -> None:
    content = corpus.clean_file(5)
    sheets.read_workbook(content)
    started = time.perf_counter()
    for _ in range(5):
        sheets.read_workbook(content)
    assert (time.perf_counter() - started) / 5 < 0.5


def test_what_a_reader_does_not_tell_is_told_by_the_scan() -> None:
    workbook = openpyxl.Workbook()
    sheet = workbook.worksheets[0]
    sheet["A1"], sheet["B1"], sheet["C1"] = "a", "=1+1", "x"
    sheet["D1"].value, sheet["D1"].data_type = "#REF!", "e"
    sheet["A3"], sheet["B3"] = dt.date(2022, 3, 1), dt.datetime(2022, 3, 1, 4, 5)
    sheet["C3"] = 1.5
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["C"].hidden = True
    sheet.merge_cells("A4:B5")
    workbook.create_sheet("藏").sheet_state = "hidden"
    workbook.create_sheet("深藏").sheet_state = "veryHidden"
    found = sheets.read_workbook(corpus.saved(workbook))
    assert found.hidden == ["藏", "深藏"]
    (read,) = found.sheets
    assert read.rows[0] == ["a", "", "x", ""]
    assert read.rows[2] == [dt.date(2022, 3, 1), dt.datetime(2022, 3, 1, 4, 5), 1.5, ""]
    assert (read.empty_formulas, read.errors, read.formulas) == ([(1, 1)], [(1, 3)], 1)
    assert (read.hidden_rows, read.hidden_columns) == ([3], [2])
    assert read.merged == [((3, 0), (4, 1))]


def test_column_letters() -> None:
    for letters, index in {"A": 0, "Z": 25, "AA": 26, "GR": 199, "XFD": 16_383}.items():
        assert sheets.column_letter(index) == letters
        assert sheet_reader.column_index(letters) == index


# --- Properties --------------------------------------------------------------------------------------------


@given(st.integers(1, 10**11))
def test_every_amount_that_is_written_out_is_read_back(fen: int) -> None:
    plain = format_yuan(fen, comma=False)
    assert read_amount(plain) == fen
    assert read_amount(format_yuan(fen)) == fen
    assert read_amount(f"　{plain} ") == fen


@given(st.integers(1, 10**11))
def test_a_number_cell_is_read_to_the_fen(fen: int) -> None:
    workbook = openpyxl.Workbook()
    workbook.worksheets[0]["A1"] = fen / 100
    cell = openpyxl.load_workbook(BytesIO(corpus.saved(workbook))).worksheets[0]["A1"].value
    assert read_amount(cell) == fen


@given(st.text(max_size=12) | st.floats() | st.booleans())
def test_whatever_is_no_amount_is_an_error_and_never_a_guess(value: str | float | bool) -> None:
    try:
        fen = read_amount(value)
    except CellError:
        return
    assert fen > 0
    assert fen == round(float(str(value).replace(",", "")) * 100)


@given(st.integers(0, 10**6), st.integers(0, 16), st.integers(1, 9))
def test_one_wrong_digit_in_an_id_number_is_always_noticed(n: int, at: int, shift: int) -> None:
    number = corpus.id_number(n % 800_000)
    wrong = number[:at] + str((int(number[at]) + shift) % 10) + number[at + 1 :]
    assert id_number_reader()(number) == number
    with pytest.raises(CellError):
        id_number_reader()(wrong)


@given(st.dates(dt.date(1900, 1, 1), dt.date(2020, 12, 31)))
def test_a_date_in_every_spelling(day: dt.date) -> None:
    spellings = [
        day.isoformat(), f"{day.year}.{day.month}.{day.day}", f"{day.year}/{day.month}/{day.day}",
        f"{day.year}年{day.month}月{day.day}日", f"{day:%Y%m%d}",
    ]  # fmt: skip
    assert {read_date(spelling) for spelling in spellings} == {day}


def test_a_reader_that_takes_its_time_lets_the_bar_move(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_PAUSE", 0.01)
    moved: list[int] = []
    book = sheets.read_workbook(corpus.clean_file(3), lambda: moved.append(1))
    assert len(book.sheets[0].rows) > 3
    assert moved


def test_a_reader_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sheets, "_PAUSE", 0.01)
    monkeypatch.setattr(sheets, "_SECONDS", 0)
    with pytest.raises(sheets.FileRefused, match="表格太大"):
        sheets.read_workbook(corpus.clean_file(3))
