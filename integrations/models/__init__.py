from integrations.models.authentication import Authentication
from integrations.models.integration import Integration, Price
from integrations.models.license import License
from integrations.models.request import Request, RequestMessage
from integrations.models.usage import RecentCall, UsageHour

__all__ = [
    "Authentication",
    "Integration",
    "License",
    "Price",
    "RecentCall",
    "Request",
    "RequestMessage",
    "UsageHour",
]
