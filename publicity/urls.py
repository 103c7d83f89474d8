from django.urls import path

from publicity.views import inquiries, lookup, notices, policies, results, site

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
    path("lookup/messages/", lookup.messages_switch, name="messages-switch"),
    path("lookup/result/", lookup.lookup_result, name="lookup-result"),
    path("inquiry/", inquiries.inquiry, name="inquiry"),
    path("inquiry/progress/", inquiries.progress, name="inquiry-progress"),
    path("offices/", site.offices, name="offices"),
    path("results/", results.results, name="results"),
    path("robots.txt", site.robots, name="robots"),
    path("sitemap.xml", site.sitemap, name="sitemap"),
]
