from django.apps import AppConfig


class ProjectsConfig(AppConfig):
    name = "leadroom.projects"
