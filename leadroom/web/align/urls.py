"""Addresses of alignment."""

from django.urls import path

from leadroom.web.align import documents, views

app_name = "align"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("<int:pk>/", views.item, name="item"),
    path("<int:pk>/all/", views.pick_all, name="pick_all"),
    path("<int:pk>/missing/", views.supply, name="supply"),
    path("<int:pk>/document.md", documents.export, name="export"),
    path("<int:pk>/import/", documents.import_document, name="import"),
    path("<int:pk>/difference/<int:old>/<int:new>/", documents.difference, name="difference"),
    path("questions/<int:pk>/pick/", views.pick, name="pick"),
    path("questions/<int:pk>/reopen/", views.reopen, name="reopen"),
]
