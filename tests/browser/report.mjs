// Opens the report in headless Chromium and checks it as its readers meet it: node report.mjs PAGE FOLDER [--self-test].
// Pictures of the page go to FOLDER.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";
import { accessible, outline, pictures, wide } from "./checks.mjs";

const WIDTHS = [390, 1440];
const SCHEMES = ["light", "dark"];
/** A sheet of A4 at 96 dots an inch, less margins of 10 mm. */
const SHEET = 718;
/** Faults, each with the words that its finding must contain. */
const PLANTED = [
  ["a wide element", '<div style="width:3000px">wide</div>', "wide in a window of"],
  ["a picture without alternative text", '<img src="data:image/svg+xml,%3Csvg xmlns=\'http://www.w3.org/2000/svg\'/%3E">', "no alternative text"],
  ["a pale text", '<p style="color:#ccc;background:#fff">pale</p>', "axe color-contrast"],
  ["a picture from the network", '<img alt="far" src="http://192.0.2.1/far.png">', "the page asks for http://192.0.2.1/far.png"],
  ["a text that a script alone shows", "<h2 id=\"late\"></h2><script>late.textContent = 'late'</script>", "reads differently without script"],
];

/** Runs `use` with a browser of its own, which keeps nothing. */
async function browsing(use, options = {}) {
  const profile = mkdtempSync(join(tmpdir(), "report-browser-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    ...options,
  });
  try {
    return await use(context);
  } finally {
    await context.close();
    rmSync(profile, { recursive: true, force: true });
  }
}

/** Opens a file in a window, and notes in `asked` whatever it asks for beyond the file. */
async function opened(context, file, width, asked) {
  const page = await context.newPage();
  await page.route("**", (route) => {
    const url = route.request().url();
    if (/^(file|data):/.test(url)) return route.continue();
    asked.add(`the page asks for ${url}`);
    return route.abort();
  });
  await page.setViewportSize({ width, height: 900 });
  await page.goto(pathToFileURL(file).href);
  return page;
}

/** Checks one file; pictures of it go to `folder`, where there is one. */
async function findings(file, folder) {
  const found = [];
  const asked = new Set();
  const [withScript, shown] = await browsing(async (context) => {
    const page = await opened(context, file, 1440, asked);
    for (const colorScheme of SCHEMES) {
      await page.emulateMedia({ colorScheme });
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: 900 });
        const at = (sentence) => `${width} px, ${colorScheme}: ${sentence}`;
        found.push(...(await wide(page)).map(at), ...(await accessible(page)).map(at));
        if (folder) await page.screenshot({ path: join(folder, `${width}-${colorScheme}.png`) });
      }
    }
    found.push(...(await pictures(page)));
    const outlines = [await outline(page), await page.locator("h2, h3").count()];
    await page.emulateMedia({ media: "print", colorScheme: "light" });
    await page.setViewportSize({ width: SHEET, height: 1000 });
    found.push(...(await wide(page)).map((sentence) => `print: ${sentence}`));
    if (folder) await page.pdf({ path: join(folder, "print.pdf"), format: "A4", margin: { top: "10mm", right: "10mm", bottom: "10mm", left: "10mm" } });
    if (folder) await page.screenshot({ path: join(folder, "print.png") });
    return outlines;
  });
  if (shown === 0) found.push("the page has no headings");
  const without = await browsing(async (context) => outline(await opened(context, file, 1440, asked)), { javaScriptEnabled: false });
  if (without !== withScript) found.push(`the page reads differently without script: ${without.slice(0, 200)}`);
  return [...found, ...asked];
}

/** Plants each fault in a copy of the page; returns those that were not found. */
async function missed(file, folder) {
  const text = readFileSync(file, "utf8");
  const unnoticed = [];
  for (const [name, fault, words] of PLANTED) {
    const copy = join(folder, "planted.html");
    writeFileSync(copy, text.replace("</main>", `${fault}</main>`));
    const found = await findings(copy);
    const caught = found.find((sentence) => sentence.includes(words));
    console.log(caught ? `caught ${name}: ${caught.slice(0, 120)}` : `missed ${name}`);
    if (!caught) unnoticed.push(name);
    rmSync(copy);
  }
  return unnoticed;
}

const [file, folder, mode] = process.argv.slice(2);
if (mode === "--self-test") {
  process.exitCode = (await missed(file, folder)).length === 0 ? 0 : 1;
} else {
  const found = await findings(file, folder);
  for (const sentence of found) console.log(`browser: ${sentence}`);
  console.log(`browser: ${found.length} findings at ${WIDTHS.join(" and ")} px, ${SCHEMES.join(" and ")}, in print and without script; pictures in ${folder}`);
  process.exitCode = found.length === 0 ? 0 : 1;
}
