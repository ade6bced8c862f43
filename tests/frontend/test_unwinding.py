"""What runs on ways out beyond the page ``lower_cleanup.md``: copies stay bounded, nested variables run each once, the record names the calls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from literate import NAMES

from spincheck import ir
from spincheck.frontend.lower import lower_function
from spincheck.frontend.tokens import tokenise
from spincheck.frontend.unwinding import LIMIT


def function(body: str) -> ir.Function:
    return lower_function(tokenise(f"void f(int n) {{ {body} }}"), NAMES).function


def variable(number: int) -> str:
    return f"int v{number} __attribute__((cleanup(unlock))) = {number};"


@pytest.mark.parametrize(
    "leave",
    [
        "if (n) return;",
        "if (n) goto out;",
        "if (n) goto out{number};",
    ],
)
def test_many_variables_and_ways_out_cost_in_proportion(leave: str) -> None:
    def size(count: int) -> int:
        body = "".join(variable(number) + leave.format(number=number) for number in range(count))
        ends = "".join(f"out{number}: g({number});" for number in range(count))
        return len(function(f"{{ {body} }} out: ; {ends}").code)

    small, large = size(300), size(1200)
    assert large < 6 * small + LIMIT


def test_more_copies_than_the_limit_are_told() -> None:
    body = "".join(map(variable, range(300))) + "".join(f"if (n == {k}) goto out{k};" for k in range(300))
    found = function(f"{{ {body} }} {''.join(f'out{k}: g({k});' for k in range(300))}")
    assert "too many ways out" in {one.reason for one in found.recovered}
    assert len(found.code) < 3 * LIMIT


@given(
    st.recursive(
        st.sampled_from(["a();", "return;", "goto out;", "{ }"]),
        lambda inner: st.lists(inner, min_size=1, max_size=4).map(
            lambda parts: (
                f"if (b()) {{ int v __attribute__((cleanup(unlock))) = lock(n); {' '.join(parts)} }}"
            )
        ),
        max_leaves=12,
    )
)
def test_on_every_path_each_variable_is_released_once(body: str) -> None:
    code = function(body + " out: ;").code
    pending: list[tuple[int, int]] = [(0, 0)]
    seen: dict[int, int] = {}
    while pending:
        index, held = pending.pop()
        if index in seen:
            assert seen[index] == held
            continue
        seen[index] = held
        match code[index]:
            case ir.Call(callee=ir.FunctionName("lock")):
                pending.append((index + 1, held + 1))
            case ir.Call(callee=ir.FunctionName("unlock")):
                assert held > 0
                pending.append((index + 1, held - 1))
            case ir.Branch(then=then, otherwise=otherwise):
                pending += [(then, held), (otherwise, held)]
            case ir.Jump(target=target):
                pending.append((target, held))
            case ir.Return():
                assert held == 0
            case _:
                pending.append((index + 1, held))


def test_the_cleanup_function_is_among_the_calls_at_its_name() -> None:
    text = "void f(void) { int v __attribute__((cleanup(unlock))) = 1; g(); }"
    lowered = lower_function(tokenise(text), NAMES)
    assert lowered.calls == ("g", "unlock")
    (at,) = {
        i.at
        for i in lowered.function.code
        if isinstance(i, ir.Call) and i.callee == ir.FunctionName("unlock")
    }
    assert tokenise(text)[at][0] == "unlock"


def test_an_address_in_a_local_is_called_through_it() -> None:
    found = function("void (*run)(int *) = h; int v __attribute__((cleanup(run))) = 1;")
    assert [i.callee for i in found.code if isinstance(i, ir.Call)] == [ir.Load(ir.Local("run"))]
