from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.utils import timezone

from accounts import activity


class AuditEvent(models.Model):
    """Who did what, when, from where. Copies without foreign keys, so that nothing can rewrite history.

    Never holds a secret or a contact's values. Written by `accounts.services.audit.record`, read through
    `accounts.queries_activity`.
    """

    at = models.DateTimeField("time", default=timezone.now, editable=False)
    account_id = models.BigIntegerField(null=True)
    actor = models.CharField(max_length=254)
    actor_user_id = models.BigIntegerField(null=True)
    address = models.GenericIPAddressField(null=True)
    request_id = models.CharField(max_length=64, blank=True)
    action = models.CharField(max_length=64, help_text="Noun and verb, such as license.bought.")
    object_id = models.CharField(max_length=64)
    object_label = models.CharField(max_length=200)
    before = models.JSONField(null=True, encoder=DjangoJSONEncoder)
    after = models.JSONField(null=True, encoder=DjangoJSONEncoder)

    class Meta:
        ordering = ("-at", "-pk")
        # An account's pages of events are read from these; a row's history from the last.
        indexes = (
            models.Index(fields=("account_id", "-at", "-id"), name="accounts_auditevent_account"),
            models.Index(fields=("account_id", "actor", "-at", "-id"), name="accounts_auditevent_actor"),
            models.Index(fields=("account_id", "action", "-at", "-id"), name="accounts_auditevent_action"),
            models.Index(fields=("-at", "-id"), name="accounts_auditevent_at"),
            models.Index(fields=("object_id", "-at", "-id"), name="accounts_auditevent_object"),
        )

    def __str__(self) -> str:
        return f"{self.at:%Y-%m-%d %H:%M} {self.actor} {self.action} {self.object_label}"

    @property
    def words(self) -> str:
        """The action as people read it."""
        return activity.words(self.action)
