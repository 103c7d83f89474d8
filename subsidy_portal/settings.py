"""Settings of the portal: one file, read from the environment and from PORTAL_HOME/secrets.

The launcher (``./portal``) starts embedded servers and exports DATABASE_URL and REDIS_URL;
a county with its own servers sets the same two names.
"""

import json
import os
import stat
import sys
from pathlib import Path

import dj_database_url
from celery.schedules import crontab
from django.core.exceptions import ImproperlyConfigured
from django.utils.translation import gettext_lazy as _

BASE_DIR = Path(__file__).resolve().parent.parent
PORTAL_HOME = Path(os.environ.get("PORTAL_HOME", BASE_DIR / ".portal")).resolve()


def env_bool(name: str, default: bool = False) -> bool:
    return os.environ.get(name, "1" if default else "0").lower() in {"1", "true", "yes", "on"}


def env_list(name: str, default: str = "") -> list[str]:
    return [part.strip() for part in os.environ.get(name, default).split(",") if part.strip()]


def read_secret(name: str) -> str:
    """A secret from PORTAL_HOME/secrets; readable by its owner only, never a default."""
    path = PORTAL_HOME / "secrets" / name
    if not path.is_file():
        raise ImproperlyConfigured(f"缺少密钥文件 {path.name}：请用 ./portal 启动，或放入 PORTAL_HOME/secrets。")
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ImproperlyConfigured(f"密钥文件 {path.name} 对其他用户可读：请执行 chmod 600。")
    return path.read_text().strip()


def next_redis_database(url: str) -> str:
    """The cache lives beside the broker, never in the same database: clearing one must not lose the other."""
    base, _sep, number = url.rpartition("/")
    return f"{base}/{int(number) + 1}" if number.isdigit() else f"{url.rstrip('/')}/1"


SECRET_KEY = read_secret("django.key")
# Data keys by version: new rows use the highest, old versions only decrypt.
DATA_KEYS = {
    int(path.stem.split("-")[1]): read_secret(path.name)
    for path in sorted((PORTAL_HOME / "secrets").glob("data-*.key"))
}
INDEX_KEY = read_secret("index-1.key")

DEBUG = env_bool("PORTAL_DEBUG")
HTTPS = env_bool("PORTAL_HTTPS")
# Only a rehearsal (demo, training, tests) may set the business date; see clock.py.
REHEARSAL = env_bool("PORTAL_REHEARSAL")
ALLOWED_HOSTS = env_list("PORTAL_HOSTS", "localhost,127.0.0.1,[::1]")
CSRF_TRUSTED_ORIGINS = env_list("PORTAL_ORIGINS")
COUNTY_NAME = os.environ.get("PORTAL_COUNTY", "示范县")
SITE = {
    "host_unit": os.environ.get("PORTAL_SITE_HOST", f"{COUNTY_NAME}财政局"),
    "undertaker": os.environ.get("PORTAL_SITE_UNDERTAKER", ""),
    "phone": os.environ.get("PORTAL_SITE_PHONE", "12345"),
    "icp": os.environ.get("PORTAL_SITE_ICP", ""),
    "police": os.environ.get("PORTAL_SITE_POLICE", ""),
    "site_code": os.environ.get("PORTAL_SITE_CODE", ""),
    "public_url": os.environ.get("PORTAL_PUBLIC_URL", ""),
}

INSTALLED_APPS = [
    "subsidy_portal.apps.KernelConfig",
    "programs",
    "disbursement",
    "selfcheck",
    "publicity",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "rest_framework",
    "rest_framework.authtoken",
    "drf_spectacular",
    "django_filters",
    "django_htmx",
    "axes",
    "csp",
]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "publicity.page_cache.PageCacheMiddleware",
    "csp.middleware.CSPMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.locale.LocaleMiddleware",
    "django.middleware.common.CommonMiddleware",
    "publicity.middleware.DisplayMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "subsidy_portal.middleware.PasswordChangeMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "subsidy_portal.middleware.RefusalMiddleware",
    "axes.middleware.AxesMiddleware",
]

ROOT_URLCONF = "subsidy_portal.urls"
WSGI_APPLICATION = "subsidy_portal.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.template.context_processors.i18n",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "subsidy_portal.context_processors.site",
                "subsidy_portal.context_processors.desk",
                "disbursement.context_processors.sending_stop",
            ],
            "builtins": ["subsidy_portal.templatetags.portal"],
        },
    }
]

_database = dj_database_url.parse(
    os.environ.get("DATABASE_URL", "postgres:///portal"), conn_max_age=300, conn_health_checks=True
)
DATABASES = {"default": _database}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379/0")
CACHES = {
    "default": {
        "BACKEND": "subsidy_portal.json_cache.ForgetfulCache",
        "LOCATION": os.environ.get("CACHE_URL") or next_redis_database(REDIS_URL),
        "KEY_PREFIX": "portal",
        "OPTIONS": {"serializer": "subsidy_portal.json_cache.JsonSerializer"},
    }
}

# How long a public page is kept before somebody's request makes it anew; none shown is older than twice that. 0: never.
PAGE_SECONDS = int(os.environ.get("PORTAL_PAGE_SECONDS", "2"))

AUTH_USER_MODEL = "subsidy_portal.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.Argon2PasswordHasher"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator", "OPTIONS": {"min_length": 12}},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
    {"NAME": "django.contrib.auth.password_validation.NumericPasswordValidator"},
]
LOGIN_URL = "login"
LOGIN_REDIRECT_URL = "desk"
LOGOUT_REDIRECT_URL = "login"
# A stranger's wrong passwords lock only the stranger's address for that name, never the owner.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = 0.25
AXES_RESET_ON_SUCCESS = True
AXES_LOCKOUT_TEMPLATE = "registration/locked.html"
AXES_IPWARE_PROXY_COUNT = int(os.environ.get("PORTAL_PROXIES", "0"))
AXES_CLIENT_IP_CALLABLE = "subsidy_portal.addresses.address_of"

SESSION_COOKIE_AGE = 30 * 60
SESSION_SAVE_EVERY_REQUEST = True
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = "Lax"
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
if HTTPS:
    SESSION_COOKIE_NAME, CSRF_COOKIE_NAME = "__Host-sessionid", "__Host-csrftoken"
    SECURE_HSTS_SECONDS = 31_536_000
    SECURE_HSTS_INCLUDE_SUBDOMAINS = SECURE_HSTS_PRELOAD = True
    SECURE_SSL_REDIRECT = True
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": ["'none'"],
        "script-src": ["'self'"],
        "style-src": ["'self'"],
        "img-src": ["'self'", "data:"],
        "font-src": ["'self'"],
        "connect-src": ["'self'"],
        "form-action": ["'self'"],
        "base-uri": ["'none'"],
        "object-src": ["'none'"],
        "frame-ancestors": ["'none'"],
    }
}

LANGUAGE_CODE = "zh-hans"
LANGUAGES = [("zh-hans", _("简体中文")), ("en", _("English"))]
LOCALE_PATHS = [BASE_DIR / "locale"]
TIME_ZONE = "Asia/Shanghai"
USE_TZ = USE_I18N = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "static"]
STATIC_ROOT = PORTAL_HOME / "static"
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
    # Encrypted uploads, archived rosters, bank files: see files.py.
    "archive": {
        "BACKEND": "django.core.files.storage.FileSystemStorage",
        "OPTIONS": {"location": PORTAL_HOME / "files", "file_permissions_mode": 0o600},
    },
    # What the banks pick up and leave behind: one folder a bank.
    "exchange": {
        "BACKEND": "disbursement.banks.places.FolderStorage",
        "OPTIONS": {"location": PORTAL_HOME / "exchange", "file_permissions_mode": 0o600},
    },
}
# Without collectstatic (tests, development) files come straight from static/.
WHITENOISE_USE_FINDERS = WHITENOISE_AUTOREFRESH = not (STATIC_ROOT / "staticfiles.json").exists()
if WHITENOISE_USE_FINDERS and "collectstatic" not in sys.argv:
    STORAGES["staticfiles"] = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
DATA_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
FILE_UPLOAD_MAX_MEMORY_SIZE = 5 * 2**20
UPLOAD_MAX_BYTES = 20 * 2**20

# Bank channels by kind; a bank names its kind (disbursement.Bank.kind).
BANKS = {
    "pipe_text": "disbursement.banks.pipe_text",
    "sheet_text": "disbursement.banks.sheet_text",
    "iso20022": "disbursement.banks.iso20022",
    "xml_gateway": "disbursement.banks.xml_gateway",
}
# Where banks with an HTTP gateway listen, by Bank.folder: {"bank-x": {"url": "https://…", "key": "…", "signer": "…"}}.
BANK_GATEWAYS: dict[str, dict[str, str]] = json.loads(os.environ.get("PORTAL_BANK_GATEWAYS", "{}"))
# Short messages: "" (none), console, file or http (PORTAL_SMS_URL, PORTAL_SMS_KEY).
MESSAGE_SENDER = os.environ.get("PORTAL_MESSAGES", "")
SMS_URL, SMS_KEY = os.environ.get("PORTAL_SMS_URL", ""), os.environ.get("PORTAL_SMS_KEY", "")
# By which day of the month each must have acted on a failed payment; on a holiday the working day before (S3).
DUE_DAYS: dict[str, int] = {
    **{"township": 20, "department": 25, "bank": 28, "finance": 28},
    **json.loads(os.environ.get("PORTAL_DUE_DAYS", "{}")),
}
# Within how many working days each kind of inquiry is answered (R73; requests for information: 20 by law).
INQUIRY_DAYS: dict[str, int] = {
    **{"consult": 15, "complaint": 15, "report": 15, "disclosure": 20},
    **json.loads(os.environ.get("PORTAL_INQUIRY_DAYS", "{}")),
}
SEND_JOURNAL = Path(os.environ.get("PORTAL_SEND_JOURNAL", PORTAL_HOME / "journal"))

CELERY_BROKER_URL = REDIS_URL
CELERY_TASK_IGNORE_RESULT = True
CELERY_ACCEPT_CONTENT = ["json"]
CELERY_TASK_ACKS_LATE = CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_SOFT_TIME_LIMIT, CELERY_TASK_TIME_LIMIT = 840, 870
CELERY_BROKER_TRANSPORT_OPTIONS = {
    "visibility_timeout": 900,
    "unacked_restore_interval": 5,
    "unacked_restore_throttle": 1,
    "socket_timeout": 30,
    "socket_keepalive": True,
    "health_check_interval": 25,
    "retry_on_timeout": True,
}
CELERY_VISIBILITY_TIMEOUT = 900
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_WORKER_CANCEL_LONG_RUNNING_TASKS_ON_CONNECTION_LOSS = True
CELERY_WORKER_MAX_TASKS_PER_CHILD = 2000
CELERY_WORKER_MAX_MEMORY_PER_CHILD = 600_000
CELERY_WORKER_HIJACK_ROOT_LOGGER = False
CELERY_TIMEZONE = TIME_ZONE
CELERY_TASK_DEFAULT_QUEUE = "default"
CELERY_TASK_ROUTES = {
    "programs.tasks.import_*": {"queue": "import"},
    "disbursement.tasks.*": {"queue": "bank"},
}
CELERY_BEAT_SCHEDULE = {
    "sweep": {"task": "subsidy_portal.tasks.sweep", "schedule": 15.0, "options": {"expires": 14}},
    "programs-sweep": {"task": "programs.tasks.sweep", "schedule": 15.0, "options": {"expires": 14}},
    "datasets-purge": {"task": "programs.tasks.purge_datasets", "schedule": 3600.0, "options": {"expires": 3000}},
    "eligible-search": {
        "task": "programs.tasks.search_eligible_weekly",
        "schedule": crontab(hour=5, minute=10, day_of_week="mon"),
        "options": {"expires": 3600},
    },
    "card-anomalies": {
        "task": "programs.tasks.find_card_anomalies_daily",
        "schedule": crontab(hour=4, minute=40),
        "options": {"expires": 3600},
    },
    "disbursement-sweep": {"task": "disbursement.tasks.sweep", "schedule": 5.0, "options": {"expires": 4}},
    "messages": {"task": "publicity.tasks.messages", "schedule": 60.0, "options": {"expires": 55}},
    "inquiries": {"task": "publicity.tasks.inquiries_hourly", "schedule": 3600.0, "options": {"expires": 3000}},
}

REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        "rest_framework.authentication.SessionAuthentication",
        "subsidy_portal.tokens.DayTokenAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["rest_framework.permissions.IsAuthenticated"],
    "DEFAULT_FILTER_BACKENDS": ["django_filters.rest_framework.DjangoFilterBackend"],
    "DEFAULT_PAGINATION_CLASS": "subsidy_portal.api.KeysetPagination",
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "DEFAULT_RENDERER_CLASSES": ["rest_framework.renderers.JSONRenderer"],
    "EXCEPTION_HANDLER": "subsidy_portal.api.exception_handler",
    "PAGE_SIZE": 50,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "惠民惠农补贴一卡通 API",
    "VERSION": "1",
    "SERVE_INCLUDE_SCHEMA": False,
    "SERVE_PERMISSIONS": ["rest_framework.permissions.IsAuthenticated"],
    # Many models have a status or a kind: each set of choices gets the name of its model.
    "ENUM_NAME_OVERRIDES": {
        f"{model}{field}Enum": f"{app}.models.{model}.{field}"
        for app, models in {
            "subsidy_portal": {"Job": ["Status"]},
            "programs": {
                "Program": ["Tier", "PaidTo", "Cycle", "RuleLevel"],
                "ProgramColumn": ["Kind"],
                "PolicyList": ["Status"],
                "FundEntry": ["Kind", "Status"],
                "Roster": ["Status"],
                "RosterImport": ["Status"],
                "RosterRow": ["Status"],
                "Suspicion": ["Status", "Stage"],
                "Notice": ["Status"],
                "Objection": ["Status"],
                "Account": ["Kind"],
                "Dataset": ["Kind", "Status"],
                "EligibleUnpaid": ["Status"],
                "PersonMove": ["Status"],
            },
            "disbursement": {
                "Batch": ["Status"],
                "Payment": ["Status"],
                "Order": ["Status"],
                "Correction": ["Status"],
                "Reissue": ["Status"],
                "Verdict": ["Status"],
                "SendingStop": ["Status"],
                "Discrepancy": ["Status", "Kind"],
                "MonthClose": ["Status"],
            },
            "selfcheck": {
                "Problem": ["Status"],
                "Report": ["Status", "Kind"],
                "YearlyAmount": ["Status"],
                "AnnexFile": ["Kind"],
            },
            "publicity": {"Inquiry": ["Status", "Kind"]},
        }.items()
        for model, fields in models.items()
        for field in fields
    },
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": os.environ.get("PORTAL_LOG_LEVEL", "INFO")},
    "loggers": {"axes": {"level": "WARNING"}, "django.request": {"level": "ERROR"}},
}

# Each app's part of the desk and of the search; listed here so that the kernel imports no app.
DESKS = ["programs.desk.waiting", "disbursement.desk.waiting", "selfcheck.desk.waiting", "publicity.desk.waiting"]
DESKS_AWAY = ["programs.desk.away", "disbursement.desk.away", "selfcheck.desk.away", "publicity.desk.away"]
# The money of the year beside it, for desks where money is decided
DESK_PANEL = "disbursement.desk.year_funds"
SEARCHES = ["programs.desk.search", "disbursement.desk.search", "selfcheck.desk.search", "publicity.desk.search"]
# What of a fund plan is still free: the money side knows, the plans ask.
FUND_BALANCES = "disbursement.funds.balances"
