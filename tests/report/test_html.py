"""The page: one file, safe against what it shows, and walked through in a real browser."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import msgspec
import pytest
from browser import CHROMIUM, Browser
from report_examples import LEAK, SOURCES, UNUSED, context, made

from spincheck.diagnostics import TraceStep
from spincheck.report import html_report

HOSTILE = """</pre></script><script>document.title = "owned"</script><img src=x onerror="document.title='owned'">"""


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def tags(page: str) -> list[tuple[str, dict[str, str | None]]]:
    parser = Tags()
    parser.feed(page)
    return parser.tags


def hostile_page() -> str:
    step = TraceStep("acquire", "evil.c", 1, 1, HOSTILE, 0, f"`{HOSTILE}`")
    one = msgspec.structs.replace(
        LEAK, message=HOSTILE, file="evil.c", function=HOSTILE, entry=HOSTILE, lock=HOSTILE, rules=(HOSTILE,), rule=HOSTILE, trace=(step,)
    )
    sources = {"evil.c": f"{HOSTILE}\n// &lt; \u2028 {HOSTILE}\n"}
    return html_report.render(made(one, gaps=True), context=context(source=sources.get, title=HOSTILE))


def test_it_has_violations_path_source_coverage_and_history():
    page = html_report.render(made(LEAK, UNUSED, gaps=True), context=context())
    assert page.count("<article") == 2
    assert '<tr id="f0-9">' in page
    assert '<a href="#f0-9" data-v="0" data-s="3">' in page
    assert "<code>d-&gt;Lock</code> is still held when callback <code>MyDpc</code> returns" in page
    assert "K&amp;R &lt;b&gt;" in page
    assert "1970-01-01 00:02:00" in page
    assert "the board is gone" in page
    assert 'title="SpinlockRelease in one line"' in page


def test_it_asks_for_nothing_from_elsewhere():
    page = html_report.render(made(LEAK), context=context())
    for tag, attributes in tags(page):
        assert tag not in {"link", "img", "iframe", "base", "object", "form"}
        assert not {"src", "style", "srcset"} & set(attributes)
        assert not any(name.startswith("on") for name in attributes)
        if "href" in attributes:
            assert attributes["href"].startswith(("#", "https://example.com/"))
    assert "url(" not in page
    assert "@import" not in page


def test_hostile_text_stays_text():
    page = hostile_page()
    assert [attributes.get("type") for tag, attributes in tags(page) if tag == "script"] == ["application/json", None]
    assert not [tag for tag, _ in tags(page) if tag == "img"]
    (policy,) = [attributes["content"] for tag, attributes in tags(page) if attributes.get("http-equiv")]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_files_that_are_no_c_are_not_shown():
    step = TraceStep("defect", "/etc/passwd", 1, 1, "f", 0, "x")
    one = msgspec.structs.replace(LEAK, file="/etc/passwd", trace=(step,))
    page = html_report.render(made(one), context=context(source=lambda _file: "root:secret"))
    assert "secret" not in page
    assert "is not in the report" in page


def test_rows_are_the_compilers_lines():
    text = "\n\n/* a\r\n b */ int x;\f\n\n\nint y;"
    page = html_report.render(made(LEAK), context=context(source={**SOURCES, "src/dpc.c": text}.get))
    rows = dict(re.findall(r'<tr id="f0-(\d+)">.*?<pre>(.*?)</pre>', page))
    assert sorted(rows, key=int) == ["1", "2", "3", "4", "5", "6", "7"]
    assert "a" in rows["3"]
    assert ">y<" in rows["7"]


def test_a_long_file_is_shown_around_the_steps():
    text = "int x;\n" * (html_report.LONGEST_FILE + 5)
    page = html_report.render(made(LEAK), context=context(source={**SOURCES, "src/dpc.c": text}.get))
    assert page.count('<tr id="f0-') == 9 + html_report.AROUND
    assert page.count('<tr class="cut">') == 1


def test_a_clean_report():
    page = html_report.render(made(), context=context(builds=(), suppressed=()))
    assert "Every callback gives back what it takes" in page
    assert "No builds are recorded" in page


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    if CHROMIUM is None or shutil.which("bash") is None:
        pytest.skip("no Chromium here")
    with Browser(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


def current(browser: Browser) -> tuple[str, int, str]:
    """The shown file, its marked line, and the marked words."""
    return tuple(
        browser.ask(
            "[document.querySelector('.source.on h3').textContent, Number(document.querySelector('tr.now .l').textContent),"
            " [...document.querySelectorAll('mark')].map((mark) => mark.textContent).join('')]"
        )
    )


def test_walking_a_path(browser: Browser, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(html_report.render(made(UNUSED, LEAK), context=context()), encoding="utf-8")
    browser.open(page)
    assert browser.ask("document.querySelector('#position').textContent") == "no path to walk"
    browser.click('.pick[data-v="1"]')
    assert current(browser) == ("src/dpc.c", 7, "Take(d)")
    browser.click("#next")
    assert current(browser) == ("src/take helper.c", 3, "KeAcquireSpinLock(&d->Lock, &d->Irql)")
    assert browser.ask("document.querySelector('#position').textContent") == "2 of 4 · Take · d->Lock held"
    browser.press("ArrowRight")
    browser.press("j")
    assert current(browser) == ("src/dpc.c", 9, "return")
    assert browser.ask("document.querySelector('#next').disabled") is True
    assert browser.ask("document.querySelector('tr.said').textContent") == "returns here while d->Lock is held"
    assert browser.ask("[...document.querySelectorAll('.source.on tr.held .l')].map((l) => Number(l.textContent))") == [7, 8, 9]
    assert browser.ask("document.querySelectorAll('.source.on tr.free, .source.on tr.aside').length") == 0
    browser.press("ArrowLeft")
    assert current(browser)[1] == 8
    browser.click('.steps a[data-s="1"]')
    assert current(browser)[1] == 3
    browser.press("p")
    assert browser.ask("document.querySelector('.violation.on').id") == "v0"
    browser.open(page, fragment="#v1-4")
    assert current(browser)[1] == 9
    assert not [event for event in browser.events if event["method"] == "Runtime.exceptionThrown"]


def test_lines_that_the_path_may_have_passed_by_are_told_apart(browser: Browser, tmp_path: Path):
    code = "void f(struct device *d)\n{\n    Take(d);\n    if (d->Count) {\n        Count(d);\n    }\n    return;\n}\n"
    steps = (
        TraceStep("acquire", "a.c", 3, 5, "f", 0, "`d->Lock` is acquired here by Take"),
        TraceStep("defect", "a.c", 7, 5, "f", 0, "returns here while `d->Lock` is held"),
    )
    page = tmp_path / "page.html"
    one = msgspec.structs.replace(LEAK, file="a.c", line=7, trace=steps)
    page.write_text(html_report.render(made(one), context=context(source={"a.c": code}.get)), encoding="utf-8")
    browser.open(page)
    lines = "[...document.querySelectorAll('.source.on tr.{}')].map((row) => Number(row.querySelector('.l').textContent))"
    assert browser.ask(lines.format("held")) == [3, 4, 5, 6, 7]
    assert browser.ask(lines.format("aside")) == [5]
    style = "getComputedStyle(document.querySelector('#f0-{} .g')).borderRightStyle"
    assert [browser.ask(style.format(line)) for line in (4, 5)] == ["solid", "dotted"]


def test_nothing_is_requested_and_hostile_text_does_nothing(browser: Browser, tmp_path: Path):
    page = tmp_path / "hostile.html"
    page.write_text(hostile_page(), encoding="utf-8")
    browser.open(page)
    for _ in range(3):
        browser.press("ArrowRight")
    assert browser.ask("document.title.startsWith('owned')") is False
    assert browser.ask("document.querySelectorAll('img').length") == 0
    assert browser.ask("document.querySelector('#f0-1 pre').textContent") == HOSTILE
    requests = [event["params"]["request"]["url"] for event in browser.events if event["method"] == "Network.requestWillBeSent"]
    assert requests == [page.as_uri()]
    assert not [event for event in browser.events if event["method"] == "Log.entryAdded"]


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_no_page_is_wider_than_its_screen(browser: Browser, tmp_path: Path, width: int):
    page = tmp_path / "page.html"
    page.write_text(html_report.render(made(LEAK, gaps=True), context=context()), encoding="utf-8")
    browser.open(page, width=width)
    assert browser.ask("document.documentElement.scrollWidth") <= width


def test_light_and_dark(browser: Browser, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(html_report.render(made(LEAK), context=context()), encoding="utf-8")
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.open(page)
    light = browser.ask(colour)
    browser.click("#theme")
    dark = browser.ask(colour)
    browser.open(page, dark=True)
    assert browser.ask(colour) == dark != light
    browser.click("#theme")
    assert browser.ask(colour) == light
