"""Every page and verb; `tests/house/test_urls.py` lists who may call each."""

from django.urls import include, path

urlpatterns = [
    path("api/", include("leadroom.api.urls", namespace="api")),
    path("", include("leadroom.web.urls")),
]
