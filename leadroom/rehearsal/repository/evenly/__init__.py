"""Evenly: splits what a group of friends spent, to the cent."""
