"""Addresses of the settings pages about contacts, below /settings/<account number>/contacts/."""

from django.urls import path

from contacts.views import contact, exports, finding, imports, review

urlpatterns = [
    path("", finding.ContactsView.as_view(), name="contacts"),
    path("exports/", exports.ExportsView.as_view(), name="contacts-exports"),
    path("exports/<uuid:pk>/file/", exports.ExportLinkView.as_view(), name="contacts-export-file"),
    path("imports/", imports.ImportsView.as_view(), name="contacts-imports"),
    path("imports/new/", imports.NewImportView.as_view(), name="contacts-import-new"),
    path("imports/<uuid:pk>/", imports.ImportView.as_view(), name="contacts-import"),
    path("imports/<uuid:pk>/map/", imports.MapView.as_view(), name="contacts-import-map"),
    path("imports/<uuid:pk>/pause/", imports.PauseView.as_view(), name="contacts-import-pause"),
    path("imports/<uuid:pk>/resume/", imports.ResumeView.as_view(), name="contacts-import-resume"),
    path("imports/<uuid:pk>/cancel/", imports.CancelView.as_view(), name="contacts-import-cancel"),
    path("imports/<uuid:pk>/rejected.csv", imports.RejectedView.as_view(), name="contacts-import-rejected"),
    path("review/", review.ReviewListView.as_view(), name="contacts-review"),
    path("review/<uuid:pk>/", review.ReviewItemView.as_view(), name="contacts-review-item"),
    path("erasures/", contact.ErasuresView.as_view(), name="contacts-erasures"),
    path("<uuid:pk>/", contact.ContactPageView.as_view(), name="contacts-contact"),
    path("<uuid:pk>/edit/", contact.EditView.as_view(), name="contacts-contact-edit"),
    path("<uuid:pk>/undo/", contact.UndoView.as_view(), name="contacts-contact-undo"),
    path("<uuid:pk>/split/", contact.SplitView.as_view(), name="contacts-contact-split"),
    path("<uuid:pk>/export/", contact.ExportView.as_view(), name="contacts-contact-export"),
    path("<uuid:pk>/erase/", contact.EraseView.as_view(), name="contacts-contact-erase"),
]
