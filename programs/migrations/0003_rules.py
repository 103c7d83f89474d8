"""A new portal knows the rules it ships with; afterwards they are the county's own data."""

import json
from pathlib import Path

from django.db import migrations


def add_rules(apps, schema_editor):
    rule = apps.get_model("programs", "Rule")
    shipped = Path(__file__).resolve().parent.parent / "fixtures" / "rules.json"
    for entry in json.loads(shipped.read_text()):
        rule.objects.get_or_create(code=entry["fields"]["code"], defaults=entry["fields"])


class Migration(migrations.Migration):
    dependencies = [("programs", "0002_guards")]
    operations = [migrations.RunPython(add_rules, migrations.RunPython.noop)]
