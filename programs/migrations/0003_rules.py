"""A new portal knows the rules it ships with; afterwards they are the county's own data."""

import json
from pathlib import Path

from django.db import migrations


def add_rules(apps, schema_editor):
    rule = apps.get_model("programs", "Rule")
    shipped = Path(__file__).resolve().parent.parent / "fixtures" / "rules.json"
    # The file also has what later migrations add to the table; they fill it in.
    known = {field.name for field in rule._meta.get_fields()}
    for entry in json.loads(shipped.read_text()):
        fields = {name: value for name, value in entry["fields"].items() if name in known}
        rule.objects.get_or_create(code=fields["code"], defaults=fields)


class Migration(migrations.Migration):
    dependencies = [("programs", "0002_guards")]
    operations = [migrations.RunPython(add_rules, migrations.RunPython.noop)]
