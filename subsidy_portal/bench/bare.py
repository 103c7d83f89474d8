"""The floor of the public benchmarks: a bare view with one indexed SELECT, behind the portal's own middleware."""

from django.http import HttpRequest, HttpResponse
from django.urls import path

from disbursement.models import Payment
from subsidy_portal.urls import urlpatterns as portal


def bare(request: HttpRequest, pk: int) -> HttpResponse:
    return HttpResponse(str(Payment.objects.values_list("amount_fen", flat=True).get(pk=pk)))


urlpatterns = [path("bench/bare/<int:pk>/", bare), *portal]
