"""Addresses of test plans."""

from django.urls import path

from leadroom.web.plans import editing, exchange, views

app_name = "plans"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("bring/<int:item_pk>/", exchange.bring_plan, name="bring"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/keep/", views.keep, name="keep"),
    path("<int:pk>/send/", views.send, name="send"),
    path("<int:pk>/add/", editing.add_case, name="add_case"),
    path("<int:pk>/cases/<str:key>/", editing.edit_case, name="edit_case"),
    path("<int:pk>/cases/<str:key>/drop/", editing.drop_case, name="drop_case"),
    path("<int:pk>/export/", exchange.export, name="export"),
    path("<int:pk>/results/", exchange.results, name="results"),
    path("<int:pk>/import/", exchange.import_plan, name="import"),
]
