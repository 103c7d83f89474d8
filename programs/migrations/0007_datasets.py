"""Comparison data as lists that are read by a job, kept for a time and searched for who is missing."""

import json
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def add_entitlements(apps, schema_editor):
    """Only definitions: the programs they name may not be there, and then nobody is searched for."""
    rule = apps.get_model("programs", "EntitlementRule")
    shipped = Path(__file__).resolve().parent.parent / "fixtures" / "entitlements.json"
    for entry in json.loads(shipped.read_text()):
        rule.objects.get_or_create(name=entry["fields"]["name"], defaults=entry["fields"])


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0006_columns"),
        ("subsidy_portal", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="DatasetPolicy",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("death", "死亡登记"),
                            ("move_out", "户口迁出"),
                            ("public_payroll", "财政供养人员"),
                            ("pension", "养老和退休待遇"),
                            ("injury_care", "工伤生活护理费"),
                            ("company", "企业登记"),
                            ("vehicle", "车辆登记"),
                            ("house", "房产登记"),
                            ("land", "土地确权"),
                            ("disability", "残疾人证"),
                            ("dibao", "低保对象"),
                            ("destitute", "特困人员"),
                            ("veteran", "优抚和退役军人"),
                            ("prison", "服刑人员"),
                            ("school", "在校学生"),
                            ("income", "收入和财产核对"),
                            ("reverify", "年度复核未通过"),
                        ],
                        max_length=20,
                        unique=True,
                        verbose_name="类别",
                    ),
                ),
                ("max_age_days", models.PositiveSmallIntegerField(verbose_name="多少天内算新")),
                ("keep_days", models.PositiveSmallIntegerField(verbose_name="保存天数")),
            ],
            options={
                "ordering": ("kind",),
            },
        ),
        migrations.CreateModel(
            name="EligibleUnpaid",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("reason", models.CharField(max_length=300, verbose_name="为什么应享受")),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("open", "待核实"),
                            ("notified", "已告知"),
                            ("claimed", "已领上"),
                            ("not_entitled", "不应享受"),
                            ("lapsed", "条件已不符"),
                        ],
                        default="open",
                        max_length=12,
                    ),
                ),
                ("note", models.CharField(blank=True, max_length=300, verbose_name="说明")),
                ("found_at", models.DateTimeField()),
                ("decided_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("-pk",),
            },
        ),
        migrations.CreateModel(
            name="EntitlementRule",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("program_code", models.CharField(max_length=12, verbose_name="项目编码")),
                ("name", models.CharField(max_length=60, unique=True, verbose_name="名称")),
                ("age_min", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="年满（岁）")),
                ("age_max", models.PositiveSmallIntegerField(blank=True, null=True, verbose_name="不超过（岁）")),
                ("requires", models.JSONField(blank=True, default=list, verbose_name="须在名单")),
                ("excluded_programs", models.JSONField(blank=True, default=list, verbose_name="领了这些项目的除外")),
                ("excluded_kinds", models.JSONField(blank=True, default=list, verbose_name="在这些名单的除外")),
                ("legal_basis", models.CharField(blank=True, max_length=200, verbose_name="依据")),
                ("is_active", models.BooleanField(default=True, verbose_name="启用")),
                ("searched_at", models.DateTimeField(null=True)),
            ],
            options={
                "ordering": ("program_code", "name"),
            },
        ),
        migrations.AddField(
            model_name="dataset",
            name="area",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.area",
                verbose_name="覆盖乡镇",
            ),
        ),
        migrations.AddField(
            model_name="dataset",
            name="file_name",
            field=models.CharField(blank=True, max_length=100, verbose_name="文件"),
        ),
        migrations.AddField(
            model_name="dataset",
            name="file_sm3",
            field=models.CharField(blank=True, max_length=64),
        ),
        migrations.AddField(
            model_name="dataset",
            name="job",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="subsidy_portal.job"
            ),
        ),
        migrations.AddField(
            model_name="dataset",
            name="key",
            field=models.CharField(
                blank=True, help_text="the caller's own key: the same key is the same list", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="dataset",
            name="pages",
            field=models.JSONField(default=dict, help_text='page number → {"sm3", "rows"} while it is collected'),
        ),
        migrations.AddField(
            model_name="dataset",
            name="problem_count",
            field=models.PositiveIntegerField(default=0),
        ),
        migrations.AddField(
            model_name="dataset",
            name="problems",
            field=models.JSONField(default=list, help_text="as those of a roster file, at most 500; values masked"),
        ),
        migrations.AddField(
            model_name="dataset",
            name="status",
            field=models.CharField(
                choices=[
                    ("collecting", "接收中"),
                    ("queued", "排队中"),
                    ("reading", "读取中"),
                    ("refused", "有错误，没有导入"),
                    ("imported", "在用"),
                    ("purged", "已到期清除"),
                ],
                default="imported",
                max_length=10,
            ),
        ),
        migrations.AddIndex(
            model_name="dataset",
            index=models.Index(fields=["kind", "source", "-as_of"], name="dataset_newest"),
        ),
        migrations.AddConstraint(
            model_name="dataset",
            constraint=models.UniqueConstraint(
                condition=models.Q(("key", ""), _negated=True), fields=("imported_by", "key"), name="dataset_key_once"
            ),
        ),
        migrations.AddField(
            model_name="datasetpolicy",
            name="department",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.organisation",
                verbose_name="由哪个部门提供",
            ),
        ),
        migrations.AddField(
            model_name="eligibleunpaid",
            name="area",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="subsidy_portal.area"
            ),
        ),
        migrations.AddField(
            model_name="eligibleunpaid",
            name="decided_by",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
            ),
        ),
        migrations.AddField(
            model_name="eligibleunpaid",
            name="department",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="+", to="subsidy_portal.organisation"
            ),
        ),
        migrations.AddField(
            model_name="eligibleunpaid",
            name="person",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="eligible_unpaid", to="programs.person"
            ),
        ),
        migrations.AddConstraint(
            model_name="entitlementrule",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("age_min__isnull", False),
                    ("age_max__isnull", False),
                    models.Q(("requires", []), _negated=True),
                    _connector="OR",
                ),
                name="entitlement_has_condition",
            ),
        ),
        migrations.AddField(
            model_name="eligibleunpaid",
            name="rule",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT, related_name="found", to="programs.entitlementrule"
            ),
        ),
        migrations.AddIndex(
            model_name="eligibleunpaid",
            index=models.Index(
                condition=models.Q(("status__in", ("open", "notified"))),
                fields=["department", "area"],
                name="eligible_unpaid_waiting",
            ),
        ),
        migrations.AddConstraint(
            model_name="eligibleunpaid",
            constraint=models.UniqueConstraint(fields=("rule", "person"), name="eligible_unpaid_once"),
        ),
        migrations.AddConstraint(
            model_name="eligibleunpaid",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("status", "not_entitled"), _negated=True),
                    models.Q(("decided_by__isnull", False), models.Q(("note", ""), _negated=True)),
                    _connector="OR",
                ),
                name="eligible_unpaid_has_reason",
            ),
        ),
        migrations.RunPython(add_entitlements, migrations.RunPython.noop),
    ]
