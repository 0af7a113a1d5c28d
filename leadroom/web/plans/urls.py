"""Addresses of test plans."""

from django.urls import path

from leadroom.web.plans import views

app_name = "plans"
urlpatterns = [
    path("", views.queue, name="queue"),
    path("<int:pk>/", views.detail, name="detail"),
    path("<int:pk>/send/", views.send, name="send"),
]
