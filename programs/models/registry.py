"""The registry: persons, households and accounts, matched by ID number across all programs."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from programs.pinyin import initials
from subsidy_portal import crypto, identifiers
from subsidy_portal.models import Area, Organisation, StoredFile, User
from subsidy_portal.permissions import scope

# The database holds these references too, by a trigger that asks once a statement instead of once a row
# (0008_references): a roster of 100,000 rows has 1.4 million of them. What they point to is never deleted.
GUARDED: dict[str, Any] = {"db_constraint": False}


class HouseholdQuerySet(models.QuerySet["Household"]):
    def visible_to(self, user: User) -> HouseholdQuerySet:
        """Households whose head the user may see."""
        return self.filter(head__in=Person.objects.visible_to(user))


class Household(models.Model):
    """A family unit (户), known by its head. To-household money goes to the head's account only."""

    head = models.OneToOneField("Person", models.PROTECT, related_name="heads", **GUARDED)
    area = models.ForeignKey(Area, models.PROTECT, related_name="+", db_index=False, **GUARDED)
    group_no = models.CharField(_("村民小组"), max_length=20, blank=True)

    objects = HouseholdQuerySet.as_manager()

    def __str__(self) -> str:
        return f"household {self.pk}"


class PersonQuerySet(models.QuerySet["Person"]):
    def visible_to(self, user: User) -> PersonQuerySet:
        """Persons of the user's area; a department sees those that its own rosters name."""
        if user.kind == Organisation.Kind.DEPARTMENT:
            mine = Q(claims__roster__program__department=user.organisation)
            return self.filter(scope(user, area="area") & mine).distinct()
        return self.filter(scope(user, area="area"))

    def with_id_number(self, id_number: str) -> PersonQuerySet:
        """The person with exactly this (valid) ID number, through the blind index."""
        return self.filter(id_hash=Person.id_index(id_number))


class Person(models.Model):
    """A natural person. The ID number is encrypted; equality search goes through ``id_hash``."""

    id_sealed = models.BinaryField()
    id_hash = models.BinaryField(unique=True, max_length=32)
    id_prefix = models.CharField(max_length=6)
    id_last4 = models.CharField(max_length=4)
    name = models.CharField(_("姓名"), max_length=50)
    initials = models.CharField(max_length=20, blank=True, editable=False, help_text="pinyin initials of the name")
    sex = models.CharField(_("性别"), max_length=1, choices=(("M", _("男")), ("F", _("女"))))
    born_on = models.DateField(_("出生日期"))
    phone_sealed = models.BinaryField(null=True)
    phone_last4 = models.CharField(max_length=4, blank=True)
    area = models.ForeignKey(Area, models.PROTECT, related_name="persons", db_index=False, **GUARDED)
    group_no = models.CharField(_("村民小组"), max_length=20, blank=True)
    # A foreign key of the usual kind: a person may be written before the household, which needs its head.
    household = models.ForeignKey(Household, models.PROTECT, null=True, related_name="members")
    relation = models.CharField(_("与户主关系"), max_length=20, blank=True)
    # Doubled entries: who this one was found to be. It takes no new claims; its history stays here.
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="merged", db_index=False)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PersonQuerySet.as_manager()

    class Meta:
        indexes = (
            # Beginnings are looked for, in any collation.
            models.Index(fields=("name",), name="person_name", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=("initials",), name="person_initials", opclasses=["varchar_pattern_ops"]),
            # For = and for LIKE '990001101%': all below an area
            models.Index(fields=("area",), name="person_area", opclasses=["varchar_pattern_ops"]),
            models.Index(fields=("merged_into",), name="person_merged", condition=Q(merged_into__isnull=False)),
        )

    def __str__(self) -> str:
        return self.name

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.initials = initials(self.name)
        super().save(*args, **kwargs)

    @staticmethod
    def id_index(id_number: str) -> bytes:
        return crypto.blind_index(id_number, "person.id_number")

    @staticmethod
    def place(pk: int) -> str:
        return f"programs_person.id_number:{pk}"

    @staticmethod
    def phone_place(pk: int) -> str:
        return f"programs_person.phone:{pk}"

    @property
    def masked_id(self) -> str:
        return identifiers.mask_id(self.id_prefix, self.id_last4)

    def reveal_id_number(self) -> str:
        """The full ID number. The caller records an event with the reason."""
        return crypto.decrypt(self.id_sealed, self.place(self.pk))


class AccountQuerySet(models.QuerySet["Account"]):
    def with_number(self, number: str) -> AccountQuerySet:
        """Accounts with exactly this number, through the blind index."""
        return self.filter(number_hash=Account.number_index(number))


class Account(models.Model):
    """A receiving account of one holder. Number and holder never change (trigger): a correction is a new row.

    So a payment's foreign key is its frozen payee, and no ciphertext is ever copied.
    """

    class Kind(models.TextChoices):
        SSC = "ssc", _("社会保障卡")
        CARD = "card", _("银行卡")
        PASSBOOK = "passbook", _("存折")

    holder = models.ForeignKey(Person, models.PROTECT, related_name="accounts", db_index=False, **GUARDED)
    bank = models.ForeignKey(
        Organisation, models.PROTECT, related_name="+", verbose_name=_("开户银行"), db_index=False, **GUARDED
    )
    kind = models.CharField(_("账户种类"), max_length=10, choices=Kind.choices, default=Kind.SSC)
    number_sealed = models.BinaryField()
    number_hash = models.BinaryField(max_length=32, db_index=True)
    number_last4 = models.CharField(max_length=4)
    name_at_bank = models.CharField(_("户名"), max_length=50)
    is_active = models.BooleanField(_("在用"), default=True)
    reason = models.CharField(_("登记原因"), max_length=120, blank=True)
    replaces = models.ForeignKey(
        "self", models.PROTECT, null=True, related_name="replaced_by", db_index=False, **GUARDED
    )
    created_by = models.ForeignKey(User, models.PROTECT, related_name="+", db_index=False, **GUARDED)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = AccountQuerySet.as_manager()

    class Meta:
        constraints = (
            models.UniqueConstraint(fields=("holder", "number_hash", "bank", "name_at_bank"), name="account_once"),
        )
        indexes = (
            models.Index(fields=("number_last4",), name="account_last4"),
            models.Index(fields=("replaces",), name="account_replaces", condition=Q(replaces__isnull=False)),
        )

    def __str__(self) -> str:
        return f"尾号 {self.number_last4}"

    @staticmethod
    def number_index(number: str) -> bytes:
        return crypto.blind_index(number, "account.number")

    @staticmethod
    def place(pk: int) -> str:
        return f"programs_account.number:{pk}"

    def reveal_number(self) -> str:
        """The full account number: for bank files, and for screens only with a recorded reason."""
        return crypto.decrypt(self.number_sealed, self.place(self.pk))


class AccountProof(models.Model):
    """The document somebody showed when an account was registered by hand: a card, a bank's letter. Kept encrypted."""

    account = models.OneToOneField(Account, models.PROTECT, related_name="proof")
    file = models.ForeignKey(StoredFile, models.PROTECT, related_name="+")

    def __str__(self) -> str:
        return f"proof of account {self.account_id}"
