from django.apps import AppConfig


class NoticesConfig(AppConfig):
    name = "leadroom.notices"
