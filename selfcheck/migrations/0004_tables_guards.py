"""Amounts keep what was confirmed; a table that was handed in is never changed or deleted."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER yearly_amount_frozen
    BEFORE DELETE OR UPDATE ON selfcheck_yearlyamount FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('program_id', 'year', 'channel', 'paid_to', 'amount_fen', 'persons', 'households');
CREATE TRIGGER annex_file_append_only
    BEFORE DELETE OR UPDATE ON selfcheck_annexfile FOR EACH ROW EXECUTE FUNCTION portal_append_only();
"""
BACKWARD = """
DROP TRIGGER annex_file_append_only ON selfcheck_annexfile;
DROP TRIGGER yearly_amount_frozen ON selfcheck_yearlyamount;
"""


class Migration(migrations.Migration):
    dependencies = [("selfcheck", "0003_tables_and_reports"), ("subsidy_portal", "0002_guards")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
