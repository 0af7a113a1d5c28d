import pytest

from evenly.cli import main


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENLY_HOME", str(tmp_path))


def test_from_a_new_group_to_the_payments(capsys):
    assert main(["new", "trip", "ana", "ben"]) == 0
    assert main(["add", "trip", "ana", "9.00", "taxi"]) == 0
    assert main(["settle", "trip"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == "ben pays ana 4.50"


def test_a_group_that_is_not_there(capsys):
    assert main(["balances", "trip"]) == 1
    assert "no group named 'trip'" in capsys.readouterr().err


def test_a_name_is_taken_once(capsys):
    main(["new", "trip", "ana", "ben"])
    assert main(["new", "trip", "cleo"]) == 1
    assert "already" in capsys.readouterr().err
