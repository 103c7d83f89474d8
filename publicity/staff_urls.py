from django.urls import path

from publicity.views import messages, staff

app_name = "inquiries"
urlpatterns = [
    path("inquiries/", staff.inquiry_list, name="inquiry-list"),
    path("inquiries/files/<int:pk>/", staff.inquiry_file, name="inquiry-file"),
    path("inquiries/<int:pk>/", staff.inquiry, name="inquiry"),
    path("inquiries/<int:pk>/contact/", staff.inquiry_contact, name="inquiry-contact"),
    path("inquiries/<int:pk>/problem/", staff.inquiry_problem, name="inquiry-problem"),
    path("inquiries/<int:pk>/<slug:verb>/", staff.inquiry_act, name="inquiry-act"),
    path("messages/", messages.message_list, name="message-list"),
    path("results/<int:pk>/", staff.result_edit, name="result-edit"),
]
