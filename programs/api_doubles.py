"""Merges, moves, households and changes of their head over the API."""

from __future__ import annotations

from typing import Any

from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.routers import SimpleRouter

from programs import actions
from programs.models import HeadChange, Household, Person, PersonMerge, PersonMove
from subsidy_portal.api import EmptySerializer
from subsidy_portal.api_views import Listed
from subsidy_portal.models import Area

_AGREED = ("id", "status", "reason", "answer", "made_at", "decided_at")


class PersonMergeSerializer(serializers.ModelSerializer[PersonMerge]):
    keep_id_number = serializers.CharField(source="keep.masked_id", read_only=True)
    gone_id_number = serializers.CharField(source="gone.masked_id", read_only=True)

    class Meta:
        model = PersonMerge
        fields = (*_AGREED, "keep_id_number", "gone_id_number")


class PersonMoveSerializer(serializers.ModelSerializer[PersonMove]):
    person_name = serializers.CharField(source="person.name", read_only=True)
    person_id_number = serializers.CharField(source="person.masked_id", read_only=True)

    class Meta:
        model = PersonMove
        fields = (*_AGREED, "person_name", "person_id_number", "from_area", "to_area", "with_household", "decides")


class MergeProposalSerializer(serializers.Serializer[Any]):
    keep = serializers.CharField(max_length=24, help_text="ID number that counts from now on")
    gone = serializers.CharField(max_length=24, help_text="ID number that is not used any more")
    reason = serializers.CharField(max_length=300)


class MoveRequestSerializer(serializers.Serializer[Any]):
    id_number = serializers.CharField(max_length=24)
    name = serializers.CharField(max_length=50)
    to_area = serializers.PrimaryKeyRelatedField(queryset=Area.objects.all())
    with_household = serializers.BooleanField(default=False)
    reason = serializers.CharField(max_length=300)


class AgreementAnswerSerializer(serializers.Serializer[Any]):
    agree = serializers.BooleanField()
    answer = serializers.CharField(max_length=300, required=False, allow_blank=True, default="")


class HouseholdMemberSerializer(serializers.ModelSerializer[Person]):
    id_number = serializers.CharField(source="masked_id", read_only=True)

    class Meta:
        model = Person
        fields = ("id", "name", "relation", "id_number", "born_on")


class HouseholdSerializer(serializers.ModelSerializer[Household]):
    head_name = serializers.CharField(source="head.name", read_only=True)
    members = HouseholdMemberSerializer(many=True, read_only=True)

    class Meta:
        model = Household
        fields = ("id", "area", "group_no", "head", "head_name", "members")


class MemberSerializer(serializers.Serializer[Any]):
    id_number = serializers.CharField(max_length=24)
    name = serializers.CharField(max_length=50)
    relation = serializers.CharField(max_length=20)
    reason = serializers.CharField(max_length=200)


class MemberGoneSerializer(serializers.Serializer[Any]):
    person = serializers.IntegerField()
    reason = serializers.CharField(max_length=200)


class HeadChangeSerializer(serializers.ModelSerializer[HeadChange]):
    class Meta:
        model = HeadChange
        fields = (*_AGREED, "household", "old_head", "new_head", "old_relation")


class HeadRequestSerializer(serializers.Serializer[Any]):
    household = serializers.IntegerField()
    new_head = serializers.IntegerField(help_text="a member")
    old_relation = serializers.CharField(
        max_length=20, required=False, allow_blank=True, default="", help_text="empty: the old head leaves"
    )
    reason = serializers.CharField(max_length=300)


class PersonMergeViewSet(Listed):
    queryset = PersonMerge.objects.select_related("keep", "gone")
    serializer_class = PersonMergeSerializer

    @extend_schema(request=MergeProposalSerializer, responses={201: PersonMergeSerializer})
    def create(self, request: Request) -> Response:
        """Propose that two registered ID numbers are one person."""
        made = actions.propose_merge(**self.body(MergeProposalSerializer), actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=AgreementAnswerSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Agree or refuse, by another person of the county's finance."""
        given = self.body(AgreementAnswerSerializer)
        actions.decide_merge(self.get_object(), given["agree"], answer=given["answer"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take it back, by who proposed it."""
        actions.withdraw_merge(self.get_object(), actor=self.actor)
        return self.answer(pk)


class PersonMoveViewSet(Listed):
    queryset = PersonMove.objects.select_related("person")
    serializer_class = PersonMoveSerializer

    @extend_schema(request=MoveRequestSerializer, responses={201: PersonMoveSerializer})
    def create(self, request: Request) -> Response:
        """Ask that a registered person belongs to another village."""
        made = actions.ask_move(**self.body(MoveRequestSerializer), actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=AgreementAnswerSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Agree or refuse, by the township that has to."""
        given = self.body(AgreementAnswerSerializer)
        actions.decide_move(self.get_object(), given["agree"], answer=given["answer"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take it back, by who asked."""
        actions.withdraw_move(self.get_object(), actor=self.actor)
        return self.answer(pk)


class HouseholdViewSet(Listed):
    queryset = Household.objects.select_related("head", "area").prefetch_related("members")
    serializer_class = HouseholdSerializer

    @extend_schema(request=MemberSerializer)
    @action(detail=True, methods=["post"], url_path="members")
    def add_member(self, request: Request, pk: str) -> Response:
        """Take a registered person of the same village into the household."""
        actions.add_member(self.get_object(), **self.body(MemberSerializer), actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=MemberGoneSerializer)
    @action(detail=True, methods=["post"], url_path="remove-member")
    def remove_member(self, request: Request, pk: str) -> Response:
        """Take a member out who is not the head."""
        given, found = self.body(MemberGoneSerializer), self.get_object()
        person = get_object_or_404(found.members, pk=given["person"])
        actions.remove_member(found, person, reason=given["reason"], actor=self.actor)
        return self.answer(pk)


class HeadChangeViewSet(Listed):
    queryset = HeadChange.objects.select_related("household", "old_head", "new_head")
    serializer_class = HeadChangeSerializer

    @extend_schema(request=HeadRequestSerializer, responses={201: HeadChangeSerializer})
    def create(self, request: Request) -> Response:
        """Ask that a member becomes the head of the household."""
        given = self.body(HeadRequestSerializer)
        household = get_object_or_404(Household.objects.visible_to(self.actor), pk=given.pop("household"))
        new_head = get_object_or_404(household.members, pk=given.pop("new_head"))
        made = actions.ask_head(household, new_head, **given, actor=self.actor)
        return self.answer(made.pk, status.HTTP_201_CREATED)

    @extend_schema(request=AgreementAnswerSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Agree or refuse, by the township's reviewer."""
        given = self.body(AgreementAnswerSerializer)
        actions.decide_head(self.get_object(), given["agree"], answer=given["answer"], actor=self.actor)
        return self.answer(pk)

    @extend_schema(request=EmptySerializer)
    @action(detail=True, methods=["post"])
    def withdraw(self, request: Request, pk: str) -> Response:
        """Take it back, by who asked."""
        actions.withdraw_head(self.get_object(), actor=self.actor)
        return self.answer(pk)


def register(router: SimpleRouter) -> None:
    router.register("person-merges", PersonMergeViewSet)
    router.register("person-moves", PersonMoveViewSet)
    router.register("households", HouseholdViewSet)
    router.register("head-changes", HeadChangeViewSet)
