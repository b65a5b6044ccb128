"""Table 1 of Dawid and Skene (1979): five anesthetists say of 45 patients how fit they are, from 1 to 4.

A row per patient: the first anesthetist's three answers, then one of each of the others.
"""

TABLE = """
111 1 1 1 1,333 4 3 3 4,112 2 1 2 2,222 3 1 2 1,222 3 2 2 2,222 3 3 2 2,122 2 1 1 1,333 3 4 3 3,222 2 2 2 3
232 2 2 2 3,444 4 4 4 4,222 3 3 4 3,111 1 1 1 1,222 3 2 1 2,121 1 1 1 1,111 2 1 1 1,111 1 1 1 1,111 1 1 1 1
222 2 2 2 1,222 1 3 2 2,222 2 2 2 2,222 2 2 2 1,222 3 2 2 2,221 2 2 2 2,111 1 1 1 1,111 1 1 1 1,232 2 2 2 2
111 1 1 1 1,111 1 1 1 1,112 1 1 2 1,111 1 1 1 1,333 3 2 3 3,111 1 1 1 1,222 2 2 2 2,222 3 2 3 2,433 4 3 4 3
221 2 2 3 2,232 3 2 3 3,333 3 4 3 2,111 1 1 1 1,111 1 1 1 1,121 2 1 1 1,232 2 2 2 2,121 1 1 1 1,222 2 2 2 2
"""
VOTES = [
    (patient, rater, int(answer) - 1)
    for patient, row in enumerate(",".join(TABLE.split("\n")[1:-1]).split(","))
    for rater, answers in enumerate(row.split())
    for answer in answers
]
