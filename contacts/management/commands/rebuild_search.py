"""`manage.py rebuild_search`: what contacts are found by, made anew."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.models import Account
from contacts.services import search_index


class Command(BaseCommand):
    """Searches go on with what is there until the workers are through."""

    help = "Has the workers index contacts for the search anew, of some accounts or of all."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("numbers", nargs="*", type=int, metavar="number", help="of an account; all unless given")

    def handle(self, *args: Any, numbers: list[int], **options: Any) -> None:
        accounts = Account.objects.filter(number__in=numbers) if numbers else Account.objects.all()
        if unknown := set(numbers) - {account.number for account in accounts}:
            raise CommandError(f"There is no account {', '.join(str(number) for number in sorted(unknown))}.")
        for account in accounts:
            search_index.rebuild(account=account)
        self.stdout.write(f"The workers index the contacts of {len(accounts)} accounts anew.")
