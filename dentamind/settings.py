"""The one place that reads the environment. `.env` beside manage.py is read first.

Every variable that starts with NOTIFICATIONS_ becomes a setting of the same name, so that a new
channel or carrier brings its settings without an edit here.
"""

import os
from pathlib import Path

import dj_database_url
from csp.constants import NONE, SELF
from django.utils.translation import gettext_lazy as _
from dotenv import load_dotenv
from environs import Env

BASE_DIR = Path(__file__).resolve().parent.parent

# Into os.environ, which environs' own read_env leaves alone: NOTIFICATIONS_* are read from there.
ENV_FILE = Path(os.environ.get("DENTAMIND_ENV_FILE", BASE_DIR / ".env"))
load_dotenv(ENV_FILE)
env = Env()

# -- who we are ---------------------------------------------------------------------------------

DEBUG = env.bool("DEBUG", False)
SECRET_KEY = env.str("SECRET_KEY", "")
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", ["localhost", "127.0.0.1", "[::1]"])
PUBLIC_URL = env.str("PUBLIC_URL", f"http://localhost:{env.str('PORT', '') or 8000}").rstrip("/")
# Full origins, port included: pages and sockets from anywhere else are refused.
TRUSTED_ORIGINS = env.list("TRUSTED_ORIGINS", [PUBLIC_URL])

INSTALLED_APPS = [
    "daphne",
    "dentamind.apps.PortalAdminConfig",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "axes",
    "csp",
    "django_htmx",
    "django_q",
    "rest_framework",
    "drf_spectacular",
    "anymail",
    "notifications",
    "portal",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "portal.middleware.PatientSettingsMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "dentamind.urls"
ASGI_APPLICATION = "dentamind.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    }
]

# -- where the truth is kept --------------------------------------------------------------------

EMBEDDED = f"sqlite:///{BASE_DIR / 'db.sqlite3'}"
DATABASES = {"default": dj_database_url.parse(env.str("DATABASE_URL", "") or EMBEDDED)}
if "sqlite" in DATABASES["default"]["ENGINE"]:
    DATABASES["default"]["OPTIONS"] = {
        "transaction_mode": "IMMEDIATE",
        "timeout": 20,
        "init_command": "PRAGMA journal_mode=WAL",
    }
elif env.bool("DATABASE_POOL", False):  # for web processes; workers keep one connection each
    DATABASES["default"].setdefault("OPTIONS", {})["pool"] = True
else:
    DATABASES["default"]["CONN_MAX_AGE"] = 60

REDIS_URL = env.str("REDIS_URL", "")
if REDIS_URL:
    CHANNEL_LAYERS = {
        "default": {
            "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
            "CONFIG": {"hosts": [REDIS_URL]},
        }
    }
    CACHES = {
        "default": {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": REDIS_URL}
    }
else:
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
    CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}

NOTIFY_SOCKET = env.str("NOTIFY_SOCKET", "")  # set by systemd, for its watchdog
Q_CLUSTER = {  # why each value: docs/operations.md; our own table retries, the queue never
    "name": "dentamind",
    "orm": "default",
    "poll": 0.2,
    "workers": 2,
    "queue_limit": 2,
    "bulk": 1,
    "timeout": 60,
    "retry": 180,
    "max_attempts": 1,
    "ack_failures": True,
    "catch_up": False,
    "save_limit": -1,
}

# -- who may come in ----------------------------------------------------------------------------

AUTH_USER_MODEL = "portal.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = [
    "django.contrib.auth.hashers.Argon2PasswordHasher",
    "django.contrib.auth.hashers.PBKDF2PasswordHasher",
]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/"
LOGOUT_REDIRECT_URL = "/accounts/login/"
SESSION_COOKIE_AGE = 12 * 60 * 60
SESSION_EXPIRE_AT_BROWSER_CLOSE = True
SESSION_COOKIE_HTTPONLY = True
AXES_FAILURE_LIMIT = 10
AXES_COOLOFF_TIME = 0.25  # hours
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_HTTP_RESPONSE_CODE = 429
AXES_RESET_ON_SUCCESS = True
AXES_VERBOSE = False
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"

CSRF_TRUSTED_ORIGINS = TRUSTED_ORIGINS
# Nothing leaves for other sites. "no-referrer" would make browsers send "Origin: null" with our
# own forms, which the CSRF check must refuse.
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if not DEBUG:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    SECURE_HSTS_SECONDS = 365 * 24 * 60 * 60
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "connect-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "frame-ancestors": [NONE],
        "manifest-src": [SELF],
        "worker-src": [SELF],
    }
}

# -- words and time -----------------------------------------------------------------------------

LANGUAGE_CODE = "en"
LANGUAGES = [("en", _("English")), ("es", _("Spanish"))]
LOCALE_PATHS = [BASE_DIR / "templates" / "locale"]
TIME_ZONE = "UTC"
USE_TZ = True
FORMAT_MODULE_PATH = "dentamind.formats"

STATIC_URL = "/static/"
STATIC_ROOT = BASE_DIR / "var" / "static"
STATICFILES_DIRS = [BASE_DIR / "static"]
if not DEBUG:
    STORAGES = {
        "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
        "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    }

# -- HTTP API -----------------------------------------------------------------------------------

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["notifications.api.authentication.Session"],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["rest_framework.parsers.JSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "notifications.api.problems.handle",
    "URL_FORMAT_OVERRIDE": None,  # ?format= is an unknown parameter like any other
}
SPECTACULAR_SETTINGS = {
    "TITLE": "DentaMind Notifications",
    "DESCRIPTION": "A patient's notifications and preferences.",
    "VERSION": "1",
    "ENFORCE_NON_BLANK_FIELDS": True,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SERVE_INCLUDE_SCHEMA": False,
}

# -- e-mail -------------------------------------------------------------------------------------

EMAIL_BACKEND = env.str("EMAIL_BACKEND", "notifications.providers.outbox.EmailBackend")
EMAIL_HOST = env.str("EMAIL_HOST", "localhost")
EMAIL_PORT = env.int("EMAIL_PORT", 25)
EMAIL_HOST_USER = env.str("EMAIL_HOST_USER", "")
EMAIL_HOST_PASSWORD = env.str("EMAIL_HOST_PASSWORD", "")
EMAIL_USE_TLS = env.bool("EMAIL_USE_TLS", False)
EMAIL_TIMEOUT = 10
DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", "notify@dentamind.example")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
ANYMAIL = {
    "REQUESTS_TIMEOUT": 10,
    "WEBHOOK_SECRET": env.str("ANYMAIL_WEBHOOK_SECRET", "") or None,
    "SEND_DEFAULTS": {"track_opens": False, "track_clicks": False},
    # SES takes no such wish: it tracks only where the account's own configuration set asks for it.
    # Its library must not hang us, nor try again by itself: that could be a second mail.
    "AMAZON_SES_SEND_DEFAULTS": {"track_opens": None, "track_clicks": None},
    "AMAZON_SES_CLIENT_PARAMS": {
        "config": {"connect_timeout": 5, "read_timeout": 10, "retries": {"total_max_attempts": 1}}
    },
}
# What the chosen service asks for besides, such as ANYMAIL_MAILGUN_API_KEY.
ANYMAIL |= {
    name.removeprefix("ANYMAIL_"): value
    for name, value in os.environ.items()
    if name.startswith("ANYMAIL_") and value
}

# -- the engine ---------------------------------------------------------------------------------

NOTIFICATIONS_MASTER_KEYS = ""
NOTIFICATIONS_INDEX_KEY = ""
NOTIFICATIONS_AUDIT_KEYS = ""
NOTIFICATIONS_ACCESS = "portal.access.patient_for"
NOTIFICATIONS_PROFILES = "portal.access.profiles_for"
NOTIFICATIONS_ANSWERS = "portal.services.answers.answer"
NOTIFICATIONS_UPKEEP = "portal.services.upkeep.keep_up"
NOTIFICATIONS_SMS_PROVIDER = "notifications.providers.outbox.Outbox"
NOTIFICATIONS_PUSH_PROVIDER = "notifications.providers.outbox.Outbox"
NOTIFICATIONS_TWILIO_ACCOUNT_SID = ""
NOTIFICATIONS_TWILIO_AUTH_TOKEN = ""
NOTIFICATIONS_TWILIO_API_KEY = ""  # with its secret: sends instead of the token
NOTIFICATIONS_TWILIO_API_SECRET = ""
NOTIFICATIONS_TWILIO_API = "https://api.twilio.com"  # a stand-in on this machine, to rehearse
NOTIFICATIONS_TWILIO_FROM = ""
NOTIFICATIONS_TWILIO_MESSAGING_SERVICE = ""
NOTIFICATIONS_TWILIO_REDACTION = "false"  # the account must have it enabled
NOTIFICATIONS_TWILIO_ANSWERS_STOP = "true"  # Twilio's own answers to STOP, START and HELP
NOTIFICATIONS_VAPID_PRIVATE_KEY = ""  # manage.py vapid_keys --write
NOTIFICATIONS_VAPID_SUBJECT = ""  # empty: mailto: and DEFAULT_FROM_EMAIL
NOTIFICATIONS_PUSH_HOSTS = (
    "fcm.googleapis.com,updates.push.services.mozilla.com,*.push.apple.com,*.notify.windows.com"
)
NOTIFICATIONS_SNS_TOPICS = ""  # ARNs, for Amazon SES: whose calls are believed
NOTIFICATIONS_AGREEMENTS = ""  # carriers under a signed agreement: "email,sms"
NOTIFICATIONS_SEND_SLOTS = "8"
NOTIFICATIONS_LEASE_SECONDS = "30"  # until a call nobody recorded counts as lost
NOTIFICATIONS_LOOK_UP_SECONDS = "120"  # between two questions after a lost answer
NOTIFICATIONS_REPEAT_SECONDS = "600"  # until what may go twice goes again
NOTIFICATIONS_POLL_SECONDS = "0.25"
NOTIFICATIONS_WATERMARK = "var/watermark"  # empty: backups are not noticed
NOTIFICATIONS_WORKER_SILENCE = "45"  # seconds a task may wait for a worker
NOTIFICATIONS_METRICS_TOKEN = ""  # empty: no /metrics
globals().update(
    {name: value for name, value in os.environ.items() if name.startswith("NOTIFICATIONS_")}
)

# -- the demo -----------------------------------------------------------------------------------

DEMO_PASSWORD = env.str("DEMO_PASSWORD", "")

# -- logs ---------------------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": "INFO"},
    "loggers": {
        "twilio.http_client": {"level": "WARNING"},  # at INFO it writes phone numbers
        "botocore": {"level": "WARNING"},  # at INFO it tells of its keys with each mail
        "django-q": {"handlers": ["console"], "level": "WARNING", "propagate": False},
        "daphne.http_protocol": {"level": "WARNING"},
        "axes": {"level": "ERROR"},  # at WARNING it writes sign-in addresses
    },
}
