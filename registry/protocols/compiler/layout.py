"""Prints generated code: what `ast.unparse` writes, with long calls and literals wrapped as formatters do."""

import ast

WIDTH = 100
INDENT = "    "


def layout(module: ast.Module) -> str:
    """The text of `module`: two blank lines around functions, one after the imports."""
    blocks: list[str] = []
    for node in module.body:
        text = statement(node, 0)
        if blocks:
            gap = "\n\n" if isinstance(node, ast.FunctionDef) else gap_before(node, module)
            blocks.append(gap)
        blocks.append(text)
    return "".join(blocks)


def gap_before(node: ast.stmt, module: ast.Module) -> str:
    """A blank line if the kind of statement changes."""
    previous = module.body[module.body.index(node) - 1]
    return "" if type(previous) is type(node) and isinstance(node, ast.ImportFrom) else "\n"


def statement(node: ast.stmt, depth: int) -> str:
    """One statement with its line end."""
    pad = INDENT * depth
    if isinstance(node, ast.FunctionDef):
        return pad + signature(node) + "\n" + "".join(statement(item, depth + 1) for item in node.body)
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
        return docstring(node.value.value, pad)
    if isinstance(node, ast.Assign):
        target = ast.unparse(node.targets[0])
        return pad + target + " = " + expression(node.value, depth, len(target) + 3) + "\n"
    if isinstance(node, ast.Return) and node.value is not None:
        return pad + "return " + expression(node.value, depth, 7) + "\n"
    if isinstance(node, ast.Expr):
        return pad + expression(node.value, depth, 0) + "\n"
    return pad + ast.unparse(node) + "\n"


def signature(node: ast.FunctionDef) -> str:
    """A function's head."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"def {node.name}({ast.unparse(node.args)}){returns}:"


def docstring(text: str, pad: str) -> str:
    """A docstring; backslashes and quotes in it are escaped."""
    safe = text.replace("\\", "\\\\").replace('"', '\\"')
    lines = safe.split("\n")
    tail = "" if len(lines) == 1 else "\n" + pad
    return pad + '"""' + ("\n" + pad).join(lines).replace("\n" + pad + "\n", "\n\n") + tail + '"""\n'


def expression(node: ast.expr, depth: int, used: int) -> str:
    """An expression, wrapped if it does not fit behind `used` characters at `depth`."""
    flat = ast.unparse(node)
    if len(INDENT) * depth + used + len(flat) <= WIDTH:
        return flat
    inner, pad = INDENT * (depth + 1), INDENT * depth
    if isinstance(node, ast.Call) and (node.args or node.keywords):
        parts = [expression(item, depth + 1, 1) for item in node.args]
        parts += [f"{item.arg}={expression(item.value, depth + 1, len(item.arg or '') + 2)}" for item in node.keywords]
        return f"{ast.unparse(node.func)}(\n" + "".join(f"{inner}{part},\n" for part in parts) + f"{pad})"
    if isinstance(node, ast.Tuple) and node.elts:
        parts = [expression(item, depth + 1, 1) for item in node.elts]
        return "(\n" + "".join(f"{inner}{part},\n" for part in parts) + f"{pad})"
    if isinstance(node, ast.Dict) and node.keys:
        pairs = [
            f"{ast.unparse(key)}: {expression(value, depth + 1, 30)}"
            for key, value in zip(node.keys, node.values, strict=True)
            if key is not None
        ]
        return "{\n" + "".join(f"{inner}{pair},\n" for pair in pairs) + f"{pad}}}"
    return flat
