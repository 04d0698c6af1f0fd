"""Packages and their files; everything else stands in pyproject.toml.

The course lives in notebooks/ and travels in the wheel as saflab/course, which pyproject.toml
can say only for a list of packages written out by hand.
"""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["saflab*"]), "saflab.course"],
    package_dir={"saflab.course": "notebooks"},
    package_data={"": ["*.js", "*.css", "*.json"], "saflab.course": ["**/*.ipynb"]},
)
