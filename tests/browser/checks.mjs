// Checks of the report's page. Each takes an open page and returns sentences about what is wrong; none where all is well.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Finds what reaches beyond the window's width. */
export async function wide(page) {
  return page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return [];
    // A box that scrolls by itself may hold what is wider.
    const scrolls = (element) => {
      for (let at = element.parentElement; at && at !== document.body; at = at.parentElement) {
        if (getComputedStyle(at).overflowX !== "visible") return true;
      }
      return false;
    };
    const reaches = (element) => element.getBoundingClientRect().right > width + 1 && !scrolls(element);
    const found = [...document.body.querySelectorAll("*")].filter(reaches).slice(0, 3);
    const named = found.map((element) => `<${element.localName} class="${element.getAttribute("class") ?? ""}">`);
    return [`the page is ${document.documentElement.scrollWidth} wide in a window of ${width}: ${named.join(", ")}`];
  });
}

/** Finds pictures that were not loaded or have no description. */
export async function pictures(page) {
  return page.evaluate(async () => {
    await Promise.all([...document.images].map((image) => image.decode().catch(() => null)));
    const empty = [...document.images].filter((image) => image.naturalWidth === 0);
    const silent = [...document.images].filter((image) => !image.alt.trim());
    const drawn = [...document.querySelectorAll("svg[role=img]")].filter((svg) => !svg.getAttribute("aria-label")?.trim());
    const about = (image) => image.alt.slice(0, 60) || image.src.slice(0, 60);
    return [
      ...(document.images.length === 0 ? ["the page has no picture"] : []),
      ...empty.map((image) => `a picture is not shown: ${about(image)}`),
      ...silent.map((image) => `a picture has no alternative text: ${about(image)}`),
      ...drawn.map((svg) => `a drawing has no label: ${svg.outerHTML.slice(0, 60)}`),
    ];
  });
}

/** Finds what axe-core objects to: WCAG 2, levels A and AA, and best practice. */
export async function accessible(page) {
  await page.evaluate(axe);
  return page.evaluate(async () => {
    const tags = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
    const { violations } = await globalThis.axe.run(document, { runOnly: { type: "tag", values: tags } });
    const where = (rule) => rule.nodes.slice(0, 3).map((node) => node.target.join(" ")).join(", ");
    return violations.map((rule) => `axe ${rule.id}: ${rule.help} (${rule.nodes.length}: ${where(rule)})`);
  });
}

/** Returns the headings, table captions and number of table rows, as a reader meets them. */
export async function outline(page) {
  return page.evaluate(() => {
    const texts = (selector) => [...document.querySelectorAll(selector)].map((element) => element.textContent.trim());
    return JSON.stringify({
      headings: texts("h1, h2, h3, h4"),
      captions: texts("caption"),
      rows: document.querySelectorAll("tr").length,
      pictures: document.querySelectorAll("img, svg").length,
      words: document.body.innerText.length,
    });
  });
}
