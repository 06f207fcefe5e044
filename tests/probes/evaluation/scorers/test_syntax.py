import textwrap
import warnings
from concurrent.futures import ThreadPoolExecutor

import pytest
from marking import mark, value

from probes.evaluation.scorers.syntax import python_complaint, tree_complaint

GOOD = {
    "python": [
        "x = 1",
        "def f(a, /, b, *, c):\n    return lambda: (yield a)",
        "match x:\n    case {'a': [1, *rest]}:\n        pass",
        "async def f():\n    async with a as b:\n        await b",
        "f'{x!r:>{w}}'",
        "# nothing but a comment",
        "s = '\\d'\nif s is 1: pass",
    ],
    "typescript": [
        "const a: number = 1;",
        "interface A<T extends B = C> { readonly [k: string]: T | undefined; f?(x: T): asserts x is T }",
        "type F = `${Uppercase<string>}-${number}`; export default async function* g() { yield* h(); }",
        "let x = <any>y; let z = a!.b ?? c?.[0];",
        "enum E { A = 1 << 2, B } namespace N { abstract class C { private constructor(readonly a = 1) { super() } } }",
        "function f(this: Window, ...rest: number[]): x is string { return rest satisfies unknown as any }",
    ],
    "tsx": [
        'const a = <div className="b" {...c}>{d && <E.F />} text</div>;',
        "export function A({ b }: { b: string }): JSX.Element { return <>{b}</>; }",
    ],
    "bash": [
        'for f in *.txt; do echo "${f%.txt}"; done',
        "if [[ -f $1 && $2 =~ ^a+$ ]]; then cat <<'E'\n$x\nE\nfi",
        "case $x in a|b) ;; *) exit 1 ;; esac",
        "f() { local a=$(( $1 + 2 )); diff <(sort a) <(sort b) 2>&1 | tee -a log; }",
        "set -euo pipefail\ntrap 'rm -f \"$t\"' EXIT\narr=(1 2); echo ${#arr[@]} ${arr[*]:1}",
    ],
}
BAD = {
    "python": [
        ("x = = 1", "line 1: invalid syntax, at 'x = = 1'"),
        ("def f(:\n  pass", "line 1"),
        ("if x:\npass", "line 2: expected an indented block"),
        ("return 1", "'return' outside function"),
        ("print 'a'", "Missing parentheses"),
        ("x = 'a", "unterminated string"),
        ("def f(a, a): pass", "duplicate argument"),
        ("a\x00b", "null bytes"),
        ("'\ud800'", "surrogates not allowed"),
        ("  x = 1", "unexpected indent"),
        ("-" * 15_000 + "1", "nested too deeply"),
        ("1" + "+1" * 8_000, "nested too deeply"),
        ("(" * 900, "too many nested parentheses"),
        ("9" * 5_000, "Exceeds the limit"),
        ("Sure! Here is the code.", "line 1"),
    ],
    "typescript": [
        ("const a: = 1;", "line 1: cannot be read"),
        ("function f( { }", "line 1"),
        ("let x = 1;\nclass A { f( { } }", "line 2"),
        ("if (a { b }", "line 1: ')' is missing"),
        ("const s = 'a", "line 1"),
        ("Here is the code you want.", "line 1"),
    ],
    "tsx": [("const a = <div><b></div>;", "line 1"), ("const a = <div>", "line 1")],
    "bash": [
        ("if true; then echo a", "line 1"),
        ("for f in *; do echo", "line 1"),
        ("x=1\ncase $x in a) ;;", "line 2|line 1"),
        ("f() { echo", "line 1: cannot be read"),
        ("echo $(ls", "line 1: ')' is missing"),
    ],
}


@pytest.mark.parametrize(("language", "code"), [(name, code) for name, codes in GOOD.items() for code in codes])
def test_good_code_is_good_alone_and_between_fences(language: str, code: str) -> None:
    needs = {"kind": "python_syntax"} if language == "python" else {"kind": "syntax", "language": language}
    assert value(code, **needs) == 1.0, mark(code, **needs).cause
    indented = textwrap.indent(f"```{language}\n{code}\n```", "   ") if "<<" not in code else f"```\n{code}\n```"
    assert value(f"Do this:\n\n{indented}\n\nDone.", **needs) == 1.0
    assert value("```\n```", **needs) == 0.0


@pytest.mark.parametrize(
    ("language", "code", "cause"), [(name, code, why) for name, codes in BAD.items() for code, why in codes]
)
def test_bad_code_gets_0_and_its_cause(language: str, code: str, cause: str) -> None:
    needs = {"kind": "python_syntax"} if language == "python" else {"kind": "syntax", "language": language}
    found = mark(code, **needs)
    assert found.value == 0.0
    assert any(part in found.cause for part in cause.split("|")), found.cause
    assert value(f"```{language}\n{code}\n```", **needs) == 0.0


def test_every_strict_prefix_of_a_function_is_judged_and_the_whole_is_right() -> None:
    code = GOOD["typescript"][4]
    assert [at for at in range(len(code)) if not tree_complaint(code[:at], "typescript")][:1] == [0]
    assert tree_complaint(code, "typescript") == ""
    assert tree_complaint(code[:-1], "typescript") != ""


def test_a_stray_closing_word_passes_for_a_command_in_bash() -> None:
    assert tree_complaint("echo a; fi", "bash") == ""


def test_prose_is_good_bash_so_a_block_can_be_asked_for() -> None:
    assert value("hello there", "syntax", language="bash") == 1.0
    assert mark("hello there", "syntax", language="bash", where="block").cause == "has no fenced block"
    assert mark("x = 1", "python_syntax", where="block").cause == "has no fenced block"


def test_typescript_and_tsx_read_an_angle_bracket_differently() -> None:
    cast, element = "let x = <any>y;", "let x = <any>y</any>;"
    assert (tree_complaint(cast, "typescript"), tree_complaint(element, "tsx")) == ("", "")
    assert tree_complaint(cast, "tsx")
    assert tree_complaint(element, "typescript")


def test_nothing_in_the_code_is_run() -> None:
    assert python_complaint("raise SystemExit(1)\nimport nothing_of_this_name") == ""


def test_warnings_about_answers_stay_unheard_and_all_others_are_as_before() -> None:
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always")
        assert python_complaint("'\\d' is 'x'") == ""
        assert heard == []
        python_complaint("1")
        compile("'\\d'", "somewhere else", "exec")
    assert [one.filename for one in heard] == ["somewhere else"]


def test_threads_do_not_disturb_one_another() -> None:
    codes = [code for code in GOOD["python"] for _ in range(30)] + [
        code for code, _ in BAD["python"] for _ in range(10)
    ]
    alone = [python_complaint(code) for code in codes]
    with warnings.catch_warnings(), ThreadPoolExecutor(8) as pool:
        warnings.simplefilter("error")
        assert list(pool.map(python_complaint, codes)) == alone
