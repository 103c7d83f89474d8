import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0004_wider_files"),
    ]

    operations = [
        migrations.AddField(
            model_name="rosterimport",
            name="same_as",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="programs.rosterimport",
            ),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="claims_digest",
            field=models.BinaryField(default=b"", help_text="keyed hash over the claims as a set", max_length=32),
        ),
        migrations.AddField(
            model_name="rosterimport",
            name="problem_groups",
            field=models.JSONField(default=list),
        ),
    ]
