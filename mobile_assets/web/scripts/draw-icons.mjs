// Draws the app's PNG icons from their SVG: `node scripts/draw-icons.mjs`, where Chromium is installed.
import { readFileSync, rmSync } from "node:fs";
import { chromium } from "playwright-core";

const SIZES = { icon: [180, 192, 512], maskable: [192, 512] };
const folder = new URL("../public/icons/", import.meta.url);

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox"],
});
for (const [name, sizes] of Object.entries(SIZES)) {
  const drawing = readFileSync(new URL(`${name}.svg`, folder), "utf8");
  for (const size of sizes) {
    const page = await browser.newPage({ viewport: { width: size, height: size } });
    await page.setContent(`<style>*{margin:0}svg{display:block;width:${size}px;height:${size}px}</style>${drawing}`);
    const path = new URL(`${name}-${size}.png`, folder).pathname;
    rmSync(path, { force: true });
    await page.screenshot({ path, omitBackground: true });
    await page.close();
  }
}
await browser.close();
