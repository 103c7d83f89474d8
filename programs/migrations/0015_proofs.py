import json
from pathlib import Path

import django.db.models.deletion
from django.db import migrations, models

# As Rule.VERSIONED when this was written
_VERSIONED = (
    "level", "is_active", "valid_from", "valid_to", "params", "legal_text", "legal_basis", "strength", "waiver", "note",
)  # fmt: skip


def add_missing_persons(apps, schema_editor):
    """The rule Q05B in a county that was there before it; a new one has it from 0009 on."""
    rule, version = apps.get_model("programs", "Rule"), apps.get_model("programs", "RuleVersion")
    shipped = Path(__file__).resolve().parent.parent / "fixtures" / "rules.json"
    fields = next(e["fields"] for e in json.loads(shipped.read_text()) if e["fields"]["code"] == "Q05B")
    found, made = rule.objects.get_or_create(code="Q05B", defaults=fields)
    if made:
        values = {name: getattr(found, name) for name in _VERSIONED} | {"area": None}
        version.objects.create(rule=found, version=1, values=values)


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0014_heads"),
        ("subsidy_portal", "0002_guards"),
    ]

    operations = [
        migrations.AlterField(
            model_name="dataset",
            name="kind",
            field=models.CharField(
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
                    ("missing", "失踪人员"),
                    ("school", "在校学生"),
                    ("income", "收入和财产核对"),
                    ("reverify", "年度复核未通过"),
                ],
                max_length=20,
                verbose_name="类别",
            ),
        ),
        migrations.AlterField(
            model_name="datasetpolicy",
            name="kind",
            field=models.CharField(
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
                    ("missing", "失踪人员"),
                    ("school", "在校学生"),
                    ("income", "收入和财产核对"),
                    ("reverify", "年度复核未通过"),
                ],
                max_length=20,
                unique=True,
                verbose_name="类别",
            ),
        ),
        migrations.AlterField(
            model_name="datasetrow",
            name="kind",
            field=models.CharField(
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
                    ("missing", "失踪人员"),
                    ("school", "在校学生"),
                    ("income", "收入和财产核对"),
                    ("reverify", "年度复核未通过"),
                ],
                max_length=20,
            ),
        ),
        migrations.CreateModel(
            name="AccountProof",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "account",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.PROTECT, related_name="proof", to="programs.account"
                    ),
                ),
                (
                    "file",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to="subsidy_portal.storedfile"
                    ),
                ),
            ],
        ),
        migrations.RunPython(add_missing_persons, migrations.RunPython.noop),
    ]
