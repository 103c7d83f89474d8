"""A rehearsal: a fictional county plays its year through the same actions and files a user drives.

World and people are invented (示范县, ID prefix 990000). The shape of the county year is that of source S0:
46 programs, 312 batches, 271,733 payments, 70,462,400.00 yuan.
"""
