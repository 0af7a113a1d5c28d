from django.apps import AppConfig


class TestplansConfig(AppConfig):
    name = "leadroom.testplans"
