"""POST /batch: each record with its own result."""

from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from contacts.models import Contact
from tests import factories
from tests.system import System

pytestmark = pytest.mark.django_db


@pytest.fixture
def system() -> System:
    return System(factories.authentication_for(factories.AccountFactory.create()))


def record(number: int, **values: str | None) -> dict[str, Any]:
    return {"external_id": f"{number}", "values": values}


def test_all_fine_answers_200_and_each_result_names_its_contact(system: System) -> None:
    answer = system.call("POST", "/batch", {"records": [record(1, firstName="Jan"), record(2), record(1)]})
    assert answer.status_code == 200
    results = answer.json()["results"]
    assert [(each["index"], each["status"], each["outcome"]) for each in results] == [
        (0, 201, "created"),
        (1, 201, "created"),
        (2, 200, "unchanged"),
    ]
    assert results[0]["contact"] == results[2]["contact"] == system.find("1")["id"]
    assert all(each["warnings"] == [] for each in results)
    assert [each["matched_by"] for each in results] == [None, None, {"external_id": True}]


def test_refusals_by_the_engine_and_by_the_decoder_stand_in_their_place(system: System) -> None:
    nowhere = record(3) | {"link_to": "01a20932-16f4-773f-881d-da8cb245f306"}
    records = [record(1), record(2, email="x"), nowhere, record(4)]
    answer = system.call("POST", "/batch", {"records": records})
    assert answer.status_code == 207
    results = answer.json()["results"]
    assert [each["status"] for each in results] == [201, 422, 404, 201]
    assert results[1]["problem"]["errors"][0]["pointer"] == "/values/email"
    assert results[2]["problem"]["code"] == "contact_not_found"
    assert {"outcome", "contact"} & results[2].keys() == set()
    assert Contact.all_accounts.count() == 2


def test_the_mode_is_merge_unless_it_is_replace(system: System) -> None:
    system.batch([record(1, firstName="Jan", city="Utrecht")])
    system.call("POST", "/batch", {"records": [record(1, firstName="Jo")]})
    assert system.find("1")["values"] == {"firstName": "Jo", "city": "Utrecht"}
    system.batch([record(1, firstName="Jo")], mode="replace")
    assert system.find("1")["values"] == {"firstName": "Jo"}


def test_a_thousand_records_cost_a_few_statements(
    system: System, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    records = [record(number, firstName="Jan", email=f"{number}@example.com") for number in range(1000)]
    with django_assert_max_num_queries(40):  # SQLite takes long lists in several statements
        answer = system.call("POST", "/batch", {"records": records})
    assert answer.status_code == 200
    assert len(answer.json()["results"]) == 1000


def test_an_awkward_batch_of_nothing_but_errors_touches_no_row(system: System) -> None:
    answer = system.call("POST", "/batch", {"records": [record(1, email="x")] * 1000})
    assert answer.status_code == 207
    assert {each["status"] for each in answer.json()["results"]} == {422}
    assert not Contact.all_accounts.exists()
