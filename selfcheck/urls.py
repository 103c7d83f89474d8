from django.urls import path

from selfcheck import views

app_name = "selfcheck"
urlpatterns = [
    path("problems/", views.problem_list, name="problem-list"),
    path("problems/new/", views.problem_new, name="problem-new"),
    path("problems/export/", views.problem_export, name="problem-export"),
    path("problems/overpayments/", views.overpayments, name="overpayments"),
    path("problems/overpayments/find/", views.overpayments_find, name="overpayments-find"),
    path("problems/evidence/<int:pk>/", views.evidence_file, name="evidence-file"),
    path("problems/<int:pk>/", views.problem, name="problem"),
    path("problems/<int:pk>/<slug:verb>/", views.problem_act, name="problem-act"),
]
