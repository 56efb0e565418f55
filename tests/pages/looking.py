"""How a page is looked at: by axe-core, at every size, with large letters, in the dark, and by keyboard."""

from axe_playwright_python.base import AXE_SCRIPT  # type: ignore[import-untyped]
from playwright.async_api import Page

SIZES = {
    "320": ((320, 640), 1),
    "320 at 200 %": ((320, 640), 2),
    "390": ((390, 844), 1),
    "1280": ((1280, 800), 1),
}
"""Width and height, and how large the letters are."""

_LETTERS = """
async (size) => {
    document.documentElement.style.fontSize = size === 1 ? "" : `${18 * size}px`;
    for (let frame = 0; frame < 3; frame += 1) await new Promise(requestAnimationFrame);
}
"""
_AXE = """
async (withColours) => {
    const rules = { "color-contrast": { enabled: withColours } };
    const { violations } = await axe.run(document, { preload: false, resultTypes: ["violations"], rules });
    const bad = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
    const told = (id) => (node) => `${id}: ${node.target} ${node.failureSummary}`;
    return bad.flatMap(({ id, nodes }) => nodes.map(told(id)));
}
"""
_CONTROLS = "[data-action], input, select, textarea"
_LOST = f"""
() => {{
    const lost = [];
    const {{ scrollWidth, clientWidth }} = document.scrollingElement;
    if (scrollWidth > clientWidth) lost.push(`the page is ${{scrollWidth}} wide of ${{clientWidth}}`);
    for (const each of document.querySelectorAll("{_CONTROLS}, h1, p")) {{
        if (!each.checkVisibility() || each.closest(".unseen") || each.tagName === "INPUT") continue;
        const name = each.dataset.action || each.textContent.trim();
        if (each.scrollWidth > each.clientWidth + 1) lost.push(`${{name}} is cut off`);
    }}
    for (const each of document.querySelectorAll("{_CONTROLS}")) {{
        const {{ width, height }} = each.getBoundingClientRect();
        if (each.checkVisibility() && Math.min(width, height) < 43.5) {{
            lost.push(`${{each.dataset.action || each.name || each.id}} is ${{width}} by ${{height}}`);
        }}
    }}
    return lost;
}}
"""
_REACHABLE = f"""
() => [...(document.querySelector("[aria-modal]:not([hidden])") || document).querySelectorAll("{_CONTROLS}")]
    .filter((each) => each.checkVisibility() && !each.disabled)
    .map((each) => each.dataset.action || each.name || each.id)
"""
_FOCUSED = """
() => {
    const { activeElement: each } = document;
    return each === document.body ? "" : each.dataset.action || each.name || each.id || each.tagName;
}
"""


async def problems_of(page: Page, *, colours: bool) -> list[str]:
    """Return what is wrong with a page as it stands: text that is lost at any size, and what axe finds.

    With its `colours`, axe looks at every size, light and dark; else, what it finds depends on the words
    alone, and it looks once.
    """
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(AXE_SCRIPT)
    await page.emulate_media(reduced_motion="reduce")  # what fades in is judged when it is there
    judged = SIZES if colours else {"390"}
    found = [each for size in SIZES for each in await _at(page, size, judged=size in judged, colours=colours)]
    if colours:
        await page.emulate_media(color_scheme="dark", reduced_motion="reduce")
        found += [f"dark: {each}" for each in await _violations(page, colours=True)]
        await page.emulate_media(color_scheme="light", reduced_motion="reduce")
    return found


async def _at(page: Page, size: str, *, judged: bool, colours: bool) -> list[str]:
    (width, height), letters = SIZES[size]
    await page.set_viewport_size({"width": width, "height": height})
    await page.evaluate(_LETTERS, letters)
    lost = await page.evaluate(_LOST)
    violations = await _violations(page, colours=colours) if judged else []
    found = [f"{size}: {each}" for each in [*violations, *lost]]
    await page.evaluate(_LETTERS, 1)
    return found


async def _violations(page: Page, *, colours: bool) -> list[str]:
    violations: list[str] = await page.evaluate(_AXE, colours)
    return violations


async def has_focus(page: Page) -> bool:
    """Whether a screen reader stands somewhere in the page, and not before it."""
    return bool(await page.evaluate(_FOCUSED))


async def out_of_reach(page: Page) -> set[str]:
    """Return the controls that can be used now but that the tab key does not come to."""
    wanted = set(await page.evaluate(_REACHABLE))
    for _ in range(3 * len(wanted) + 10):
        if not wanted:
            break
        await page.keyboard.press("Tab")
        wanted.discard(await page.evaluate(_FOCUSED))
    return wanted
