"""Addresses of alignment."""

from django.urls import path

from leadroom.web.align import deciding, documents, lane, views

app_name = "align"
urlpatterns = [
    path("", lane.queue, name="queue"),
    path("queue/", lane.lane, name="lane"),
    path("fire/", lane.fire, name="fire"),
    path("<int:pk>/", views.item, name="item"),
    path("<int:pk>/all/", deciding.pick_all, name="pick_all"),
    path("<int:pk>/proposal/", deciding.take, name="take"),
    path("<int:pk>/answers/", deciding.answer, name="answer"),
    path("<int:pk>/enough/", deciding.enough, name="enough"),
    path("<int:pk>/undo/", deciding.undo, name="undo"),
    path("<int:pk>/hand-over/", deciding.hand_over, name="hand_over"),
    path("<int:pk>/sitting/", views.sit_down, name="sit_down"),
    path("<int:pk>/aside/", views.put_aside, name="put_aside"),
    path("<int:pk>/hold/", views.hold, name="hold"),
    path("<int:pk>/missing/", views.supply, name="supply"),
    path("<int:pk>/document.md", documents.export, name="export"),
    path("<int:pk>/import/", documents.import_document, name="import"),
    path("<int:pk>/change/", documents.change, name="change"),
    path("<int:pk>/difference/<int:old>/<int:new>/", documents.difference, name="difference"),
    path("questions/<int:pk>/pick/", deciding.pick, name="pick"),
    path("questions/<int:pk>/reopen/", deciding.reopen, name="reopen"),
    path("questions/<int:pk>/defer/", deciding.defer, name="defer"),
    path("questions/<int:pk>/probe/", deciding.probe, name="probe"),
    path("questions/<int:pk>/care/", deciding.care, name="care"),
    path("questions/<int:pk>/comment/", deciding.remark, name="remark"),
]
