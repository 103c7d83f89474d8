"""A paying bank of its own: separate process, own ledger, own reader and writer of the files.

It is the judge of every payment test, so it shares no code with the portal: nothing here imports Django, the
adapters or the models. What happens to a payment is scripted by its account number and by knobs, never random.
"""
