from django.apps import AppConfig


class KernelConfig(AppConfig):
    name = "subsidy_portal"
    verbose_name = "平台"

    def ready(self) -> None:
        # Loading the Celery app here makes @shared_task find it in every Django process,
        # while tools that only import this package stay free of it.
        from subsidy_portal import celery  # noqa: F401
