"""Rows A01–A16 and B01–B18 of the attack corpus through the real upload: the exact sentence, and nothing half stored.

What is missing here by number stands elsewhere: B14 in test_import_edits.py, B15 in test_hundred_uploads.py,
B17 in selfcheck/test_ledger.py and test_site.py (attachments are never shown inline).
"""

from __future__ import annotations

import datetime as dt
import json
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from io import BytesIO
from typing import Any

import openpyxl
import pytest
from django.test import Client
from stdnum.cn import ric

from programs import actions
from programs.models import Account, Household, Person, Program, Roster, RosterImport, RosterRow, Suspicion
from subsidy_portal import sheet_reader
from subsidy_portal.actions import issue_token
from subsidy_portal.models import StoredFile, User
from subsidy_portal.sheets import FileRefused
from subsidy_portal.workflow import Refused
from tests import make
from tests.corpus import rosters as corpus
from tests.programs.test_sheets import ATTACKS

pytestmark = pytest.mark.django_db


@pytest.fixture
def clerk(set_today: Callable[[str], None]) -> User:
    set_today("2022-03-05")
    make.make_area(make.VILLAGE)
    make.make_bank("N")
    return make.make_user(make.K.TOWNSHIP, make.R.OPERATOR)


@pytest.fixture
def program(clerk: User) -> Program:
    return make.make_program(cap_fen=500_000)


def take_in(program: Program, clerk: User, content: bytes, name: str = "清册.xlsx") -> RosterImport:
    area = clerk.organisation.area
    started = actions.upload_roster(program, area, "2022-03", file_name=name, content=content, actor=clerk)
    return actions.import_roster(started.pk)


def with_cells(**values: Any) -> bytes:
    workbook = corpus.write([corpus.claim(n) for n in range(3)])
    corpus.cells(**values)(workbook.worksheets[0])
    return corpus.saved(workbook)


def born(day: str) -> str:
    """A number with a right check digit and this birth date, real or not."""
    return f"990000{day}001" + ric.calc_check_digit(f"990000{day}0010")


def nothing_stored() -> bool:
    return not any(model.objects.exists() for model in (Person, Household, Account, RosterRow, Suspicion))


_AGAIN, _AMOUNT = "请照身份证重填。", "请只填数字，以元为单位，最多两位小数，例如 1200.50。"
_LOST = "证号已被表格软件改写成数字，后几位已丢失，无法还原。请把该列设为“文本”，照身份证重填。"
_CHARACTERS = "姓名里有不该有的字符。" + _AGAIN
_DIGITS = "身份证号只能是17位数字加末位数字或X。" + _AGAIN

# What the cell holds → the sentence that comes back for it
CELLS: dict[str, tuple[dict[str, Any], str]] = {
    "A01 seventeen digits": ({"K5": "99000019500101001"}, "身份证号应为18位，这里是17位。" + _AGAIN),
    "A01 nineteen digits": ({"K5": "9900001950010100199"}, "身份证号应为18位，这里是19位。" + _AGAIN),
    "A01 wrong check digit": ({"K5": "990000195001010018"}, "身份证号的校验位不对，可能填错一位。请照身份证核对。"),
    "A01 X in the middle": ({"K5": "99000019500X010019"}, _DIGITS),
    "A03 number cell": ({"K5": 990000195001010019}, _LOST),
    "A03 number cell ending in zeros": ({"K5": 9.90000195001e17}, _LOST),
    "A04 29 February of no leap year": ({"K5": born("19990229")}, "身份证号里的出生日期不存在。请照身份证核对。"),
    "A04 born tomorrow": ({"K5": born("20220306")}, "身份证号里的出生日期还没到。请照身份证核对。"),
    "A04 older than 120": ({"K5": born("18900101")}, "身份证号里的出生日期早于120年前。请照身份证核对。"),
    "A05 fifteen digits": (
        {"K5": "990000500101001"},
        "这是15位旧证号，照规则换成18位尾号是0019。请照身份证核对，在网页上确认换成18位，或填18位。",
    ),
    "A05 permit of a foreigner": ({"K5": "H12345678"}, "身份证号应为18位，这里是9位。" + _AGAIN),
    "A06 superscript": ({"K5": "99000019500101001²"}, _DIGITS),
    "A06 circled": ({"K5": "99000019500101001①"}, _DIGITS),
    "A06 Arabic-Indic": ({"K5": "99000019500101001٣"}, _DIGITS),
    "A07 check digit of the card": (
        {"F6": "6217990000000000010"}, "银行卡号的校验位不对，可能填错一位。请照卡面核对。",
    ),
    "A07 number of the social card": ({"F6": "A12345678"}, "银行账号应为8到32位数字。请照存折或卡面重填。"),
    "A07 seven digits": ({"F6": "6217990"}, "银行账号应为8到32位数字。请照存折或卡面重填。"),
    "A08 one number, two names": (
        {"B5": "林立秋", "C5": corpus.id_number(0)},
        "同一身份证号在第4行的姓名是“林立夏”，与这里不同。请核对姓名和身份证号。",
    ),
    **{
        f"A09 amount {value!r}": ({"P5": value}, "这不是金额。" + _AMOUNT)
        for value in ("NaN", "Infinity", "1e400", "1_000", "１２３")
    },
    **{
        f"A09 amount {value!r}": ({"P5": value}, "金额必须大于零。不发的人请整行删除。")
        for value in ("-0", "0", "-5", -5, 0)
    },
    "A09 amount 0.001": ({"P5": "0.001"}, "金额多于两位小数。" + _AMOUNT),
    "A10 above the cap": ({"P5": "5000.01"}, "金额超过本项目单笔上限5,000.00元。请核对金额。"),
    "A10 total of another sum": (
        {"A7": "合计", "P7": "300.01"},
        "合计写的是300.01，各行相加是300.00元。请核对有没有漏行、多行或改错的金额。",
    ),
    **{
        f"A13 {name!r}": ({"J4": name}, _CHARACTERS)
        for name in ("<script>", "{{7*7}}", "' OR 1=1--", "${jndi:", "%0d%0a")
    },
    "A14 ten thousand characters": ({"J4": "林" * 10_000}, "姓名超过50个字。请核对。"),
    "A14 emoji": ({"J4": "林😀"}, _CHARACTERS),
    "A14 empty": ({"J4": ""}, "必填的一格是空的。请补填。"),
    "A14 only blanks": ({"J4": "　 \u00a0"}, "必填的一格是空的。请补填。"),
    "B09 formula nobody computed": (
        {"P5": "=HYPERLINK(A1)"}, "这一格是没有算出结果的公式。请复制后“选择性粘贴—数值”。",
    ),
    "B12 date as a number": ({"Q4": 45000}, "这不是存在的日期。请写成 2022-03-01 这样的日期。"),
}  # fmt: skip


@pytest.mark.parametrize("name", CELLS)
def test_a_bad_cell_is_refused_with_its_sentence(name: str, program: Program, clerk: User) -> None:
    values, sentence = CELLS[name]
    found = take_in(program, clerk, with_cells(**values))
    place = list(values)[-1]
    told = {f"{p['column']}{p['row']}": p["message"] + p["hint"] for p in found.problems}
    assert (found.status, told.get(place) or told.get("B5")) == ("refused", sentence)
    assert nothing_stored()


# --- What is taken, and as what -----------------------------------------------------------------------------


def test_A02_full_width_digits_a_small_x_and_blanks_are_normalised(program: Program, clerk: User) -> None:
    number = next(n for k in range(5_000) if (n := corpus.id_number(k)).endswith("X"))
    wide = "".join(chr(ord(c) + 0xFEE0) if c.isdigit() else c for c in number[:-1])
    three = {"C4": f" {wide}x", "E4": f"\t{wide}X", "K4": f"'{number.lower()}　"}
    found = take_in(program, clerk, with_cells(**three))
    assert found.status == "imported", found.problems
    assert Person.objects.filter(id_hash=Person.id_index(number)).count() == 1


def test_A08_one_card_for_several_and_several_cards_for_one_are_decided_before_payment(
    program: Program, clerk: User
) -> None:
    account = corpus.account_number(0)
    take_in(program, clerk, with_cells(F4=account, F5=account, F6=account))
    hit = Suspicion.objects.filter(rule__check_name="shared_account", status="open")
    assert hit.values("row").distinct().count() == 3
    other = make.make_program()
    take_in(other, clerk, with_cells(F4=corpus.account_number(77), F5=account, F6=account))
    assert Suspicion.objects.filter(rule__check_name="several_accounts", status="open").exists()


@pytest.mark.parametrize("dirt", ["\u200b", "\ufeff", "\u00a0", "\t", "\n", "\u202e"])
def test_A11_what_cannot_be_seen_is_taken_out_of_a_name(dirt: str, program: Program, clerk: User) -> None:
    found = take_in(program, clerk, with_cells(J4=f"{dirt}林立夏{dirt}"))
    assert found.status == "imported", found.problems
    assert RosterRow.objects.get(row_no=4).beneficiary.name == "林立夏"


@pytest.mark.parametrize(
    ("written", "kept"),
    [("陈䶮", "陈䶮"), ("𬀩立", "𬀩立"), ("买买提•阿不都", "买买提·阿不都"), ("买买提・阿不都", "买买提·阿不都")],
)
def test_A12_rare_characters_are_kept_and_survive_to_the_bank(
    written: str, kept: str, program: Program, clerk: User
) -> None:
    found = take_in(program, clerk, with_cells(B4=written, D4=written, J4=written))
    assert found.status == "imported", found.problems
    name = RosterRow.objects.get(row_no=4).payee.name
    assert name == kept
    assert name.encode("gb18030").decode("gb18030") == kept


def test_A13_what_is_typed_as_a_note_is_text_on_every_page(program: Program, clerk: User, client: Client) -> None:
    found = take_in(program, clerk, with_cells(R4="<script>alert(1)</script>", R5="{{7*7}}", R6="' OR 1=1--"))
    assert found.status == "imported", found.problems
    client.force_login(clerk)
    page = client.get(f"/staff/rosters/{found.roster_id}/").content.decode()
    assert "<script>alert" not in page
    assert RosterRow.objects.get(row_no=4).note == "<script>alert(1)</script>"


@pytest.mark.parametrize("field", ["period", "program"])
def test_A15_a_nul_in_json_is_a_plain_refusal(field: str, program: Program, clerk: User, client: Client) -> None:
    body = {"program": program.code, "area": make.TOWN, "period": "2022-03", field: "2022\0"}
    answer = client.post(
        "/api/v1/rosters/forward/", json.dumps(body), content_type="application/json",
        headers={"Authorization": f"Token {issue_token(clerk)}"},
    )  # fmt: skip
    assert answer.status_code in {400, 404}
    assert not Roster.objects.exists()


def test_A16_the_dead_are_held_before_payment(program: Program, clerk: User) -> None:
    died = make.make_person(name="沈知秋", id_number=corpus.id_number(1))
    make.make_deaths({died: dt.date(2022, 1, 11)})
    found = take_in(program, clerk, with_cells())
    hit = Suspicion.objects.get(rule__check_name="paid_after_death")
    assert (hit.row.row_no, hit.status, hit.rule.level) == (5, "open", "block")
    with pytest.raises(Refused, match="疑点"):
        actions.submit_roster(found.roster, actor=clerk)


# --- Whole files --------------------------------------------------------------------------------------------

_HOSTILE = "文件的内部结构不正常，没有打开。请用Excel或WPS新建工作簿，把内容粘贴进去后再上传。"
_BROKEN = "文件已损坏，或不是普通的Excel工作簿。请用Excel或WPS打开后另存为.xlsx，再上传。"
_BOMB = "文件解开后大得不正常，没有打开。请用Excel或WPS新建工作簿，把内容粘贴进去后再上传。"

FILES = {
    "B01 zip bomb": ("zip_bomb", _BOMB),
    "B02 ten thousand members": ("ten_thousand_members", _HOSTILE),
    "B02 one name twice": ("member_twice_in_other_case", _HOSTILE),
    "B02 way out of the folder": ("member_outside", _HOSTILE),
    "B02 absolute name": ("member_absolute", _HOSTILE),
    "B02 symbolic link": ("symbolic_link", _HOSTILE),
    "B03 directory lies": ("directory_lies_about_the_size", _BROKEN),
    "B03 password": ("password", "文件加了密码。请在Excel或WPS里取消密码，保存后再上传。"),
    "B04 row 1,000,000,000": (
        "row_one_thousand_million",
        "超过行数上限：表格用到第1000000000行，最多200000行。请删去下面的空行，或分几份清册上传。",
    ),
    "B04 row -1": ("row_negative", _BROKEN),
    "B04 row 1e9": ("row_in_scientific_notation", _BROKEN),
    "B05 last cell": ("sparse_to_the_last_cell", "表格用到了第200列以后。请删去右边用不到的列，再上传。"),
    "B06 a million rows": (
        "text_of_a_million_rows",
        "超过行数上限：表格用到第200021行，最多200000行。请删去下面的空行，或分几份清册上传。",
    ),
    "B07 one endless text": ("one_endless_text", _BOMB),
    "B08 external entity": ("external_entity", _HOSTILE),
    "B08 billion laughs": ("billion_laughs", _HOSTILE),
    "B08 entity in another part": ("entity_in_another_part", _HOSTILE),
    "B09 link to another file": (
        "external_link",
        "文件里有指向其他文件的链接，没有读取。请在“数据—编辑链接”里断开链接，保存后再上传。",
    ),
    "B10 html": ("html_named_xlsx", "这是网页格式的表格，只是名字叫.xlsx。请用Excel或WPS打开后另存为.xlsx，再上传。"),
    "B10 macro": ("macro", "文件里有宏，没有打开。请另存为不带宏的“Excel工作簿（*.xlsx）”，再上传。"),
    "B10 old workbook of noise": ("xls_with_a_stream_of_noise", _BROKEN),
    "B13 lone FF": (
        "text_with_a_lone_ff",
        "文件第2行（第22个字节）的文字读不出来，编码是乱的。请用Excel或WPS打开核对，另存为.xlsx，再上传。",
    ),
    "B13 two encodings": (
        "text_of_two_encodings",
        "文件第2行（第14个字节）的文字读不出来，编码是乱的。请用Excel或WPS打开核对，另存为.xlsx，再上传。",
    ),
    "A15 nul in a text": (
        "text_with_a_nul", "文件第2行有看不见的控制字符，没有读取。请用Excel或WPS打开后另存为.xlsx，再上传。",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file_is_refused_with_its_sentence(name: str, program: Program, clerk: User) -> None:
    build, sentence = ATTACKS[FILES[name][0]][0], FILES[name][1]
    try:
        found = take_in(program, clerk, build())
    except FileRefused as refused:
        told = str(refused)
        assert not RosterImport.objects.exists()
    else:
        (problem,) = found.problems
        told = problem["message"] + problem["hint"]
        assert found.status == "refused"
    assert told == sentence
    assert nothing_stored()


# The reader's process and its own child's costs, from outside
_MEASURE = """
import resource, subprocess, sys
subprocess.run([sys.executable, "-I", sys.argv[1]], input=sys.stdin.buffer.read(), stdout=subprocess.DEVNULL)
used = resource.getrusage(resource.RUSAGE_CHILDREN)
print(used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)
"""


@pytest.mark.parametrize(
    "name",
    [
        "zip_bomb", "zip_bomb_below_the_ratio", "directory_lies_about_the_size", "row_one_thousand_million",
        "sparse_to_the_last_cell", "sparse_in_quotes_the_scan_does_not_know", "five_million_cells", "one_endless_text",
        "billion_laughs", "ten_thousand_members", "xls_beyond_column_two_hundred", "xls_with_a_stream_of_noise",
    ],
)  # fmt: skip
def test_refusing_costs_less_than_two_seconds_and_512_megabytes(name: str) -> None:
    script = sheet_reader.__file__
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, script], input=ATTACKS[name][0](), capture_output=True, check=True
    )
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds < 2
    assert megabytes < 512


def test_B12_dates_of_a_mac_are_the_days_they_show(program: Program, clerk: User) -> None:
    content = with_cells()
    workbook = openpyxl.load_workbook(BytesIO(content))
    workbook.epoch = openpyxl.utils.datetime.MAC_EPOCH
    workbook.worksheets[0]["Q4"] = dt.date(2022, 3, 1)
    found = take_in(program, clerk, corpus.saved(workbook))
    assert found.status == "imported", found.problems


@pytest.mark.parametrize(
    "name", ["../../etc/passwd.xlsx", "长" * 300 + ".xlsx", "a\0b\n.xlsx", "CON", "\u202excod.xlsx"]
)
def test_B16_a_file_name_is_only_ever_shown(name: str, program: Program, clerk: User) -> None:
    found = take_in(program, clerk, with_cells(), name)
    kept = found.file.name
    assert len(kept) <= 100
    assert kept.isprintable()
    assert "/" not in kept
    where = StoredFile.objects.get(pk=found.file_id).path
    assert name not in where
    assert kept not in where


def test_B18_a_picture_of_any_size_is_never_opened(program: Program, clerk: User) -> None:
    header = struct.pack(">4sIIBBBBB", b"IHDR", 50_000, 50_000, 1, 0, 0, 0, 0)
    content = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
    with pytest.raises(FileRefused, match=r"^这是图片，不能读取。请上传填好的.xlsx模板。$"):
        take_in(program, clerk, content)
    assert not RosterImport.objects.exists()
