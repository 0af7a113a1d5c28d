"""Every setting, read from the environment in this one place. A wrong value stops the start with its cure."""

import os
import secrets
import socket
from pathlib import Path

import dj_database_url
from csp.constants import NONCE, NONE, SELF
from django.core.exceptions import ImproperlyConfigured

from leadroom.lib.paths import broker_socket


def _text(name: str, default: str) -> str:
    return os.environ.get(name, "").strip() or default


def _number(name: str, default: int, *, low: int, high: int) -> int:
    raw = _text(name, str(default))
    if not raw.isdigit() or not low <= int(raw) <= high:
        raise ImproperlyConfigured(f"{name} is {raw!r}; set it to a whole number from {low} to {high}, or unset it.")
    return int(raw)


def _switch(name: str, default: bool) -> bool:
    raw = _text(name, "1" if default else "0").lower()
    if raw not in {"0", "1", "true", "false", "yes", "no"}:
        raise ImproperlyConfigured(f"{name} is {raw!r}; set it to 1 or 0, or unset it.")
    return raw in {"1", "true", "yes"}


def _make_private(home: Path) -> None:
    """The data folder for this user alone, also when it was there before; a folder of somebody else's things stays."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    is_ours = not any(home.iterdir()) or all((home / name).is_dir() for name in _FOLDERS)
    folders = [home / name for name in _FOLDERS]
    for folder in folders:
        folder.mkdir(mode=0o700, exist_ok=True)
    for folder in [home, *folders] if is_ours else folders:
        status = folder.stat()
        if status.st_mode & 0o077 and status.st_uid == os.geteuid():
            folder.chmod(0o700)


def _make_private_file(path: Path) -> None:
    """The file exists and only this user can read it; SQLite's own files beside it get the same mode."""
    path.touch(mode=0o600)
    status = path.stat()
    if status.st_mode & 0o077 and status.st_uid == os.geteuid():
        path.chmod(0o600)


def _secret_key(home: Path) -> str:
    if key := os.environ.get("LEADROOM_SECRET_KEY", ""):
        if len(key) < 32:
            raise ImproperlyConfigured("LEADROOM_SECRET_KEY has fewer than 32 characters; use a longer random one.")
        return key
    path = home / "secret.key"
    if not path.exists():
        draft = home / f".secret.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_text(secrets.token_urlsafe(48))
        try:
            os.link(draft, path)  # atomic: two first starts agree on one key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_text().strip()


def _prices(name: str) -> dict[str, tuple[float, float]]:
    """Model to dollars for a million tokens, input and output: `claude-opus-4-5=5/25 other=0.5/2`."""
    prices = {}
    for part in _text(name, "").split():
        model, _, price = part.rpartition("=")
        given, _, made = price.partition("/")
        try:
            prices[model] = (float(given), float(made))
        except ValueError:
            model = ""
        if not model or not all(0 <= dollars <= 10_000 for dollars in prices[model]):
            raise ImproperlyConfigured(
                f"{name} has {part!r}; write model=input/output in dollars for a million tokens, or unset it."
            )
    return prices


_FOLDERS = ("run", "log", "keys", "projects")
BASE_DIR = Path(__file__).resolve().parent.parent
HOME_DIR = Path(_text("LEADROOM_HOME", "~/.leadroom")).expanduser().resolve()
try:
    _make_private(HOME_DIR)
    SECRET_KEY = _secret_key(HOME_DIR)
    if not os.environ.get("DATABASE_URL", "").strip():
        _make_private_file(HOME_DIR / "db.sqlite3")
except OSError as error:
    raise ImproperlyConfigured(
        f"The data folder {HOME_DIR} cannot be written ({error.strerror}); "
        "set LEADROOM_HOME to a folder you own, or mend its permissions."
    ) from error

DEBUG = _switch("LEADROOM_DEBUG", False)
HOST = _text("LEADROOM_HOST", "127.0.0.1")
PORT = _number("LEADROOM_PORT", 8000, low=1, high=65535)
PUBLIC_URL = _text("LEADROOM_PUBLIC_URL", f"http://{HOST}:{PORT}").rstrip("/")
HOST_NAME = _text("LEADROOM_HOST_NAME", socket.gethostname())
TOOLCHAIN_DIR = Path(_text("LEADROOM_TOOLCHAIN", str(BASE_DIR / ".toolbox"))).expanduser()
REHEARSAL_URL = _text("LEADROOM_REHEARSAL_URL", "")
MODEL_URL_DEFAULT = "https://api.anthropic.com"
MODEL_URL = _text("ANTHROPIC_BASE_URL", MODEL_URL_DEFAULT).rstrip("/")
MODEL_KEY = _text("ANTHROPIC_API_KEY", "")
MODEL_NAME = _text("LEADROOM_MODEL", "claude-opus-4-5")
CEILING = _number("LEADROOM_CEILING", 2, low=1, high=64)
PRICES = _prices("LEADROOM_PRICES")
HOOKS_MAY_BE_PRIVATE = _switch("LEADROOM_HOOKS_PRIVATE", False)
UNDO_SECONDS = _number("LEADROOM_UNDO_SECONDS", 10, low=0, high=60)

_public_host = PUBLIC_URL.split("://", 1)[-1]
ALLOWED_HOSTS = sorted({_public_host.rsplit(":", 1)[0], "127.0.0.1", "localhost"})
LIVE_ORIGINS = sorted({PUBLIC_URL, f"http://127.0.0.1:{PORT}", f"http://localhost:{PORT}"})
CSRF_TRUSTED_ORIGINS = [PUBLIC_URL] if PUBLIC_URL.startswith("https://") else []

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "channels",
    "django_htmx",
    "csp",
    "leadroom.ledger",
    "leadroom.projects",
    "leadroom.skills",
    "leadroom.guardrails",
    "leadroom.requirements",
    "leadroom.agents",
    "leadroom.testplans",
    "leadroom.worktrees",
    "leadroom.triage",
    "leadroom.verification",
    "leadroom.reading",
    "leadroom.outcomes",
    "leadroom.notices",
    "leadroom.web",
    "leadroom.ops",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.auth.middleware.LoginRequiredMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "leadroom.web.middleware.zone_middleware",
    "leadroom.web.middleware.SameOriginMiddleware",
    "leadroom.web.middleware.RefusalMiddleware",
]

AUTHENTICATION_BACKENDS = ["leadroom.web.accounts.backends.PeopleBackend"]
ROOT_URLCONF = "leadroom.urls"
ASGI_APPLICATION = "leadroom.asgi.application"
LOGIN_URL = "accounts:sign_in"
LOGIN_REDIRECT_URL = "room:board"

_loaders = ["django.template.loaders.filesystem.Loader", "django.template.loaders.app_directories.Loader"]
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "csp.context_processors.nonce",
                "leadroom.web.context.frame",
            ],
            # by hand: the package's own set-up guesses wrongly when loaders are configured
            "loaders": [
                (
                    "template_partials.loader.Loader",
                    _loaders if DEBUG else [("django.template.loaders.cached.Loader", _loaders)],
                )
            ],
            "builtins": [
                "template_partials.templatetags.partials",
                "django.templatetags.static",
                "django_htmx.templatetags.django_htmx",
                "leadroom.web.templatetags.leadroom_ui",
            ],
        },
    },
]

try:
    DATABASES = {
        "default": dj_database_url.parse(
            _text("DATABASE_URL", f"sqlite:///{HOME_DIR / 'db.sqlite3'}"),
            conn_max_age=None,
            conn_health_checks=True,
        )
    }
except (ValueError, dj_database_url.ParseError) as error:
    raise ImproperlyConfigured(
        "DATABASE_URL cannot be read; it should look like postgres://user:password@host:5432/leadroom."
    ) from error
IS_SQLITE = DATABASES["default"]["ENGINE"].endswith("sqlite3")
if IS_SQLITE:
    # a holder's event batches may lose the last moment at a power cut; a person's decision may not
    _synchronous = "NORMAL" if os.environ.get("LEADROOM_PROCESS") == "holder" else "FULL"
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 5,
        "init_command": f"PRAGMA journal_mode=WAL; PRAGMA synchronous={_synchronous}; PRAGMA mmap_size=33554432;",
    }
    DATABASES["default"]["TEST"] = {"NAME": str(HOME_DIR / "test.sqlite3")}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = _text("REDIS_URL", f"unix://{broker_socket(HOME_DIR)}")
if not REDIS_URL.startswith(("redis://", "rediss://", "unix://")):
    raise ImproperlyConfigured(f"REDIS_URL is {REDIS_URL!r}; it should start with redis://, rediss:// or unix://.")
LIVE_PREFIX = _text("LEADROOM_LIVE_PREFIX", "leadroom")
LIVE_WAKE_TASK = "pipeline.reconcile_item"

CELERY_BROKER_URL = REDIS_URL.replace("unix://", "redis+socket://", 1)
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "global_keyprefix": f"{LIVE_PREFIX}:",
    "socket_timeout": 5,
    "socket_connect_timeout": 2,
    "max_retries": 1,
}
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_IGNORE_RESULT = True
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TASK_PUBLISH_RETRY = False
CELERY_BEAT_SCHEDULE = {
    "tick": {"task": "pipeline.tick", "schedule": 1.0, "options": {"expires": 5}},
    "outcomes": {"task": "outcomes.gather", "schedule": 30.0, "options": {"expires": 25}},
    "notices": {"task": "notices.look", "schedule": 10.0, "options": {"expires": 10}},
    "adjudicate": {"task": "pipeline.adjudicate", "schedule": 60.0, "options": {"expires": 50}},
    "check_engine": {"task": "pipeline.check_engine", "schedule": 300.0, "options": {"expires": 60}},
    "anchor": {"task": "pipeline.anchor", "schedule": 3600.0, "options": {"expires": 600}},
    "reading": {"task": "reading.look", "schedule": 20.0, "options": {"expires": 20}},
}

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = HOME_DIR / "run" / "static"
WHITENOISE_USE_FINDERS = True
WHITENOISE_AUTOREFRESH = DEBUG
SKILLS_DIR = BASE_DIR / "skills"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF, NONCE],
        "style-src": [SELF, NONCE],
        "img-src": [SELF, "data:"],
        "font-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "frame-ancestors": [NONE],
        "base-uri": [NONE],
        "manifest-src": [SELF],
    }
}
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_NAME = f"leadroom_session_{PORT}"  # two Leadrooms on one host share the cookie jar
CSRF_COOKIE_NAME = f"leadroom_csrf_{PORT}"
SESSION_COOKIE_AGE = 30 * 24 * 3600
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = PUBLIC_URL.startswith("https://")
PASSWORD_RESET_TIMEOUT = 900  # seconds a sign-in link lives
PASSWORD_HASHERS = ["django.contrib.auth.hashers.ScryptPasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 1024 * 1024

EMAIL_HOST = _text("LEADROOM_EMAIL_HOST", "")
EMAIL_BACKEND = f"django.core.mail.backends.{'smtp' if EMAIL_HOST else 'console'}.EmailBackend"
EMAIL_PORT = _number("LEADROOM_EMAIL_PORT", 587, low=1, high=65535)
EMAIL_HOST_USER = _text("LEADROOM_EMAIL_USER", "")
EMAIL_HOST_PASSWORD = _text("LEADROOM_EMAIL_PASSWORD", "")
EMAIL_USE_TLS = _switch("LEADROOM_EMAIL_TLS", True)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = _text("LEADROOM_EMAIL_FROM", "leadroom@localhost")

LANGUAGE_CODE = "en"
TIME_ZONE = _text("LEADROOM_TIME_ZONE", "UTC")
USE_TZ = True
USE_I18N = False

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "()": "leadroom.lib.redaction.RedactingFormatter",
            "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s",
            "secrets": [SECRET_KEY, MODEL_KEY, EMAIL_HOST_PASSWORD],
        }
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "django.channels.server": {"level": "WARNING"},
        "httpx2": {"level": "WARNING"},
        "celery.app.trace": {"level": "WARNING"},
        "celery.beat": {"level": "WARNING"},
    },
}
