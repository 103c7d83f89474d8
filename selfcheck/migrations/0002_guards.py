"""Recoveries and evidence are never deleted; what was recovered keeps its amount."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE problem_number_seq;
CREATE TRIGGER recovery_frozen
    BEFORE DELETE OR UPDATE ON selfcheck_recovery FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('problem_id', 'payment_id', 'amount_fen', 'received_on');
CREATE TRIGGER evidence_append_only
    BEFORE DELETE OR UPDATE ON selfcheck_evidence FOR EACH ROW EXECUTE FUNCTION portal_append_only();
CREATE TRIGGER problem_payment_append_only
    BEFORE DELETE OR UPDATE ON selfcheck_problempayment FOR EACH ROW EXECUTE FUNCTION portal_append_only();
"""
BACKWARD = """
DROP TRIGGER problem_payment_append_only ON selfcheck_problempayment;
DROP TRIGGER evidence_append_only ON selfcheck_evidence;
DROP TRIGGER recovery_frozen ON selfcheck_recovery;
DROP SEQUENCE problem_number_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("selfcheck", "0001_initial"), ("subsidy_portal", "0002_guards")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
