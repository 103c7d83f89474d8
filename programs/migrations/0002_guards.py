"""Accounts keep number and holder, funds their amounts, notices their rows, published lists their items."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE roster_number_seq;
CREATE SEQUENCE objection_number_seq;

CREATE TRIGGER account_frozen
    BEFORE DELETE OR UPDATE OF holder_id, bank_id, number_sealed, number_hash, number_last4, name_at_bank
    ON programs_account FOR EACH ROW
    EXECUTE FUNCTION portal_frozen(
        'holder_id', 'bank_id', 'number_sealed', 'number_hash', 'number_last4', 'name_at_bank');
CREATE TRIGGER person_frozen
    BEFORE DELETE OR UPDATE OF id_sealed, id_hash ON programs_person FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('id_hash');
CREATE TRIGGER fund_entry_frozen
    BEFORE DELETE OR UPDATE ON programs_fundentry FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('plan_id', 'kind', 'amount_fen', 'made_by_id', 'entered_on');
CREATE TRIGGER notice_row_frozen
    BEFORE DELETE OR UPDATE ON programs_noticerow FOR EACH ROW EXECUTE FUNCTION portal_append_only();
CREATE TRIGGER notice_frozen
    BEFORE DELETE OR UPDATE ON programs_notice FOR EACH ROW
    EXECUTE FUNCTION portal_frozen(
        'slug', 'roster_id', 'revision', 'starts_on', 'row_count', 'amount_fen', 'content_hash');

CREATE FUNCTION portal_policy_item_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM programs_policylist WHERE id = OLD.policy_list_id AND status <> 'draft') THEN
        RAISE EXCEPTION 'a published policy list never changes' USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    RETURN COALESCE(NEW, OLD);
END $$;
CREATE TRIGGER policy_item_frozen
    BEFORE DELETE OR UPDATE ON programs_policyitem FOR EACH ROW EXECUTE FUNCTION portal_policy_item_frozen();
"""
BACKWARD = """
DROP TRIGGER policy_item_frozen ON programs_policyitem;
DROP FUNCTION portal_policy_item_frozen();
DROP TRIGGER notice_frozen ON programs_notice;
DROP TRIGGER notice_row_frozen ON programs_noticerow;
DROP TRIGGER fund_entry_frozen ON programs_fundentry;
DROP TRIGGER person_frozen ON programs_person;
DROP TRIGGER account_frozen ON programs_account;
DROP SEQUENCE objection_number_seq;
DROP SEQUENCE roster_number_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("programs", "0001_initial"), ("subsidy_portal", "0002_guards")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
