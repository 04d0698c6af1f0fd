"""The course: its lessons, a student's progress, and the checks of exercises."""
