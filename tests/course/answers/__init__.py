"""Answers as students write them: right ones in many idioms, wrong ones with a word of their hint.

A topic's file makes one `Answers` for each exercise and fills it:

    RATE = Answers(checks.check_firing_rate)
    RATE.right(lambda s: s.mean(), lambda s: s.sum() / s.numel())
    RATE.wrong("number of spikes", lambda s: s.sum())

Both also decorate a function. `test_answers.py` judges every one.
"""

EVERY = []  # the answers of all exercises, in the order in which they are made


class Answers:
    """The right and wrong answers to one exercise."""

    def __init__(self, check):
        self.check = check
        self.rights = []
        self.wrongs = []
        EVERY.append(self)

    def right(self, *functions):
        self.rights.extend(functions)
        return functions[0]

    def wrong(self, word, *functions):
        if not functions:
            return lambda function: self.wrong(word, function)
        self.wrongs.extend((word, function) for function in functions)
        return functions[0]
