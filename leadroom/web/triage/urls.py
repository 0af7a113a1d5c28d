"""Addresses of triage."""

from django.urls import path

from leadroom.web.triage import deciding, engine, importing, inbox, views

app_name = "triage"
urlpatterns = [
    path("", inbox.inbox, name="inbox"),
    path("news/", inbox.news, name="news"),
    path("views/", inbox.save_filter, name="save_filter"),
    path("views/<int:pk>/forget/", inbox.forget_filter, name="forget_filter"),
    path("findings/<int:pk>/", inbox.finding, name="finding"),
    path("findings/<int:pk>/route/", deciding.route, name="route"),
    path("findings/<int:pk>/snooze/", deciding.snooze, name="snooze"),
    path("findings/<int:pk>/mark/", deciding.mark_finding, name="mark_finding"),
    path("findings/<int:pk>/split/", deciding.split, name="split"),
    path("findings/<int:pk>/link/", deciding.link, name="link"),
    path("findings/<int:pk>/teach/", deciding.teach, name="teach"),
    path("decisions/<str:pks>/undo/", deciding.undo, name="undo"),
    path("links/<int:pk>/accept/", deciding.accept, name="accept"),
    path("links/<int:pk>/cut/", deciding.cut, name="cut"),
    path("reports/", views.reports, name="reports"),
    path("<int:pk>/", views.report, name="report"),
    path("import/<slug:slug>/", importing.import_findings, name="import"),
    path("engine/<slug:slug>/", engine.engine, name="engine"),
    path("<int:pk>/mark/", views.mark, name="mark"),
]
