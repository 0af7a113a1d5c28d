"""Addresses of reading sessions."""

from django.urls import path

from leadroom.web.session import raw, views

app_name = "session"
urlpatterns = [
    path("", views.index, name="index"),
    path("start/", views.start, name="start"),
    path("<int:pk>/", views.past, name="past"),
    path("<int:pk>/digest.md", views.markdown, name="markdown"),
    path("<int:pk>/mail/", views.mail, name="mail"),
    path("<int:pk>/pause/", views.pause, name="pause"),
    path("<int:pk>/resume/", views.resume, name="resume"),
    path("<int:pk>/settle/", views.settle, name="settle"),
    path("<int:pk>/close/", views.close, name="close"),
    path("items/<int:pk>/verdict/", views.verdict, name="verdict"),
    path("items/<int:pk>/undo/", views.undo, name="undo"),
    path("plans/<int:pk>/seen/", views.plan_seen, name="plan_seen"),
    path("raw/", raw.index, name="raw"),
    path("raw/draw/", raw.draw, name="draw"),
    path("raw/<int:pk>/judge/", raw.judge, name="judge"),
]
