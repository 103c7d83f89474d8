from django.urls import path

from publicity.views import lookup, notices, policies, site

app_name = "publicity"
urlpatterns = [
    path("", site.home, name="home"),
    path("policies/", policies.policies, name="policies"),
    path("policies/<slug:code>/", policies.policy, name="policy"),
    path("notices/", notices.notices, name="notices"),
    path("notices/<slug:slug>/", notices.notice, name="notice"),
    path("notices/<slug:slug>/sheet/", notices.sheet, name="notice-sheet"),
    path("notices/<slug:slug>/objection/<int:position>/", notices.objection, name="objection"),
    path("lookup/", lookup.lookup, name="lookup"),
    path("lookup/result/", lookup.lookup_result, name="lookup-result"),
    path("inquiry/", site.inquiry, name="inquiry"),
    path("robots.txt", site.robots, name="robots"),
    path("sitemap.xml", site.sitemap, name="sitemap"),
]
