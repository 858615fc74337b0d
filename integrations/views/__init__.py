"""Account & Billing → Integrations. Every dialog is a page too: htmx asks for it without the frame around it, and all
forms are posted plainly.
"""
