"""Persons get the pinyin initials of their names, and both are looked up by their beginnings."""

from django.db import migrations, models

from programs.pinyin import initials

_PIECE = 5_000


def fill(apps, schema_editor):
    """By name, since many share one; a county's registry takes a minute."""
    with schema_editor.connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT name FROM programs_person")
        names = [name for (name,) in cursor.fetchall()]
        for start in range(0, len(names), _PIECE):
            piece = names[start : start + _PIECE]
            cursor.execute(
                "UPDATE programs_person p SET initials = n.initials"
                " FROM unnest(%s::text[], %s::text[]) n (name, initials) WHERE p.name = n.name",
                [piece, list(map(initials, piece))],
            )


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0010_doubles"),
        ("subsidy_portal", "0002_guards"),
    ]

    operations = [
        migrations.RemoveIndex(
            model_name="person",
            name="person_name",
        ),
        migrations.AddField(
            model_name="person",
            name="initials",
            field=models.CharField(blank=True, editable=False, help_text="pinyin initials of the name", max_length=20),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["name"], name="person_name", opclasses=["varchar_pattern_ops"]),
        ),
        migrations.RunPython(fill, migrations.RunPython.noop),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["initials"], name="person_initials", opclasses=["varchar_pattern_ops"]),
        ),
    ]
