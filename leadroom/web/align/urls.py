"""Addresses of alignment."""

from django.urls import path

from leadroom.web.align import views

app_name = "align"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("<int:pk>/", views.item, name="item"),
    path("<int:pk>/all/", views.pick_all, name="pick_all"),
    path("<int:pk>/missing/", views.supply, name="supply"),
    path("questions/<int:pk>/pick/", views.pick, name="pick"),
    path("questions/<int:pk>/reopen/", views.reopen, name="reopen"),
]
