"""Django settings. Everything that differs between machines comes from the environment.

`DATABASE_URL` and `REDIS_URL` name the stores. If they are not set, the embedded stores' addresses are read from
`$DATA_DIR/stores.json`, which the supervisor writes before it starts any Django process.
"""

import json
import os
import secrets
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

BASE_DIR = Path(__file__).resolve().parent.parent
DATA_DIR = Path(os.environ.get("DATA_DIR", BASE_DIR / ".data")).resolve()
PORT = int(os.environ.get("PORT", "8000"))
GATEWAYS = int(os.environ.get("GATEWAYS_RUNNING", "1"))
"""How many gateway processes share this data folder, as the supervisor counts them."""


def private_file(name: str, size: int) -> bytes:
    """Bytes of the secret `$DATA_DIR/name`, made at the first start with mode 600."""
    path = DATA_DIR / name
    DATA_DIR.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        draft = DATA_DIR / f".{name}.{os.getpid()}"
        draft.touch(mode=0o600)
        draft.write_bytes(secrets.token_bytes(size))
        try:
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    return path.read_bytes()


def stores() -> dict[str, str]:
    """Addresses of the stores: environment first, then what the supervisor wrote."""
    path = DATA_DIR / "stores.json"
    written = json.loads(path.read_text()) if path.exists() else {}
    return {key: os.environ.get(key) or written.get(key, "") for key in ("DATABASE_URL", "REDIS_URL")}


POOL = {"min_size": 0, "timeout": 3.0, "max_idle": 60.0, "reconnect_timeout": 1.0}
"""Of the pool that a process' pages or jobs share: made when needed, given back when idle. In seconds."""


def database(url: str, most: int) -> dict[str, object]:
    """Django's database entry for a `postgresql://user:password@host:port/name?host=/socket` address.

    At most `most` connections of one process are in the pool; who finds none free within 3 s gets an OperationalError.
    """
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    return {
        "ENGINE": "django.db.backends.postgresql",
        "NAME": unquote(parts.path.lstrip("/")),
        "USER": unquote(parts.username or ""),
        "PASSWORD": unquote(parts.password or ""),
        "HOST": query.pop("host", parts.hostname or ""),
        "PORT": str(query.pop("port", parts.port or "")),
        "CONN_MAX_AGE": 0,
        "CONN_HEALTH_CHECKS": True,
        "OPTIONS": {"connect_timeout": 3, "pool": {**POOL, "max_size": most}, **query},
    }


STORES = stores()
DATABASE_URL = STORES["DATABASE_URL"] or "postgresql://app@127.0.0.1:5432/patchbay"
DATABASES = {"default": database(DATABASE_URL, int(os.environ.get("DATABASE_CONNECTIONS", "20")))}
REDIS_URL = STORES["REDIS_URL"] or "redis://127.0.0.1:6379/0"

SECRET_KEY = os.environ.get("SECRET_KEY") or private_file("secret.key", 48).hex()
MASTER_KEY = bytes.fromhex(os.environ["MASTER_KEY"]) if "MASTER_KEY" in os.environ else private_file("master.key", 32)
KEY_PEPPER = bytes.fromhex(os.environ["KEY_PEPPER"]) if "KEY_PEPPER" in os.environ else private_file("pepper.key", 32)

SOURCE_FOLDERS = tuple(folder for folder in os.environ.get("SOURCE_FOLDERS", "").split(os.pathsep) if folder)
"""Folders of this machine in which sources may watch directories; none without it."""
SIGNING_KEYS = Path(os.environ.get("SIGNING_KEYS", DATA_DIR / "signing-keys"))
"""A folder of public keys and certificates, NAME.pem each, by which sources are signed."""

DEBUG = False
ALLOWED_HOSTS = os.environ.get("ALLOWED_HOSTS", "localhost 127.0.0.1 [::1]").split()
CORS_ORIGINS = os.environ.get("CORS_ORIGINS", "*")
CSRF_TRUSTED_ORIGINS = os.environ.get("CSRF_TRUSTED_ORIGINS", "").split()

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.postgres",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django_htmx",
    "rest_framework",
    "drf_spectacular",
    "axes",
    "controlplane",
    "controlplane.base",
    "registry",
    "routing",
    "versions",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "controlplane.base.web.headers.SecurityHeaders",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "controlplane.base.web.language.AccountLanguage",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "controlplane.base.web.sessions.SessionLimits",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
    "controlplane.base.web.doors.DefaultDeny",
]
ROOT_URLCONF = "controlplane.urls"
ASGI_APPLICATION = "controlplane.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": False,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "controlplane.base.web.ui.page_context",
            ],
            "builtins": ["django.templatetags.i18n", "django.templatetags.static", "controlplane.base.templatetags.ui"],
        },
    }
]

AUTH_USER_MODEL = "base.User"
AUTHENTICATION_BACKENDS = ["axes.backends.AxesStandaloneBackend", "django.contrib.auth.backends.ModelBackend"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 10}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
PASSWORD_HASHERS = ["controlplane.base.passwords.BoundedArgon2"]
LOGIN_URL = "sign-in"
LOGIN_REDIRECT_URL = "overview"
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "base/locked.html"

SESSION_COOKIE_AGE = 7 * 24 * 3600
SESSION_IDLE_SECONDS = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = os.environ.get("SECURE_COOKIES", "") == "1"
CSRF_FAILURE_VIEW = "controlplane.views.csrf_failure"
DATA_UPLOAD_MAX_MEMORY_SIZE = 16 * 1024 * 1024
DATA_UPLOAD_MAX_NUMBER_FIELDS = 6000
SECURE_REFERRER_POLICY = "same-origin"

LANGUAGE_CODE = "en"
LANGUAGES = [("en", "English"), ("zh-hans", "简体中文")]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
USE_I18N = True
USE_TZ = True
TIME_ZONE = "UTC"

STATIC_URL = "/static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATICFILES_FINDERS = [
    "django.contrib.staticfiles.finders.FileSystemFinder",
    "django.contrib.staticfiles.finders.AppDirectoriesFinder",
    "controlplane.base.web.assets.Charts",
]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "controlplane.base.web.assets.HashedModules"},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "registry.access.authentication.KeyAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["controlplane.base.rest.permissions.VerbPermission"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["controlplane.base.rest.parsers.StrictJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "controlplane.base.rest.describing.Described",
    "EXCEPTION_HANDLER": "controlplane.base.rest.exceptions.error_response",
    "UNAUTHENTICATED_USER": None,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Patchbay",
    "VERSION": "0.1.0",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["controlplane.base.rest.permissions.VerbPermission"],
    "SERVE_AUTHENTICATION": [],
    "PREPROCESSING_HOOKS": ["controlplane.base.rest.generics.without_slash_twins"],
    "SCHEMA_PATH_PREFIX": "/api/",
    "COMPONENT_SPLIT_REQUEST": True,
    "AUTHENTICATION_WHITELIST": [],
    "APPEND_COMPONENTS": {
        "securitySchemes": {
            "apiKey": {"type": "http", "scheme": "bearer"},
            "session": {"type": "apiKey", "in": "cookie", "name": "sessionid"},
        }
    },
    "SECURITY": [{"apiKey": []}, {"session": []}],
}

CELERY = {
    "broker_url": REDIS_URL,
    "task_ignore_result": True,
    "task_acks_late": True,
    "task_reject_on_worker_lost": True,
    "worker_prefetch_multiplier": 1,
    "task_serializer": "json",
    "accept_content": ["json"],
    "broker_transport_options": {"visibility_timeout": 3600},
    "broker_connection_retry_on_startup": True,
    "broker_connection_max_retries": None,
    "broker_channel_error_retry": True,
    "worker_hijack_root_logger": False,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"redact": {"()": "controlplane.base.redaction.RedactSecrets"}},
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line", "filters": ["redact"]}},
    "root": {"handlers": ["stderr"], "level": os.environ.get("LOG_LEVEL", "WARNING")},
}
