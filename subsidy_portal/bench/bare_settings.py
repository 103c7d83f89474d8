"""The portal as it is, and beside it the bare view that a lookup is measured against."""

from subsidy_portal.settings import *  # noqa: F403

ROOT_URLCONF = "subsidy_portal.bench.bare"
