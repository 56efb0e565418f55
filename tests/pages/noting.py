"""What a page notes of itself while something fails: when it showed a frame, when it was away, what it read.

All of it is noted inside the page, at the moment when it happens; a test asks for it at the end.
"""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from playwright.async_api import Page

NOTING = """
window.noted = { frames: [], links: [], doubled: [], vanished: [] };
const now = () => performance.timeOrigin + performance.now();
const watched = new WeakSet();
let read = [];

const showed = (video) => {
    window.noted.frames.push(now());
    video.requestVideoFrameCallback(() => showed(video));
};
const look = () => {
    for (const video of document.querySelectorAll("video[data-participant]")) {
        if (watched.has(video)) continue;
        watched.add(video);
        video.requestVideoFrameCallback(() => showed(video));
    }
    const { link = "live" } = document.body.dataset;
    const { links } = window.noted;
    if (links.length === 0 || links.at(-1)[1] !== link) links.push([now(), link]);
    const reads = [...document.querySelectorAll("[data-texts] [data-words]")].map((each) => each.textContent);
    window.noted.doubled.push(...reads.filter((each, index) => reads.indexOf(each) !== index));
    window.noted.vanished.push(...read.filter((each) => !reads.includes(each)));
    read = reads;
};
document.addEventListener("DOMContentLoaded", () => {
    look();
    new MutationObserver(look).observe(document.body, {
        attributes: true, attributeFilter: ["data-link", "data-participant"], childList: true, subtree: true,
    });
});
"""
"""Runs before the page's own scripts. A frame is noted when it is shown, a text when it stands there."""
SHOWS_FRAMES = "(since) => window.noted.frames.filter((at) => at > since).length > 15"
WAS_AWAY = '(since) => window.noted.links.some(([at, link]) => at >= since && link !== "live")'
_ASKED = "() => ({ ...window.noted, until: performance.timeOrigin + performance.now() })"
_READ = '() => [...document.querySelectorAll("[data-texts] [data-words]")].map((each) => each.textContent)'


class Noted(NamedTuple):
    """What a page has noted; times are in milliseconds since 1970."""

    frames: Sequence[float]
    """When a picture of somebody else was shown."""
    links: Sequence[tuple[float, str]]
    """What the page has said of its link, and since when."""
    doubled: Sequence[str]
    """Texts that stood there twice at a time."""
    vanished: Sequence[str]
    """Texts that stood there, and then did not."""
    until: float

    def longest_pause(self, *, since: float) -> float:
        """Return the longest time, in milliseconds, in which no frame was shown."""
        shown = [since, *(at for at in self.frames if at >= since), self.until]
        return max(after - before for before, after in pairwise(shown))

    def away(self, *, since: float) -> tuple[float, float] | None:
        """Return when the page has said that it was away, and when it was back; `None` if it never did."""
        said = [(at, link) for at, link in self.links if at >= since]
        if not said:
            return None
        (left, _), (back, link) = said[0], said[-1]
        assert link == "live", "it is still away"
        return left, back


async def noted_by(page: Page) -> Noted:
    """Return all that a page has noted."""
    return Noted(**await page.evaluate(_ASKED))


async def read_by(page: Page) -> list[str]:
    """Return the texts that a page shows, oldest first."""
    shown: list[str] = await page.evaluate(_READ)
    return shown
