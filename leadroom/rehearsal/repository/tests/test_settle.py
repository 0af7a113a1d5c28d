from evenly.settle import Payment, settle_up


def test_one_debt_is_one_payment():
    assert settle_up({"ana": 500, "ben": -500}) == [Payment("ben", "ana", 500)]


def test_payments_bring_everybody_to_zero():
    balances = {"ana": 666, "ben": 17, "cleo": -683}
    for payment in settle_up(balances):
        balances[payment.giver] += payment.cents
        balances[payment.taker] -= payment.cents
    assert set(balances.values()) == {0}


def test_even_people_pay_nothing():
    assert settle_up({"ana": 0, "ben": 0}) == []
