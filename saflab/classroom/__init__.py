"""A class of any size: release labs, grade what comes back in a sandbox, give feedback.

`course` is the folder, `release` what students get, `collect` what they hand in, `notebook` what is
executed, `isolation` and `sandbox` where, `inside` the part that runs there, `grading` the order of
things, `reports` what goes out, `guard` what keeps nbgrader from running a submission itself.
"""
