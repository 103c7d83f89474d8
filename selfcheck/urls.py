from django.urls import path

from selfcheck.views import audits, off_platform, problems, reports, tables

app_name = "selfcheck"
urlpatterns = [
    path("audits/", audits.audit_list, name="audit-list"),
    path("audits/run/", audits.audit_run, name="audit-run"),
    path("audits/hits/<int:pk>/", audits.audit_hit, name="audit-hit"),
    path("audits/hits/<int:pk>/proof/", audits.audit_hit_proof, name="audit-hit-proof"),
    path("audits/<slug:code>/", audits.audit, name="audit"),
    path("problems/", problems.problem_list, name="problem-list"),
    path("problems/new/", problems.problem_new, name="problem-new"),
    path("problems/export/", problems.problem_export, name="problem-export"),
    path("problems/overpayments/", problems.overpayments, name="overpayments"),
    path("problems/overpayments/find/", problems.overpayments_find, name="overpayments-find"),
    path("problems/evidence/<int:pk>/", problems.evidence_file, name="evidence-file"),
    path("problems/<int:pk>/", problems.problem, name="problem"),
    path("problems/<int:pk>/<slug:verb>/", problems.problem_act, name="problem-act"),
    path("tables/", tables.tables, name="tables"),
    path("tables/annex2/rows/", tables.annex2_rows, name="annex2-rows"),
    path("tables/annex2/rows/<int:pk>/", tables.annex2_place, name="annex2-place"),
    path("tables/filed/new/", tables.annex_file_new, name="annex-file-new"),
    path("tables/filed/<int:pk>/", tables.annex_file, name="annex-file"),
    path("tables/filed/<int:pk>/file/", tables.annex_file_download, name="annex-file-download"),
    path("tables/<slug:kind>/", tables.table, name="table"),
    path("tables/<slug:kind>/export/", tables.table_export, name="table-export"),
    path("tables/<slug:kind>/cells/<slug:key>/<slug:column>/", tables.table_cell, name="table-cell"),
    path("reports/", reports.report_list, name="report-list"),
    path("reports/new/", reports.report_new, name="report-new"),
    path("reports/<int:pk>/", reports.report, name="report"),
    path("reports/<int:pk>/submit/", reports.report_submit, name="report-submit"),
    path("reports/<int:pk>/paper/", reports.report_paper, name="report-paper"),
    path("off-platform/", off_platform.off_platform_list, name="off-platform-list"),
    path("off-platform/<int:pk>/", off_platform.off_platform, name="off-platform"),
    path("off-platform/<int:pk>/decision/", off_platform.decide, name="off-platform-decide"),
    path("off-platform/<int:pk>/amounts/", off_platform.enter, name="yearly-amount-new"),
    path("off-platform/amounts/<int:pk>/<slug:verb>/", off_platform.amount_act, name="yearly-amount-act"),
]
