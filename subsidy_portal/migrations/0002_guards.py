"""Events are append-only, and a helper for tables whose decisive columns never change."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION portal_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
END $$;

-- portal_frozen('a', 'b'): rows are never deleted and columns a, b never change.
CREATE FUNCTION portal_frozen() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    col text;
BEGIN
    IF TG_OP = 'DELETE' THEN
        RAISE EXCEPTION '% rows are never deleted', TG_TABLE_NAME USING ERRCODE = 'integrity_constraint_violation';
    END IF;
    FOREACH col IN ARRAY TG_ARGV LOOP
        IF to_jsonb(OLD) -> col IS DISTINCT FROM to_jsonb(NEW) -> col THEN
            RAISE EXCEPTION '%.% never changes', TG_TABLE_NAME, col
                USING ERRCODE = 'integrity_constraint_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;

CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON subsidy_portal_event
    FOR EACH ROW EXECUTE FUNCTION portal_append_only();
CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON subsidy_portal_event
    FOR EACH STATEMENT EXECUTE FUNCTION portal_append_only();
"""
BACKWARD = """
DROP TRIGGER event_no_truncate ON subsidy_portal_event;
DROP TRIGGER event_append_only ON subsidy_portal_event;
DROP FUNCTION portal_frozen();
DROP FUNCTION portal_append_only();
"""


class Migration(migrations.Migration):
    dependencies = [("subsidy_portal", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
