"""The columns of the sheet on which a township corrects many accounts: what is fixed, and what it fills in."""

from subsidy_portal.tables import YUAN, Column

SHEET = "账户更正"
# Locked, and compared with the payment when the sheet comes back
FIXED = (
    Column("付款号", 10),
    Column("收款人", 10),
    Column("身份证号", 20),
    Column("村（居）", 14),
    Column("补贴项目", 18),
    Column("期间", 10),
    Column("金额（元）", 12, YUAN),
    Column("原账号尾号", 11),
    Column("失败原因", 26),
)
OPEN = (
    Column("新账号", 24),
    Column("开户银行", 18),
    Column("账户种类", 14),
    Column("银行户名", 12),
    Column("更正原因", 30),
)
COLUMNS = (*FIXED, *OPEN)
