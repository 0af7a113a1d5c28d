"""Addresses of items; every tab has its own."""

from django.urls import path

from leadroom.web.items import exempting, sourcelog, views

app_name = "items"
urlpatterns = [
    path("new/", views.new, name="new"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/head/<slug:tab>/", views.head, name="head"),
    path("<int:pk>/alignment/", views.alignment, name="alignment"),
    path("<int:pk>/plan/", views.plan, name="plan"),
    path("<int:pk>/streams/", views.streams, name="streams"),
    path("<int:pk>/changes/", views.changes, name="changes"),
    path("<int:pk>/verification/", views.verification, name="verification"),
    path("<int:pk>/reports/", views.reports, name="reports"),
    path("<int:pk>/sources/", views.sources, name="sources"),
    path("<int:pk>/sources/export/<slug:form>/", sourcelog.export_item, name="export_sources"),
    path("<int:pk>/drop/", views.drop, name="drop"),
    path("<int:pk>/risk/", views.set_risk, name="set_risk"),
    path("<int:pk>/start-again/", views.start_again, name="start_again"),
    path("<int:pk>/verify-again/", views.verify_again, name="verify_again"),
    path("<int:pk>/seed-faults/", exempting.seed_faults, name="seed_faults"),
    path("<int:pk>/thaw/", exempting.thaw_tests, name="thaw"),
    path("<int:pk>/cases/<int:case_pk>/quarantine/", exempting.quarantine, name="quarantine"),
    path("<int:pk>/cases/<int:case_pk>/hold-before/", exempting.hold_before, name="hold_before"),
]
