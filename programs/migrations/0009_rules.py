"""Rules have a type, a strength of basis, an area and versions; the shipped ones the portal has not yet are added."""

import json
from pathlib import Path

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As Rule.VERSIONED when this was written
_VERSIONED = (
    "level", "is_active", "valid_from", "valid_to", "params", "legal_text", "legal_basis", "strength", "waiver", "note",
)  # fmt: skip
GUARD = """
CREATE TRIGGER rule_version_frozen
    BEFORE DELETE OR UPDATE ON programs_ruleversion FOR EACH ROW EXECUTE FUNCTION portal_append_only();
"""


def add_rules(apps, schema_editor):
    """What the county has made of its rules stays; they only learn their type and the strength of their basis."""
    rule, version = apps.get_model("programs", "Rule"), apps.get_model("programs", "RuleVersion")
    suspicion = apps.get_model("programs", "Suspicion")
    shipped = Path(__file__).resolve().parent.parent / "fixtures" / "rules.json"
    for entry in json.loads(shipped.read_text()):
        fields = entry["fields"]
        found, made = rule.objects.get_or_create(code=fields["code"], defaults=fields)
        if not made:
            rule.objects.filter(pk=found.pk).update(**{name: fields[name] for name in ("type", "strength", "note")})
    for found in rule.objects.all():
        values = {name: getattr(found, name) for name in _VERSIONED} | {"area": None}
        values |= {name: values[name] and str(values[name]) for name in ("valid_from", "valid_to")}
        first = version.objects.create(rule=found, version=1, values=values)
        suspicion.objects.filter(rule=found).update(rule_version=first)


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0008_references"),
        ("subsidy_portal", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="rule",
            name="area",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.area",
                verbose_name="适用地区",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="note",
            field=models.TextField(blank=True, verbose_name="说明"),
        ),
        migrations.AddField(
            model_name="rule",
            name="strength",
            field=models.CharField(
                choices=[("document", "有文件"), ("practice", "通行做法"), ("weak", "依据较弱")],
                default="document",
                max_length=10,
                verbose_name="依据",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="type",
            field=models.CharField(
                choices=[
                    ("exclude", "不得同享"),
                    ("higher_of", "就高不就低"),
                    ("requires", "须具备资格"),
                    ("allow", "可以同享"),
                    ("one_per", "只领一份"),
                    ("age", "年龄和年限"),
                    ("exit", "退出"),
                    ("suspend", "暂停发放"),
                    ("account", "账户和收款人"),
                    ("amount", "金额"),
                ],
                default="exclude",
                max_length=10,
                verbose_name="类型",
            ),
        ),
        migrations.AddField(
            model_name="rule",
            name="version",
            field=models.PositiveIntegerField(default=1, verbose_name="版本"),
        ),
        migrations.AlterField(
            model_name="rule",
            name="valid_from",
            field=models.DateField(blank=True, null=True, verbose_name="生效日期"),
        ),
        migrations.AlterField(
            model_name="rule",
            name="valid_to",
            field=models.DateField(blank=True, null=True, verbose_name="失效日期"),
        ),
        migrations.CreateModel(
            name="RuleVersion",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("version", models.PositiveIntegerField(verbose_name="版本")),
                ("values", models.JSONField(help_text="as Rule.values")),
                ("made_at", models.DateTimeField(null=True)),
                (
                    "made_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "rule",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="versions", to="programs.rule"
                    ),
                ),
            ],
            options={
                "ordering": ("-version",),
            },
        ),
        migrations.AddField(
            model_name="suspicion",
            name="rule_version",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="programs.ruleversion",
            ),
        ),
        migrations.AddConstraint(
            model_name="ruleversion",
            constraint=models.UniqueConstraint(fields=("rule", "version"), name="rule_version_once"),
        ),
        migrations.RunSQL(GUARD, "DROP TRIGGER rule_version_frozen ON programs_ruleversion"),
        migrations.RunPython(add_rules, migrations.RunPython.noop),
    ]
