"""The ASGI application: pages by Django, the live lanes on one websocket path."""

import gc

from channels.auth import AuthMiddlewareStack
from channels.routing import ProtocolTypeRouter
from django.core.asgi import get_asgi_application

import leadroom.celery  # noqa: F401 - chooses the settings; tasks sent by pages go to our broker

_pages = get_asgi_application()  # before anything that imports models

from django.urls import get_resolver  # noqa: E402

from leadroom.web.live.consumer import live  # noqa: E402
from leadroom.web.live.door import Door  # noqa: E402

_sockets = Door(AuthMiddlewareStack(live), path="/live/")
application = ProtocolTypeRouter({"http": _pages, "websocket": _sockets})

get_resolver().url_patterns  # noqa: B018 - every page's module, else loaded by the first request
# What is loaded by now lives as long as the process. Without this every full collection walks it anew, some 200 ms
# in the middle of a page.
gc.collect()
gc.freeze()
