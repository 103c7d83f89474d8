from django.urls import path

from disbursement.views import batches, discrepancies, failures, funds, months, orders, refunds, reissues, statistics

app_name = "disbursement"
urlpatterns = [
    path("batches/", batches.batch_list, name="batch-list"),
    path("batches/new/", batches.batch_new, name="batch-new"),
    path("batches/<int:pk>/refund/", refunds.refund_new, name="refund-new"),
    path("batches/<int:pk>/", batches.batch, name="batch"),
    path("batches/<int:pk>/progress/", batches.batch_progress, name="batch-progress"),
    path("batches/<int:pk>/<slug:verb>/", batches.batch_act, name="batch-act"),
    path("orders/<int:pk>/", orders.order, name="order"),
    path("orders/<int:pk>/withdraw/", orders.order_withdraw, name="order-withdraw"),
    path("failures/", failures.failure_list, name="failure-list"),
    path("failures/report/", failures.failure_report, name="failure-report"),
    path("failures/sheet/", failures.correction_sheet, name="correction-sheet"),
    path("failures/sheet/upload/", failures.corrections_upload, name="corrections-upload"),
    path("refunds/<int:pk>/", refunds.refund, name="refund"),
    path("refunds/<int:pk>/<slug:verb>/", refunds.refund_act, name="refund-act"),
    path("payments/<int:pk>/correction/", failures.correction_new, name="correction-new"),
    path("corrections/<int:pk>/", failures.correction, name="correction"),
    path("corrections/<int:pk>/proof/", failures.correction_proof, name="correction-proof"),
    path("corrections/<int:pk>/<slug:verb>/", failures.correction_act, name="correction-act"),
    path("reissues/<int:pk>/", reissues.reissue, name="reissue"),
    path("reissues/<int:pk>/<slug:verb>/", reissues.reissue_act, name="reissue-act"),
    path("months/", months.month_list, name="month-list"),
    path("months/<slug:month>/", months.month, name="month"),
    path("months/<slug:month>/export/", months.month_export, name="month-export"),
    path("months/<slug:month>/<slug:verb>/", months.month_act, name="month-act"),
    path("discrepancies/", discrepancies.discrepancy_list, name="discrepancy-list"),
    path("discrepancies/<int:pk>/", discrepancies.discrepancy, name="discrepancy"),
    path("fund-plans/<int:pk>/balance/", funds.fund_balance, name="fund-balance"),
    path("statistics/", statistics.statistics, name="statistics"),
    path("statistics/export/", statistics.statistics_export, name="statistics-export"),
]
