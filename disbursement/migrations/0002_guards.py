"""What a payment, an attempt, an order and a bank's line say never changes; only their status moves."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE batch_number_seq;
CREATE SEQUENCE order_ref_seq;
CREATE SEQUENCE attempt_ref_seq;

CREATE TRIGGER payment_frozen
    BEFORE DELETE OR UPDATE OF batch_id, row_id, program_id, period, item, beneficiary_id, payee_id, amount_fen, row_hash
    ON disbursement_payment FOR EACH ROW
    EXECUTE FUNCTION portal_frozen(
        'batch_id', 'row_id', 'program_id', 'period', 'item', 'beneficiary_id', 'payee_id', 'amount_fen', 'row_hash');
CREATE TRIGGER attempt_frozen
    BEFORE DELETE OR UPDATE OF payment_id, order_id, seq, ref, account_id, amount_fen
    ON disbursement_attempt FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('payment_id', 'order_id', 'seq', 'ref', 'account_id', 'amount_fen');
CREATE TRIGGER order_frozen
    BEFORE DELETE OR UPDATE OF batch_id, bank_id, ref, count, total_fen
    ON disbursement_order FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('batch_id', 'bank_id', 'ref', 'count', 'total_fen');
CREATE TRIGGER bank_line_frozen
    BEFORE DELETE OR UPDATE OF file_id, line_no, ref, amount_fen, result, code, bank_text
    ON disbursement_bankline FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('file_id', 'line_no', 'ref', 'amount_fen', 'result', 'code', 'bank_text');
CREATE TRIGGER statement_entry_frozen
    BEFORE DELETE OR UPDATE OF statement_id, line_no, kind, amount_fen, ref, serial
    ON disbursement_statemententry FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('statement_id', 'line_no', 'kind', 'amount_fen', 'ref', 'serial');
CREATE TRIGGER statement_frozen
    BEFORE DELETE OR UPDATE ON disbursement_statement FOR EACH ROW EXECUTE FUNCTION portal_append_only();

CREATE FUNCTION portal_month_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'closed' THEN
        RAISE EXCEPTION 'a closed month stays closed' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER month_closed
    BEFORE DELETE OR UPDATE ON disbursement_monthclose FOR EACH ROW EXECUTE FUNCTION portal_month_closed();
"""
BACKWARD = """
DROP TRIGGER month_closed ON disbursement_monthclose;
DROP FUNCTION portal_month_closed();
DROP TRIGGER statement_frozen ON disbursement_statement;
DROP TRIGGER statement_entry_frozen ON disbursement_statemententry;
DROP TRIGGER bank_line_frozen ON disbursement_bankline;
DROP TRIGGER order_frozen ON disbursement_order;
DROP TRIGGER attempt_frozen ON disbursement_attempt;
DROP TRIGGER payment_frozen ON disbursement_payment;
DROP SEQUENCE attempt_ref_seq;
DROP SEQUENCE order_ref_seq;
DROP SEQUENCE batch_number_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("disbursement", "0001_initial"), ("subsidy_portal", "0002_guards")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
