"""What every account starts with: the kinds of source systems, and the built-in contact fields."""

KINDS: dict[str, dict[str, str]] = {
    "Webshops": {
        "magento": "Magento",
        "shopify": "Shopify",
        "woocommerce": "WooCommerce",
        "lightspeed": "Lightspeed eCom",
        "shopware": "Shopware",
        "prestashop": "PrestaShop",
        "bigcommerce": "BigCommerce",
        "opencart": "OpenCart",
        "ccv_shop": "CCV Shop",
        "salesforce_commerce": "Salesforce Commerce Cloud",
    },
    "CRM": {
        "salesforce": "Salesforce",
        "hubspot": "HubSpot",
        "dynamics_365": "Microsoft Dynamics 365",
        "superoffice": "SuperOffice",
        "pipedrive": "Pipedrive",
        "zoho": "Zoho CRM",
        "sugarcrm": "SugarCRM",
        "teamleader": "Teamleader",
    },
    "ERP": {
        "exact": "Exact",
        "afas": "AFAS",
        "sap_business_one": "SAP Business One",
        "odoo": "Odoo",
        "netsuite": "Oracle NetSuite",
        "business_central": "Microsoft Dynamics 365 Business Central",
        "sage": "Sage",
        "unit4": "Unit4",
    },
    "Other": {"other": "Other system"},
}

OTHER = "other"
"""The kind that says nothing by itself, so that a name must be given."""

KIND_CHOICES: list[tuple[str, list[tuple[str, str]]]] = [(group, list(kinds.items())) for group, kinds in KINDS.items()]
KIND_LABELS: dict[str, str] = {kind: label for kinds in KINDS.values() for kind, label in kinds.items()}

BUILT_IN_FIELDS: list[tuple[str, str, str]] = [
    ("email", "E-mail", "email"),
    ("firstName", "First name", "text"),
    ("infix", "Infix", "text"),
    ("lastName", "Last name", "text"),
    ("initials", "Initials", "text"),
    ("gender", "Gender", "text"),
    ("birthday", "Birthday", "date"),
    ("organisation", "Organisation", "text"),
    ("street", "Street", "text"),
    ("houseNumber", "House number", "text"),
    ("postalCode", "Postal code", "text"),
    ("city", "City", "text"),
    ("country", "Country", "text"),
    ("phoneNumber", "Phone number", "phone"),
    ("mobileNumber", "Mobile number", "phone"),
    ("language", "Language", "text"),
]
"""Name, label, type (a contacts.models.FieldType), in the order in which people see them."""

DEFAULT_ID_FIELD = ("externalCustomerId", "External customer id")
