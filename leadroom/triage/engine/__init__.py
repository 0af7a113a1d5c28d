"""The similarity engine: text in, a decision with its reasons out. Knows no record and no database.

`extraction` reads a report's facts, `terms` weighs its words, `features` compares two reports, `model` turns that
into a probability, `guard` forbids links, `ranking` puts it together, `evidence` says it to people.
"""
