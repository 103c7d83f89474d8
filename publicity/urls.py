from django.urls import path

from publicity.views import inquiries, lookup, notices, open_data, policies, results, site

app_name = "publicity"
urlpatterns = [
    path("", site.home, name="home"),
    path("policies/", policies.policies, name="policies"),
    path("policies/list.xlsx", policies.policies_file, name="policies-file"),
    path("policies/sheet/", policies.policies_sheet, name="policies-sheet"),
    path("poster/", policies.poster, name="poster"),
    path("poster/<slug:code>/", policies.poster, name="poster"),
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
    path("open-data/", open_data.open_data, name="open-data"),
    path("open-data/<int:year>/<slug:level>.<slug:kind>", open_data.open_data_file, name="open-data-file"),
    path("places/<slug:code>/", open_data.place, name="place"),
    path("robots.txt", site.robots, name="robots"),
    path("sitemap.xml", site.sitemap, name="sitemap"),
]
