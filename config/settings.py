"""All settings, from the environment (django-environ). The README's table says what each variable does.

Without any configuration: SQLite and generated secrets in `.local/`, loopback addresses only, DEBUG off.
With PRODUCTION=true nothing is guessed: what is missing is named, and the process refuses to start.
"""

import os
import secrets
from contextlib import suppress
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import environ
from django.core.exceptions import ImproperlyConfigured

from config import logs

BASE_DIR = Path(__file__).resolve().parent.parent

env = environ.Env()


def switch(name: str) -> bool:
    """`true` or `false`, which is also the default. Raises ImproperlyConfigured for anything else: a slip of the
    finger must not turn a production installation into a local one."""
    text = env.str(name, default="false").strip().lower()
    if text not in ("true", "false"):
        raise ImproperlyConfigured(f"{name}: write true or false.")
    return bool(text == "true")


def number(name: str, *, default: int) -> int:
    """A number from 0 up. Raises ImproperlyConfigured for anything else."""
    text = env.str(name, default=str(default)).strip()
    if not (text.isascii() and text.isdecimal()):
        raise ImproperlyConfigured(f"{name}: write a number, such as {default}.")
    return int(text)


def words(name: str) -> list[str]:
    """What stands between commas; empty when the variable isn't set."""
    return [word.strip() for word in env.str(name, default="").split(",") if word.strip()]


LOCAL_DIR = Path(env.str("LOCAL_DIR", default=str(BASE_DIR / ".local")))
PRODUCTION = switch("PRODUCTION")

REQUIRED_IN_PRODUCTION = {
    "SECRET_KEY": "50 or more random characters, for sessions and signatures",
    "API_KEY_PEPPERS": "numbered random keys for the digests of API secrets, such as 1:<43 random characters>",
    "ALLOWED_HOSTS": "the host names that this installation answers to, separated by commas",
    "DATABASE_URL": "the database, such as postgres://user:password@host:5432/concord",
}


def require_production_settings() -> None:
    """Raises ImproperlyConfigured naming each missing variable and what to put into it."""
    missing = {name: what for name, what in REQUIRED_IN_PRODUCTION.items() if not os.environ.get(name, "").strip()}
    if missing:
        lines = "".join(f"\n  {name}: {what}" for name, what in missing.items())
        raise ImproperlyConfigured(f"PRODUCTION=true needs these environment variables, see the README:{lines}")


def local_secrets() -> None:
    """Reads the secrets of a local installation, making the file at the first start (mode 0600)."""
    path = LOCAL_DIR / "secrets.env"
    LOCAL_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not path.exists():
        with NamedTemporaryFile("w", dir=LOCAL_DIR, prefix="secrets-") as file:  # its mode is 0600
            file.write(
                f"SECRET_KEY={secrets.token_urlsafe(48)}\n"
                f"API_KEY_PEPPERS=1:{secrets.token_urlsafe(32)}\n"
                f"DEMO_PASSWORD_SEED={secrets.token_urlsafe(32)}\n"
            )
            file.flush()
            # The first of two processes that start at once wins, and neither ever sees half a file.
            with suppress(FileExistsError):
                os.link(file.name, path)
    environ.Env.read_env(path)


def secret_key() -> str:
    """Raises ImproperlyConfigured when it is too short to be random."""
    # Not through django-environ, to which a leading $ means the name of another variable.
    key = os.environ.get("SECRET_KEY", "")
    if len(key) < 50 or len(set(key)) < 5:
        raise ImproperlyConfigured(f"SECRET_KEY: write {REQUIRED_IN_PRODUCTION['SECRET_KEY']}.")
    return key


def peppers(text: str) -> dict[int, bytes]:
    """`1:abc,2:def` → {1: b"abc", 2: b"def"}. The highest number signs new secrets.

    Raises ImproperlyConfigured when it has another form or a pepper is shorter than 32 characters.
    """
    result: dict[int, bytes] = {}
    for part in text.split(","):
        name, colon, pepper = part.strip().partition(":")
        if not (colon and name.isascii() and name.isdecimal() and 1 <= int(name) <= 32767) or int(name) in result:
            raise ImproperlyConfigured("API_KEY_PEPPERS: write number:pepper, separated by commas, each number once.")
        if len(pepper) < 32:
            raise ImproperlyConfigured(f"API_KEY_PEPPERS: pepper {name} is shorter than 32 characters.")
        result[int(name)] = pepper.encode()
    return result


def allowed_hosts() -> list[str]:
    """Loopback names, or those of the installation. Raises ImproperlyConfigured for `*`."""
    if not PRODUCTION:
        return ["localhost", "127.0.0.1", "[::1]"]
    hosts = words("ALLOWED_HOSTS")
    if not hosts or "*" in hosts:
        raise ImproperlyConfigured(f"ALLOWED_HOSTS: write {REQUIRED_IN_PRODUCTION['ALLOWED_HOSTS']}, and no *.")
    return hosts


if PRODUCTION:
    require_production_settings()
else:
    local_secrets()

DEBUG = False
SECRET_KEY = secret_key()
SECRET_KEY_FALLBACKS = words("SECRET_KEY_FALLBACKS")
API_KEY_PEPPERS = peppers(env.str("API_KEY_PEPPERS"))
DEMO_PASSWORD_SEED = "" if PRODUCTION else env.str("DEMO_PASSWORD_SEED")
ALLOWED_HOSTS = allowed_hosts()

INSTALLED_APPS = [
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "allauth",
    "allauth.account",
    "allauth.mfa",
    "allauth.usersessions",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_include_bootstrap",
    "django_htmx",
    "crispy_forms",
    "crispy_bootstrap5",
    "heroicons",
    "template_partials",
    "django_structlog",
    "django_tasks_db",
    "csp",
    "accounts",
    "contacts",
    "integrations",
]

MIDDLEWARE = [
    # Those that every response needs come first, so that no redirect, static file or error escapes them.
    "accounts.middleware.RequestLogMiddleware",
    "accounts.rest.ProblemMiddleware",
    "csp.middleware.CSPMiddleware",
    "django_permissions_policy.PermissionsPolicyMiddleware",
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "allauth.account.middleware.AccountMiddleware",
    "allauth.usersessions.middleware.UserSessionsMiddleware",
    "accounts.middleware.StaffSecondFactorMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "integrations.middleware.UsageMiddleware",
]

ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
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
                "contacts.context.navigation",
                "integrations.context.navigation",
            ]
        },
    }
]
FORM_RENDERER = "django.forms.renderers.DjangoTemplates"
CRISPY_ALLOWED_TEMPLATE_PACKS = "bootstrap5"
CRISPY_TEMPLATE_PACK = "bootstrap5"


def database() -> dict[str, Any]:
    """The one database, with what each vendor needs to serialise writers (see README, Decisions).

    Raises ImproperlyConfigured for a URL that can't be read or names another vendor.
    """
    form = "DATABASE_URL: write a URL such as postgres://user:password@host:5432/concord or sqlite:////path/to/file."
    try:
        config: dict[str, Any] = env.db_url("DATABASE_URL", default=f"sqlite:///{LOCAL_DIR / 'concord.sqlite3'}")
    except ValueError:
        # Without the cause, in which the password may stand
        raise ImproperlyConfigured(f"{form} Percent-encode special characters in the password.") from None
    options = config.setdefault("OPTIONS", {})
    if config.get("ENGINE") == "django.db.backends.sqlite3" and config["NAME"] != ":memory:":
        options.update(
            transaction_mode="IMMEDIATE",
            timeout=20,
            init_command="PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA foreign_keys=ON; "
            "PRAGMA wal_autocheckpoint=20000; PRAGMA cache_size=-32768;",
        )
        # A file: threads that share an in-memory database answer "table is locked" to each other.
        config["TEST"] = {"NAME": str(LOCAL_DIR / "test.sqlite3")}
    elif config.get("ENGINE") == "django.db.backends.postgresql":
        options.setdefault("connect_timeout", 5)
        # Statements are prepared on their third run: most of what a call costs is planning them again and again.
        options |= {"server_side_binding": True, "prepare_threshold": 3}
        options["pool"] = {"min_size": 1, "max_size": number("DATABASE_POOL_SIZE", default=8), "timeout": 10}
        config |= {"CONN_MAX_AGE": 0, "CONN_HEALTH_CHECKS": True}  # the pool keeps them, and checks what it hands out
    else:
        raise ImproperlyConfigured(form)
    return config


DATABASES = {"default": database()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Django's limit of 300 entries would let a flood of failures push the counters of other failures out.
CACHES = {"default": env.cache_url("CACHE_URL", default="dbcache://concord_cache?max_entries=10000")}

AUTH_USER_MODEL = "accounts.User"
AUTHENTICATION_BACKENDS = ["allauth.account.auth_backends.AuthenticationBackend"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
ACCOUNT_ADAPTER = "accounts.adapters.AccountAdapter"
ACCOUNT_USER_MODEL_USERNAME_FIELD = None
ACCOUNT_LOGIN_METHODS = {"email"}
ACCOUNT_SIGNUP_FIELDS = ["email*", "password1*", "password2*"]
ACCOUNT_EMAIL_VERIFICATION = "none"  # people are invited; nobody can sign up
ACCOUNT_REAUTHENTICATION_TIMEOUT = 15 * 60
ACCOUNT_SESSION_REMEMBER = False
ACCOUNT_LOGOUT_REDIRECT_URL = "/"
ALLAUTH_TRUSTED_PROXY_COUNT = number("TRUSTED_PROXY_COUNT", default=0)
MFA_ADAPTER = "accounts.adapters.MFAAdapter"
MFA_SUPPORTED_TYPES = ["totp", "webauthn", "recovery_codes"]
MFA_TOTP_ISSUER = "Concord"
MFA_WEBAUTHN_ALLOW_INSECURE_ORIGIN = not PRODUCTION  # browsers trust localhost without TLS, too
STAFF_SECOND_FACTOR_REQUIRED = PRODUCTION
LOGIN_URL = "account_login"
LOGIN_REDIRECT_URL = "/"

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": ["integrations.authentication.KeyAuthentication"],
    "DEFAULT_PERMISSION_CLASSES": ["accounts.rest.MayUseAccount"],
    "DEFAULT_THROTTLE_CLASSES": ["integrations.throttling.AuthenticationThrottle"],
    "DEFAULT_RENDERER_CLASSES": ["accounts.rest.JSONRenderer"],
    "DEFAULT_PARSER_CLASSES": ["accounts.rest.RawJSONParser"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "EXCEPTION_HANDLER": "accounts.rest.exception_handler",
    "UNAUTHENTICATED_USER": None,
    "UNAUTHENTICATED_TOKEN": None,
    "URL_FORMAT_OVERRIDE": None,  # what is answered with, the Accept header alone says
}
API_MAX_BODY_BYTES = 10 * 1024 * 1024
IMPORT_MAX_BYTES = 1024**3
DATA_UPLOAD_MAX_NUMBER_FIELDS = 1100  # a CSV may have 1,000 columns, and the page asks about each
API_REQUESTS_PER_MINUTE = number("API_REQUESTS_PER_MINUTE", default=600)
API_FAILURES_PER_MINUTE = number("API_FAILURES_PER_MINUTE", default=120)
# Contacts know id fields, not authentications: background work asks here whether its caller may still write.
CALLER_CHECK = "integrations.authentication.check_again"
# And tells here what it read and wrote for them.
USAGE_RECORD = "integrations.services.usage.record_contacts"
USAGE_FLUSH_SECONDS = number("USAGE_FLUSH_SECONDS", default=3)  # 0: only when somebody asks
TASKS = {"default": {"BACKEND": "django_tasks_db.DatabaseBackend", "QUEUES": ["default"]}}
SPECTACULAR_SETTINGS = {
    "TITLE": "Concord API",
    "DESCRIPTION": "Send and read the contacts of one account, by the ids of your own system.",
    "VERSION": "1",
    "OAS_VERSION": "3.1.0",
    "SCHEMA_PATH_PREFIX": "/api/v1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_AUTHENTICATION": [],
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "POSTPROCESSING_HOOKS": ["integrations.api.schema.add_components"],
}

LOGGING = logs.configure(json=PRODUCTION)
DJANGO_STRUCTLOG_IP_LOGGING_ENABLED = False
DEFAULT_EXCEPTION_REPORTER = "accounts.reports.TracebackReporter"

LANGUAGE_CODE = "en"
TIME_ZONE = "UTC"
USE_I18N = False
USE_TZ = True

STATIC_URL = "/static/"
# Locally nothing is collected: static files are served from where they are written.
STATIC_ROOT = env.str("STATIC_ROOT", default=str(LOCAL_DIR / "static")) if PRODUCTION else None
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {
        "BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"
        if PRODUCTION
        else "django.contrib.staticfiles.storage.StaticFilesStorage"
    },
}
WHITENOISE_USE_FINDERS = not PRODUCTION
WHITENOISE_ALLOW_ALL_ORIGINS = False

DEFAULT_FROM_EMAIL = env.str("DEFAULT_FROM_EMAIL", default="Concord <concord@localhost>")
SERVER_EMAIL = DEFAULT_FROM_EMAIL
if "EMAIL_URL" in env:
    vars().update(env.email_url("EMAIL_URL"))
else:
    EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
    EMAIL_FILE_PATH = LOCAL_DIR / "mail"
EMAIL_TIMEOUT = 10  # seconds: a mail server that hangs must not hang a request

SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_SAMESITE = "Lax"
CSRF_COOKIE_HTTPONLY = True
CSRF_FAILURE_VIEW = "accounts.views.csrf_failure"
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
if PRODUCTION:
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if ALLAUTH_TRUSTED_PROXY_COUNT else None
    SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$"]
    SECURE_HSTS_SECONDS = 365 * 24 * 3600
    SECURE_HSTS_INCLUDE_SUBDOMAINS = True
    SECURE_HSTS_PRELOAD = True
    SESSION_COOKIE_SECURE = True
    CSRF_COOKIE_SECURE = True
    # With this prefix browsers refuse cookies that another host of the domain has set.
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'self'"],
        "img-src": ["'self'", "data:"],  # Bootstrap's icons are data URLs in its stylesheet
        "object-src": ["'none'"],
        "base-uri": ["'none'"],
        "form-action": ["'self'"],
        "frame-ancestors": ["'none'"],
    }
}
PERMISSIONS_POLICY: dict[str, list[str]] = {
    name: [] for name in ("camera", "geolocation", "microphone", "payment", "usb", "display-capture")
}
