"""What a published list says of the money of a program, beside its words: by it finance accepts rosters."""

from django.db import migrations, models

# Lists of before said nothing else than what the programs say now. What is published never changes again: the trigger
# stands aside for this one addition.
_FILL = """
ALTER TABLE programs_policyitem DISABLE TRIGGER policy_item_frozen;
UPDATE programs_policyitem i SET terms = jsonb_build_object(
    'paid_to', p.paid_to, 'standard_fen', p.standard_fen, 'cap_fen', p.cap_fen, 'amount_rule', p.amount_rule)
FROM programs_program p WHERE p.id = i.program_id;
ALTER TABLE programs_policyitem ENABLE TRIGGER policy_item_frozen;
"""


class Migration(migrations.Migration):
    dependencies = [("programs", "0012_cards")]
    operations = [
        migrations.AddField(
            "policyitem", "terms", models.JSONField(default=dict, help_text="Program.terms as published")
        ),
        migrations.RunSQL(_FILL, migrations.RunSQL.noop),
    ]
