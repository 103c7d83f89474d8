"""Events as sentences: what the feed and the public progress say about one line of history."""

from django.apps import apps
from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from subsidy_portal.models import Event

# Kinds that are not a change of status. A new kind gets its words here; a test names those without.
WORDS = {
    "created": gettext_lazy("新建"),
    "sheet_chosen": gettext_lazy("选定工作表"),
    "columns_mapped": gettext_lazy("对应各列"),
    "mapping_forgotten": gettext_lazy("忘记列的对应关系"),
    "imported": gettext_lazy("导入"),
    "repeated": gettext_lazy("再次收到，没有重复处理"),
    "cells_corrected": gettext_lazy("在网页上改正"),
    "sent_to_bank": gettext_lazy("送银行批量开户"),
    "account_ended": gettext_lazy("停用账户"),
    "merged_in": gettext_lazy("并入另一条登记"),
    "merged_away": gettext_lazy("并入另一条登记，不再使用"),
    "moved": gettext_lazy("迁移"),
    "member_added": gettext_lazy("加入一户"),
    "member_removed": gettext_lazy("移出一户"),
    "head_changed": gettext_lazy("换户主"),
    "account_added": gettext_lazy("登记账户"),
    "row_left": gettext_lazy("剔除一行"),
    "alike_decided": gettext_lazy("提醒一并核实"),
    "made_known": gettext_lazy("登记公开渠道"),
    "audited": gettext_lazy("发放核查"),
    "audit_set": gettext_lazy("改核查标准"),
    "posted": gettext_lazy("登记张贴照片"),
    "messages_on": gettext_lazy("恢复短信提醒"),
    "messages_off": gettext_lazy("不再收短信提醒"),
    "objected": gettext_lazy("收到异议"),
    "objection_decided": gettext_lazy("异议已答复"),
    "registered": gettext_lazy("登记"),
    "compared": gettext_lazy("比对"),
    "recovered": gettext_lazy("收回"),
    "remitted": gettext_lazy("缴入国库"),
    "refunded": gettext_lazy("发不出的缴回国库"),
    "released_rest": gettext_lazy("放行其余银行"),
    "names_asked": gettext_lazy("向银行核验户名"),
    "judged": gettext_lazy("凭证据认定待查的结果"),
    "recovery_voided": gettext_lazy("作废收回记录"),
    "written_off": gettext_lazy("核销"),
    "evidence_added": gettext_lazy("附佐证"),
    "published": gettext_lazy("公开结果"),
    "reassigned": gettext_lazy("改派"),
    "reminded": gettext_lazy("催办"),
    "made_problem": gettext_lazy("登记为问题"),
    "exported": gettext_lazy("导出"),
    "off_platform_noted": gettext_lazy("登记线下发放的决定"),
    "annex2_placed": gettext_lazy("调整附件2的行"),
    "annex_filed": gettext_lazy("导入填好的附件"),
    "searched": gettext_lazy("搜索"),
    "changed": gettext_lazy("修改"),
    "copied": gettext_lazy("复制"),
    "columns_changed": gettext_lazy("修改本项目的清册栏目"),
    "rule_changed": gettext_lazy("修改金额算法"),
    "check_rule_changed": gettext_lazy("修改比对规则"),
    "uploaded": gettext_lazy("上传文件"),
    "downloaded": gettext_lazy("下载文件"),
    "revealed": gettext_lazy("查看完整信息"),
    "login": gettext_lazy("登录"),
    "password_reset": gettext_lazy("重设密码"),
    "token_issued": gettext_lazy("取得接口令牌"),
    "password_changed": gettext_lazy("修改密码"),
    "lookup": gettext_lazy("群众查询自己的补贴"),
    "lookup_alarm": gettext_lazy("查询落空异常多，可能有人在猜"),
}


def _status_words(event: Event) -> str:
    model: type[Model] = apps.get_model(event.subject_type)
    label = str(model.Status(event.new_status).label)  # type: ignore[attr-defined]
    return _("变为“%(status)s”") % {"status": label} if event.old_status else label


def sentence(event: Event) -> str:
    """What happened, in words: the new status or the kind, then the note as it was written."""
    words = _status_words(event) if event.new_status else str(WORDS.get(event.kind, ""))
    return "：".join(part for part in (words, event.note) if part) or _("有变动")
