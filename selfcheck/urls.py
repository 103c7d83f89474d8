from django.urls import path

from selfcheck.views import audits, problems

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
]
