"""A month of the county in the browser: ten people at their own desks, real services, not one shortcut.

Death register → template → broken file → clean file → suspicion → reviews → notice → phone → batch → release →
banks → failure → correction → reissue → month close → paid after death → recovered → closed → ledger.
"""

from __future__ import annotations

import io
import re

import pytest
from openpyxl import load_workbook

from tests.browser.conftest import SEATS
from tests.browser.papers import Village, death_register, fill_template, make_village, voucher
from tests.stack import Stack

pytestmark = [pytest.mark.browser, pytest.mark.stack]
PROGRAM = "高龄津贴"
PROGRAMS_TIMER, MONEY_TIMER = "programs.tasks.sweep", "disbursement.tasks.sweep"
PAID, FEN = 23, 230_000  # all but the one who died in January


def test_the_whole_life_of_a_months_money(county: Stack, seats: SEATS) -> None:
    village = make_village()
    import_death_register(county, seats, village.dead, "2022-01-15", as_of="2022-03-01", first=True)
    roster = upload_roster(seats, village)
    decide_suspicion(seats, village)
    put_on_notice(seats, roster)
    read_notice_on_a_phone(seats, village)

    set_date(county, "2022-03-10")
    accept_roster(seats, roster)
    batch = make_batch(seats)
    release_batch(seats, batch)
    set_date(county, "2022-03-11")
    look_up_failure(seats, village)

    set_date(county, "2022-03-14")
    correct_account(seats, village)
    reissue(seats, batch)
    set_date(county, "2022-03-15")
    look_up_payment(seats, village)

    set_date(county, "2022-03-31")
    close_month(seats)

    set_date(county, "2022-04-06")
    import_death_register(county, seats, village.late, "2022-02-10", as_of="2022-04-06")
    problem = register_overpayment(seats, village)
    recover(seats, problem)
    close_problem(seats, problem)

    audit = county.manage("audit_money", check=False)
    assert audit.returncode == 0, audit.stdout


def set_date(county: Stack, day: str) -> None:
    (county.home / "clock").write_text(day)


# --- The roster --------------------------------------------------------------------------------------------


def import_death_register(
    county: Stack, seats: SEATS, dead: object, day: str, *, as_of: str, first: bool = False
) -> None:
    finance = seats("caizheng-jb")
    finance.follow("比对数据", within="#nav", exact=False)
    finance.follow("导入一份")
    finance.page.get_by_label("类别").select_option(label="死亡登记")
    finance.fill("来源单位", "示范县公安局")
    finance.fill("数据截至", as_of)
    finance.fill("覆盖范围", "全县")
    finance.upload("文件", "死亡登记.xlsx", death_register((dead, day)))
    finance.click("导入并比对")
    if first:
        # Nothing works yet: the file waits, and the page says so. Then the services come up and take it from there.
        finance.sees("排队中，马上开始")
        finance.look("dataset-waiting", narrow=True)
        county.start("worker", "beat", "banksim")
    finance.sees("已导入 1 人")
    finance.look(f"datasets-{as_of}")


def upload_roster(seats: SEATS, village: Village) -> str:
    clerk = seats("shiqiao-jb")
    clerk.look("desk-empty", narrow=True)
    clerk.follow("清册", within="#nav", exact=False)
    clerk.look("rosters-empty")
    clerk.follow("新建清册")
    clerk.page.get_by_label("补贴项目").select_option(label=PROGRAM)
    name, template = clerk.download(f"下载“{PROGRAM}”模板")
    assert name == f"清册模板-{PROGRAM}.xlsx"
    clerk.look("roster-new", narrow=True)

    clerk.upload("清册文件", "高龄津贴3月初稿.xlsx", fill_template(template, village.people, careless=True))
    clerk.click("上传")
    clerk.sees("文件有 3 处错误，没有导入")
    clerk.look("roster-refused", narrow=True)
    roster = clerk.path
    clerk.follow("逐格看")
    clerk.sees("3 处要改", "壹佰元")
    clerk.look("roster-errors", narrow=True)
    _name, marked = clerk.download("下载标好错的文件")
    assert load_workbook(io.BytesIO(marked)).sheetnames[:2] == ["错误汇总", "清册"]
    clerk.open(roster)
    clerk.upload("更正后的文件", "高龄津贴3月.xlsx", fill_template(template, village.people), within="#upload")
    clerk.click("上传", within="#upload")
    return roster


def decide_suspicion(seats: SEATS, village: Village) -> None:
    clerk = seats("shiqiao-jb")
    clerk.sees("疑点 1 条，1 条待核", village.dead.name)
    clerk.look("roster-suspicion", narrow=True)
    clerk.page.get_by_text("属实，停发", exact=True).click()
    clerk.fill("核实情况和理由", "入户核实，本人1月去世，家属没有报。", within="#doubts")
    clerk.click("属实，这一行不再发")
    clerk.sees("疑点 1 条，都已核实")
    clerk.click("提交乡镇审核")
    clerk.sees("等石桥镇复核岗审核")


def put_on_notice(seats: SEATS, roster: str) -> None:
    reviewer = seats("shiqiao-fh")
    reviewer.open("/staff/")
    reviewer.look("desk-town-reviewer", narrow=True)
    reviewer.goes_from_desk(roster)
    reviewer.look("roster-to-approve", narrow=True)
    reviewer.click("审核通过，送公示")
    reviewer.click("开始公示")
    reviewer.sees("正在公示")
    reviewer.look("roster-on-notice")
    reviewer.follow("看公示")
    reviewer.sees("还剩 7 天", "23")
    reviewer.look("notice", narrow=True)


def read_notice_on_a_phone(seats: SEATS, village: Village) -> None:
    """360 pixels, no JavaScript: from the policy to the name on the notice."""
    phone = seats(width=360, scripts=False)
    phone.open("/")
    phone.look("public-home")
    phone.follow("老年人")
    phone.look("public-policies")
    phone.follow(PROGRAM)
    phone.sees("每月每人100.00元", "能领多少")
    phone.look("public-policy")
    phone.follow("看这项的公示")
    phone.look("public-notices")
    phone.follow(PROGRAM)
    phone.sees("公示还剩7天", "2,300.00")
    phone.look("public-notice")
    phone.follow("柳树村", within="#list")
    here = [p for p in village.people if p.village == 0]
    phone.sees(*[p.name for p in here])
    phone.look("public-notice-village")
    text = phone.page.content()
    assert not re.search(r"\d{14,}", text), "no ID and no account number on a public page"
    phone.open(phone.path + "?village=990001101204")
    phone.sees_not(village.dead.name)


# --- The money ---------------------------------------------------------------------------------------------


def accept_roster(seats: SEATS, roster: str) -> None:
    operator = seats("minzheng-jb")
    operator.waits_for("/staff/", PROGRAM, ring=PROGRAMS_TIMER)
    operator.goes_from_desk(roster)
    operator.click("复核通过")
    operator.sees("等县民政局复核岗审核")
    reviewer = seats("minzheng-fh")
    reviewer.goes_from_desk(roster)
    reviewer.click("审核通过，送财政")
    reviewer.sees("等县财政局受理")
    finance = seats("caizheng-jb")
    finance.goes_from_desk(roster)
    finance.look("roster-to-accept")
    finance.click("受理")
    finance.sees("等归入发放批次")


def make_batch(seats: SEATS) -> str:
    finance = seats("caizheng-jb")
    finance.follow("发放批次", within="#nav", exact=False)
    finance.look("batches-empty")
    finance.follow("新编批次")
    finance.sees("2,300.00")
    finance.look("batch-new", narrow=True)
    finance.click("编批", exact=False)
    finance.sees("已编好，核对后提交复核")
    finance.look("batch-draft")
    finance.click("提交复核")
    finance.sees("等财政复核岗复核")
    return finance.path


def release_batch(seats: SEATS, batch: str) -> None:
    reviewer = seats("caizheng-fh")
    reviewer.goes_from_desk(batch)
    reviewer.click("复核通过")
    reviewer.sees("等批准岗放行")
    approver = seats("caizheng-pz")
    approver.goes_from_desk(batch)
    approver.look("batch-release", narrow=True)
    approver.fill("再输一遍金额", "2400")
    approver.click("放行 23 笔", exact=False)
    approver.sees("没有放行，请核对后再输")
    approver.look("batch-wrong-amount")
    approver.fill("再输一遍金额", "2,300.00")
    approver.click("放行 23 笔", exact=False)
    approver.sees("已放行")
    approver.look("batch-sending")
    # The page follows the banks by itself: 21 paid, one refused, one not answered before tomorrow.
    approver.sees("账户已销户", "2,100.00")
    approver.look("batch-answered", narrow=True)
    reviewer.waits_for("/staff/orders/1/", "回盘")
    reviewer.look("order")


def look_up_failure(seats: SEATS, village: Village) -> None:
    finance = seats("caizheng-jb")
    finance.waits_for("/staff/batches/1/", r"对账|已付", ring=MONEY_TIMER)
    phone = seats(width=360, scripts=False)
    _ask(phone, village.closed)
    phone.sees("没有发成功", "您的账户已经注销", "钱没有丢", "石桥镇财政所")
    phone.look("public-lookup-failed")
    phone.follow("退出")
    _ask(phone, village.people[0])
    phone.sees("2022年已经到账", "100.00", PROGRAM)
    phone.look("public-lookup-paid")
    text = phone.page.content()
    assert village.people[0].id_number not in text


def _ask(phone: object, person: object, good: str = "") -> None:
    phone.open("/lookup/")
    phone.look("public-lookup")
    phone.fill("姓名", person.name)
    phone.fill("身份证号", person.id_number)
    phone.fill("后四位", (good or person.account)[-4:])
    phone.click("查询")


def correct_account(seats: SEATS, village: Village) -> None:
    clerk = seats("shiqiao-jb")
    clerk.open("/staff/")
    clerk.look("desk-failure")
    clerk.follow("失败更正", within="#nav", exact=False)
    clerk.sees("1 笔没有发到", village.closed.name, "账户已销户")
    clerk.look("failures", narrow=True)
    clerk.follow(f"更正 {village.closed.name}")
    clerk.fill("新账号", village.closed.good_account)
    clerk.page.get_by_label("开户银行").select_option(index=2)
    clerk.fill("更正原因", "本人已换新社保卡，核对卡面和身份证。")
    clerk.look("correction-new", narrow=True)
    clerk.click("提交复核")
    clerk.sees("待复核")
    reviewer = seats("shiqiao-fh")
    reviewer.goes_from_desk("/staff/corrections/1/")
    reviewer.look("correction")
    reviewer.click("复核通过")
    reviewer.sees("尾号")


def reissue(seats: SEATS, batch: str) -> None:
    department = seats("minzheng-jb")
    department.open(batch)
    department.look("batch-department")
    department.click("提交重发 1 笔")
    department.sees("已提交重发，等财政批准岗放行")
    made = department.path
    approver = seats("caizheng-pz")
    approver.goes_from_desk(made)
    approver.look("reissue", narrow=True)
    approver.fill("再输一遍金额", "100")
    approver.click("放行 1 笔", exact=False)
    approver.waits_for(batch, r"已付\s*2,300\.00", ring=MONEY_TIMER)


def look_up_payment(seats: SEATS, village: Village) -> None:
    phone = seats(width=360, scripts=False)
    _ask(phone, village.closed, village.closed.good_account)
    phone.sees("2022年已经到账", "100.00")
    phone.sees_not("没有发成功")


def close_month(seats: SEATS) -> None:
    finance, reviewer = seats("caizheng-jb"), seats("caizheng-fh")
    finance.waits_for("/staff/months/2022-03/", r"(?s)\A(?!.*没查清)", ring=MONEY_TIMER)
    finance.click("编制月结")
    finance.sees("已编制，等他人复核", "三方相符")
    finance.look("month-prepared")
    reviewer.open("/staff/months/2022-03/")
    reviewer.click("复核并月结")
    reviewer.sees("已月结")
    reviewer.look("month-closed", narrow=True)
    reviewer.open("/staff/batches/1/")
    reviewer.look("batch-closed")
    reviewer.follow("发放总览", within="#nav", exact=False)
    reviewer.look("statistics", narrow=True)


# --- The problem -------------------------------------------------------------------------------------------


def register_overpayment(seats: SEATS, village: Village) -> str:
    auditor, department = seats("shenji-jb"), seats("minzheng-jb")
    auditor.open("/staff/problems/overpayments/")
    auditor.click("与已发放的比对")
    auditor.sees("新发现1笔", village.late.name)
    auditor.look("overpayments-found", narrow=True)
    department.goes_from_desk("/staff/suspicions/2/")
    department.page.get_by_label("属实", exact=True).check()
    department.fill("核实情况和理由", "死亡登记和村委会证明一致，家属没有报。")
    department.look("suspicion-after", narrow=True)
    department.click("核实完毕")
    auditor.open("/staff/problems/overpayments/")
    auditor.look("overpayments-confirmed")
    auditor.click("登记为问题")
    auditor.sees("已登记，编号", "100.00")
    return auditor.path


def recover(seats: SEATS, problem: str) -> None:
    reviewer, department = seats("minzheng-fh"), seats("minzheng-jb")
    reviewer.goes_from_desk(problem)
    reviewer.look("problem-to-verify", narrow=True)
    reviewer.click("属实，要整改")
    department.goes_from_desk(problem)
    department.fill("整改措施", "上门追回，以后按月比对死亡登记。")
    department.fill("责任领导", "分管局长")
    department.fill("责任人", "社会救助股股长")
    department.fill("整改时限", "2022-04-26")
    department.look("problem-plan")
    department.click("开始整改")
    department.look("problem-rectifying", narrow=True)
    department.click("登记收回")
    department.sees("已登记收回")
    department.page.get_by_text("登记缴库凭证", exact=True).first.click()
    department.fill("缴库凭证号", "JK202204060001")
    department.click("登记缴库凭证")
    department.sees("JK202204060001")
    department.fill("名称", "缴款凭证", within="#evidence")
    department.upload("文件", "缴款凭证.pdf", voucher(), within="#evidence")
    department.click("上传佐证")
    department.sees("条件都满足了，可以申请销号")
    department.look("problem-ready")
    department.click("申请销号")


def close_problem(seats: SEATS, problem: str) -> None:
    reviewer, auditor = seats("shenji-fh"), seats("shenji-jb")
    reviewer.goes_from_desk(problem)
    reviewer.fill("复核结论", "款已缴入国库，凭证齐全，同意销号。")
    reviewer.look("problem-to-close")
    reviewer.click("同意销号")
    reviewer.sees("已销号")
    reviewer.look("problem-closed", narrow=True)
    auditor.open("/staff/problems/?tab=all")
    auditor.look("problems", narrow=True)
    name, ledger = auditor.download("导出", role="link")
    assert name == "问题台账-20220406.xlsx"
    rows = load_workbook(io.BytesIO(ledger)).worksheets[0].iter_rows(values_only=True)
    assert any(PROGRAM in str(cell) for row in rows for cell in row)
