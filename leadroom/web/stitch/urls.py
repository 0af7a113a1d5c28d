"""Addresses of the stitch: where an item's work is joined. `pk` is the item's."""

from django.urls import path

from leadroom.web.stitch import views

app_name = "stitch"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("<int:pk>/", views.item, name="item"),
    path("<int:pk>/changes/", views.changes, name="changes"),
    path("<int:pk>/sign/", views.sign, name="sign"),
    path("<int:pk>/back/", views.send_back, name="send_back"),
]
