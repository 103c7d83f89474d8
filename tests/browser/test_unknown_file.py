"""A file of a layout nobody has seen, in the browser: uploaded, mapped, refused, corrected, imported, decided."""

from __future__ import annotations

import pytest

from tests.browser.conftest import SEATS
from tests.browser.papers import make_village, office_list
from tests.browser.test_whole_life import PROGRAM, import_death_register
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]


def test_an_unknown_file_from_upload_to_decision(county: Stack, seats: SEATS) -> None:
    county.start("worker")
    village = make_village()
    import_death_register(county, seats, village.dead, "2022-01-15", as_of="2022-03-01")
    clerk = seats("shiqiao-jb")

    clerk.open("/staff/rosters/new/")
    clerk.page.get_by_label("补贴项目").select_option(label=PROGRAM)
    clerk.upload("清册文件", "三月高龄.xlsx", office_list(village.people, careless=True))
    clerk.click("上传")
    clerk.sees("文件读到一半，要先说明哪张表、哪一列是什么。")
    roster = clerk.path
    clerk.look("layout-asks", narrow=True)
    clerk.open("/staff/")
    clerk.sees("文件待说明")

    clerk.open(roster)
    clerk.follow("去说明")
    clerk.sees("表里的每一列是什么", "存到哪", "必填的都有了")
    clerk.look("layout-mapping", narrow=True)
    for letter, words, ours in (
        ("A", "人", "享受人（必填）"), ("B", "证", "享受人身份证号（必填）"), ("C", "存到哪", "银行账号（必填）"),
        ("D", "哪家行", "开户银行（必填）"), ("E", "哪里人", "村(居)委会（必填）"), ("F", "多少钱", "补贴金额（必填）"),
    ):  # fmt: skip
        clerk.page.get_by_label(f"{letter}列 {words} 是", exact=True).select_option(label=ours)
    clerk.click("就这样读")

    clerk.sees("文件有 2 处错误，没有导入")
    assert clerk.path == roster
    clerk.look("layout-refused", narrow=True)
    clerk.upload("更正后的文件", "三月高龄-改.xlsx", office_list(village.people), within="#upload")
    clerk.click("上传", within="#upload")

    # Recognised: nothing is asked a second time.
    clerk.sees("疑点 1 条，1 条待核", "保存的对应关系读取")
    clerk.look("layout-imported", narrow=True)
    clerk.page.get_by_text("属实，停发", exact=True).click()
    clerk.fill("核实情况和理由", "入户核实，本人1月去世，家属没有报。", within="#doubts")
    clerk.click("属实，这一行不再发")
    clerk.sees("疑点 1 条，都已核实")
    clerk.look("layout-decided")
    clerk.open("/staff/mappings/")
    clerk.sees("存到哪 → 银行账号")
    clerk.look("layout-mappings", narrow=True)
