"""The one thing pyproject.toml cannot say: Resources/ stands beside the package here (as in Slicer) and inside it once installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["CardiacMotionLib*"]), "CardiacMotionLib._resources"],
    package_dir={"CardiacMotionLib._resources": "Resources"},
    package_data={
        "CardiacMotionLib": ["**/*.j2", "py.typed"],
        "CardiacMotionLib._resources": ["Models/**", "ColorTables/**", "Layouts/**", "SampleData/**"],
    },
)
