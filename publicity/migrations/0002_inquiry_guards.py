"""Answers and results keep their words; files and answers of an inquiry are never deleted."""

from django.db import migrations

FORWARD = """
CREATE SEQUENCE inquiry_number_seq;
CREATE TRIGGER inquiry_frozen
    BEFORE DELETE OR UPDATE ON publicity_inquiry FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('number', 'kind', 'text_sealed', 'contact_sealed', 'received_at');
CREATE TRIGGER inquiry_answer_frozen
    BEFORE DELETE OR UPDATE ON publicity_inquiryanswer FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('inquiry_id', 'text', 'office_id', 'answered_by_id', 'answered_at');
CREATE TRIGGER inquiry_file_append_only
    BEFORE DELETE OR UPDATE ON publicity_inquiryfile FOR EACH ROW EXECUTE FUNCTION portal_append_only();
CREATE TRIGGER result_frozen
    BEFORE DELETE OR UPDATE ON publicity_result FOR EACH ROW
    EXECUTE FUNCTION portal_frozen('problem_id', 'summary', 'published_by_id', 'published_on');
"""
BACKWARD = """
DROP TRIGGER result_frozen ON publicity_result;
DROP TRIGGER inquiry_file_append_only ON publicity_inquiryfile;
DROP TRIGGER inquiry_answer_frozen ON publicity_inquiryanswer;
DROP TRIGGER inquiry_frozen ON publicity_inquiry;
DROP SEQUENCE inquiry_number_seq;
"""


class Migration(migrations.Migration):
    dependencies = [("publicity", "0001_inquiries"), ("subsidy_portal", "0002_guards")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
