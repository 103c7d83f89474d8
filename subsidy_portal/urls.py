from django.contrib.auth import views as auth
from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView

from subsidy_portal import user_views, views

urlpatterns = [
    path("healthz", views.healthz),
    path("i18n/", include("django.conf.urls.i18n")),
    path("staff/", views.desk, name="desk"),
    path("staff/login/", auth.LoginView.as_view(redirect_authenticated_user=True), name="login"),
    path("staff/logout/", auth.LogoutView.as_view(), name="logout"),
    path("staff/password/", views.PasswordChangeView.as_view(), name="password_change"),
    path("staff/search/", views.search, name="search"),
    path("staff/jobs/<int:pk>/", views.job, name="job"),
    path("staff/jobs/<int:pk>/file/", views.job_file, name="job-file"),
    path("staff/users/", user_views.user_list, name="user-list"),
    path("staff/users/new/", user_views.user_edit, name="user-new"),
    path("staff/users/<int:pk>/", user_views.user_edit, name="user-edit"),
    path("staff/users/<int:pk>/password/", user_views.user_password, name="user-password"),
    path("staff/permissions/", user_views.permission_table, name="permission-table"),
    path("staff/", include("programs.urls")),
    path("staff/", include("disbursement.urls")),
    path("staff/", include("selfcheck.urls")),
    path("staff/", include("publicity.staff_urls")),
    path("api/schema/", SpectacularAPIView.as_view(), name="schema"),
    path("api/v1/", include("subsidy_portal.api_urls")),
    path("", include("publicity.urls")),
]
