"""Every text of the module that a user reads goes through translation."""

import ast
import re

import pytest

TRANSLATE = {"_", "tr", "translate"}
SHOWN_ATTRIBUTES = {
    "text",
    "toolTip",
    "title",
    "placeholderText",
    "specialValueText",
    "statusTip",
    "windowTitle",
    "helpText",
    "acknowledgementText",
}
SHOWN_CALLS = {
    "addItem",
    "addRow",
    "addTab",
    "setText",
    "setToolTip",
    "setTitle",
    "setWindowTitle",
    "setPlaceholderText",
    "setSpecialValueText",
    "setHeaderLabels",
    "setItemText",
    "show",
    "tell",
    "showError",
    "errorDisplay",
    "infoDisplay",
    "confirmOkCancelDisplay",
    "confirmYesNoDisplay",
}
WORDS = re.compile(r"[^\W\d_]{2,}")
NAMES = {"CardiacMotion", "PyTorch"}  # are called so in every language


def untranslated(source: str) -> list[str]:
    """Texts that are given to something a user reads without `_` around them."""
    found = []
    for node in ast.walk(ast.parse(source)):
        values = []
        if isinstance(node, ast.Assign):
            shown = [t for t in ast.walk(ast.Tuple(node.targets)) if isinstance(t, ast.Attribute)]
            values = [node.value] if any(target.attr in SHOWN_ATTRIBUTES for target in shown) else []
        elif isinstance(node, ast.Call):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            values = [*node.args, *(k.value for k in node.keywords)] if name in SHOWN_CALLS else []
        for value in values:
            found += [text for text in bare_texts(value) if text.strip() not in NAMES]
    return found


def bare_texts(node: ast.AST) -> list[str]:
    """String constants with words below a node, outside calls and subscripts (whose texts are looked up, not shown)."""
    if isinstance(node, ast.Constant):
        return [node.value] if isinstance(node.value, str) and WORDS.search(node.value) else []
    if isinstance(node, (ast.Compare, ast.Subscript, ast.Lambda)):
        return []
    if isinstance(node, ast.Call):
        method = node.func if isinstance(node.func, ast.Attribute) else None
        return bare_texts(method.value) if method is not None and method.attr in ("format", "join") else []
    if isinstance(node, ast.IfExp):
        return [*bare_texts(node.body), *bare_texts(node.orelse)]
    return [text for child in ast.iter_child_nodes(node) for text in bare_texts(child)]


def test_the_module_says_nothing_untranslated(root):
    found = {}
    for path in sorted((root / "CardiacMotion").rglob("*.py")):
        if path.name == "selftest.py":
            continue
        texts = untranslated(path.read_text(encoding="utf-8"))
        if texts:
            found[path.name] = texts
    assert found == {}


@pytest.mark.parametrize(
    ("line", "texts"),
    [
        ('label.text = "Hello"', ["Hello"]),
        ('label.text = _("Hello")', []),
        ('label.text = _("{n} files").format(n=3)', []),
        ('label.text = "{n} files".format(n=3)', ["{n} files"]),
        ('label.text = f"{n} files"', [" files"]),
        ('label.text = "Stop" if running else _("Go")', ["Stop"]),
        ('box.addItem("none", key)', ["none"]),
        ('a.text, b.toolTip = _("one"), "two"', ["two"]),
        ('label.text = names["known"]', []),
        ('label.text = "\\n".join(lines)', []),
        ("session.showError(str(error))", []),
        ('errorDisplay(text, windowTitle="CardiacMotion")', []),
    ],
)
def test_the_scan_sees_what_it_should(line, texts):
    assert untranslated(line) == texts


def test_texts_of_the_ui_files_are_translatable(root):
    """A text that is marked notr is one that no user reads: a list of node types, the name of a parameter."""
    for path in (root / "CardiacMotion" / "Resources" / "UI").glob("*.ui"):
        for name, body in re.findall(r'<property name="(\w+)"[^>]*>(.*?)</property>', path.read_text(), re.S):
            if name in ("text", "toolTip", "title", "suffix", "prefix", "specialValueText", "noneDisplay"):
                assert 'notr="true"' not in body, f"{path.name}: {name}"
