"""A function of the intermediate representation as readable text, for tests and for debugging.

One instruction a line, with its index; ``p->f`` stands for ``Member(Deref(Load(p)), f)`` as it does in C. The text is
for people: nothing reads it back.
"""

from __future__ import annotations

from spincheck import ir


def listing(function: ir.Function) -> str:
    """The whole function, its header first."""
    parameters = ", ".join(f"{v.name}: {v.type or '?'}" for v in function.parameters)
    lines = [f"{function.name}({parameters}) -> {function.result or '?'}"]
    lines += [f"  {index:3} {instruction(item)}" for index, item in enumerate(function.code)]
    lines += [f"  recovered at {r.at}: {r.reason}" for r in function.recovered]
    return "\n".join(lines)


def instruction(item: ir.Instruction) -> str:
    """One instruction."""
    match item:
        case ir.Assign(target, stored):
            return f"{place(target)} = {value(stored)}"
        case ir.Call(result, callee, arguments, _, handler):
            text = f"{value(callee)}({', '.join(value(argument) for argument in arguments)})"
            text = text if result is None else f"{result} = {text}"
            return text if handler < 0 else f"{text} except {handler}"
        case ir.Branch(condition, then, otherwise):
            return f"if {value(condition)} then {then} else {otherwise}"
        case ir.Jump(target):
            return f"goto {target}"
        case ir.Switch(selector, cases, default):
            ways = [
                f"{case.low if case.low == case.high else f'{case.low}..{case.high}'}: {case.target}"
                for case in cases
            ]
            return f"switch {value(selector)} {{{', '.join([*ways, f'default: {default}'])}}}"
        case ir.ComputedJump(targets):
            return f"goto any of {', '.join(map(str, targets))}"
        case ir.Return(returned):
            return "return" if returned is None else f"return {value(returned)}"
        case ir.Opaque(why, writes, calls):
            text = f"opaque {why}"
            text += f" writes {', '.join(place(target) for target in writes)}" if writes else ""
            return text + (f" calls {', '.join(calls)}" if calls else "")
        case ir.Halt():
            return "halt"


def value(item: ir.Value) -> str:
    """One value."""
    match item:
        case ir.Int(number):
            return str(number)
        case ir.Text(text):
            return f'"{text}"'
        case ir.FunctionName(name):
            return name
        case ir.Unknown(why):
            return f"<{why}>"
        case ir.Load(target):
            return place(target)
        case ir.AddressOf(target):
            return f"&{place(target)}"
        case ir.Unary(op, operand):
            return f"{op}{_operand(operand)}"
        case ir.Binary(op, left, right):
            return f"{_operand(left)} {op} {_operand(right)}"
        case ir.Cast(to, operand):
            return f"({to}){_operand(operand)}"


def _operand(item: ir.Value) -> str:
    text = value(item)
    return f"({text})" if isinstance(item, ir.Binary) else text


def place(item: ir.Place) -> str:
    """One place."""
    match item:
        case ir.Local(name):
            return name
        case ir.Global(name):
            return f"::{name}"
        case ir.Member(ir.Deref(pointer), field):
            return f"{_pointer(pointer)}->{field}"
        case ir.Member(base, field):
            return f"{place(base)}.{field}"
        case ir.Element(base, index):
            return f"{place(base)}[{value(index)}]"
        case ir.Deref(pointer):
            return f"*{_pointer(pointer)}"


def _pointer(item: ir.Value) -> str:
    text = value(item)
    return text if isinstance(item, ir.Load | ir.Int) and not text.startswith("*") else f"({text})"
