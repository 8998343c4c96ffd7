"""What pyproject.toml cannot say: Resources/ stands beside the package, as in Slicer, and inside it when installed."""

from setuptools import find_packages, setup

setup(
    packages=[*find_packages(include=["CardiacMotionLib*"]), "CardiacMotionLib.Resources"],
    package_dir={"CardiacMotionLib.Resources": "Resources"},
    package_data={
        "CardiacMotionLib": ["**/*.j2", "methods/*/recipes/*.toml", "py.typed"],
        "CardiacMotionLib.Resources": ["Models/**", "ColorTables/**", "Layouts/**", "SampleData/**"],
    },
)
