"""References of the big tables, checked once a statement; and fewer indexes that nobody asks.

A foreign key costs four microseconds a row and column, 1.4 million times in a roster of 100,000 new people. What
these columns point to is never deleted nor renumbered (portal_frozen), so asking when a row is written or its
reference changes gives the same guarantee, and for a whole COPY at once it is one join.
"""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTIONS = """
-- portal_references('head_id', 'programs_person', 'id', …): every column points to a row that is there.
CREATE FUNCTION portal_references() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at int;
    missing text;
BEGIN
    FOR at IN 0 .. TG_NARGS - 1 BY 3 LOOP
        EXECUTE format(
            'SELECT n.%1$I FROM new_rows n LEFT JOIN %2$I r ON r.%3$I = n.%1$I'
            ' WHERE n.%1$I IS NOT NULL AND r.%3$I IS NULL LIMIT 1',
            TG_ARGV[at], TG_ARGV[at + 1], TG_ARGV[at + 2]) INTO missing;
        IF missing IS NOT NULL THEN
            RAISE EXCEPTION '%.% points to % %, which is not there',
                TG_TABLE_NAME, TG_ARGV[at], TG_ARGV[at + 1], missing USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    RETURN NULL;
END $$;

-- The same for one row whose reference changes.
CREATE FUNCTION portal_reference_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    at int;
    target text;
    there boolean;
BEGIN
    FOR at IN 0 .. TG_NARGS - 1 BY 3 LOOP
        target := to_jsonb(NEW) ->> TG_ARGV[at];
        CONTINUE WHEN target IS NULL OR target IS NOT DISTINCT FROM to_jsonb(OLD) ->> TG_ARGV[at];
        EXECUTE format('SELECT EXISTS (SELECT FROM %1$I WHERE %2$I = %3$L)',
            TG_ARGV[at + 1], TG_ARGV[at + 2], target) INTO there;
        IF NOT there THEN
            RAISE EXCEPTION '%.% points to % %, which is not there',
                TG_TABLE_NAME, TG_ARGV[at], TG_ARGV[at + 1], target USING ERRCODE = 'foreign_key_violation';
        END IF;
    END LOOP;
    RETURN NEW;
END $$;
"""
# table → column → (table, column) it points to
REFERENCES = {
    "programs_household": {"head_id": "programs_person.id", "area_id": "subsidy_portal_area.code"},
    "programs_person": {"area_id": "subsidy_portal_area.code"},
    "programs_account": {
        "holder_id": "programs_person.id",
        "bank_id": "subsidy_portal_organisation.id",
        "replaces_id": "programs_account.id",
        "created_by_id": "subsidy_portal_user.id",
    },
    "programs_rosterrow": {
        "roster_id": "programs_roster.id",
        "beneficiary_id": "programs_person.id",
        "head_id": "programs_person.id",
        "payee_id": "programs_person.id",
        "household_id": "programs_household.id",
        "account_id": "programs_account.id",
        "area_id": "subsidy_portal_area.code",
    },
}
# Persons and accounts are guarded already (0002_guards).
NEVER_DELETED = {
    "programs_household": "id",
    "programs_roster": "id",
    "subsidy_portal_area": "code",
    "subsidy_portal_organisation": "id",
    "subsidy_portal_user": "id",
}


def forward() -> str:
    sql = [FUNCTIONS]
    for table, columns in REFERENCES.items():
        arguments = ", ".join(
            f"'{column}', '{to.replace('.', chr(39) + ', ' + chr(39))}'" for column, to in columns.items()
        )
        sql.append(f"""
            CREATE TRIGGER references_there AFTER INSERT ON {table} REFERENCING NEW TABLE AS new_rows
                FOR EACH STATEMENT EXECUTE FUNCTION portal_references({arguments});
            CREATE TRIGGER reference_changed BEFORE UPDATE OF {", ".join(columns)} ON {table}
                FOR EACH ROW EXECUTE FUNCTION portal_reference_changed({arguments});
        """)
    for table, key in NEVER_DELETED.items():
        sql.append(f"""
            CREATE TRIGGER never_deleted BEFORE DELETE OR UPDATE OF {key} ON {table}
                FOR EACH ROW EXECUTE FUNCTION portal_frozen('{key}');
        """)
    return "\n".join(sql)


def backward() -> str:
    sql = [f"DROP TRIGGER never_deleted ON {table};" for table in NEVER_DELETED]
    for table in REFERENCES:
        sql.append(f"DROP TRIGGER reference_changed ON {table}; DROP TRIGGER references_there ON {table};")
    return "\n".join([*sql, "DROP FUNCTION portal_reference_changed(); DROP FUNCTION portal_references();"])


class Migration(migrations.Migration):
    dependencies = [
        ("programs", "0007_datasets"),
        ("subsidy_portal", "0002_guards"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AlterField(
            model_name="account",
            name="bank",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.organisation",
                verbose_name="开户银行",
            ),
        ),
        migrations.AlterField(
            model_name="account",
            name="created_by",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AlterField(
            model_name="account",
            name="holder",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="accounts",
                to="programs.person",
            ),
        ),
        migrations.AlterField(
            model_name="account",
            name="replaces",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="replaced_by",
                to="programs.account",
            ),
        ),
        migrations.AlterField(
            model_name="household",
            name="area",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.area",
            ),
        ),
        migrations.AlterField(
            model_name="household",
            name="head",
            field=models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="heads",
                to="programs.person",
            ),
        ),
        migrations.AlterField(
            model_name="person",
            name="area",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="persons",
                to="subsidy_portal.area",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="account",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="programs.account",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="area",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="subsidy_portal.area",
                verbose_name="村",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="beneficiary",
            field=models.ForeignKey(
                db_constraint=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="claims",
                to="programs.person",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="head",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="programs.person",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="household",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="programs.household",
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="payee",
            field=models.ForeignKey(
                db_constraint=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="programs.person"
            ),
        ),
        migrations.AlterField(
            model_name="rosterrow",
            name="roster",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rows",
                to="programs.roster",
            ),
        ),
        migrations.AddIndex(
            model_name="account",
            index=models.Index(
                condition=models.Q(("replaces__isnull", False)), fields=["replaces"], name="account_replaces"
            ),
        ),
        migrations.AddIndex(
            model_name="person",
            index=models.Index(fields=["area"], name="person_area", opclasses=["varchar_pattern_ops"]),
        ),
        migrations.RunSQL(forward(), backward()),
    ]
