from django.apps import AppConfig


class GuardrailsConfig(AppConfig):
    name = "leadroom.guardrails"
