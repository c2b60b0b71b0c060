// The build's step that makes the doctor's web page, one file with everything in it. Usage: doctor-page.ts WASM HTML
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";
import { root } from "../paths.ts";

const sources = join(root, "tools/doctor/page");

const ICON = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><rect width="16" height="16" rx="3" fill="#1f5a8c"/><path d="M3.5 8.5l3 3 6-7" fill="none" stroke="#fff" stroke-width="2"/></svg>`;

const [wasm, page] = process.argv.slice(2);
if (wasm === undefined || page === undefined) throw new Error("usage: doctor-page.ts WASM HTML");

const style = await bundle("style.css");
const script = await bundle("main.ts");
// No connection is allowed to anything, and no script, style or image but those in the file.
const policy = [
  "default-src 'none'",
  `script-src '${hash(script)}' 'wasm-unsafe-eval'`,
  `style-src '${hash(style)}'`,
  "img-src data:",
  "base-uri 'none'",
  "form-action 'none'",
  "require-trusted-types-for 'script'",
].join("; ");
// What stands in the template, and what stands there in the page.
const parts = [
  ["@POLICY@", policy],
  ["@ICON@", encodeURIComponent(ICON)],
  ["<style></style>", `<style>${style}</style>`],
  [' id="doctor-wasm"></script>', ` id="doctor-wasm">${(await readFile(wasm)).toString("base64")}</script>`],
  ['<script type="module"></script>', `<script type="module">${script}</script>`],
] as const;
let html = await readFile(join(sources, "index.html"), "utf8");
for (const [placeholder, text] of parts) {
  if (!html.includes(placeholder)) throw new Error(`found no ${placeholder} in index.html, expected one`);
  html = html.replace(placeholder, () => text);
}
await writeFile(page, html);

/** A source with all that it imports, small. */
async function bundle(file: string): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [join(sources, file)],
    absWorkingDir: root,
    bundle: true,
    minify: true,
    write: false,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    logLevel: "warning",
  });
  return outputFiles[0]!.text.trim();
}

/** As a Content-Security-Policy names an inline script or style. */
function hash(text: string): string {
  return `sha256-${createHash("sha256").update(text).digest("base64")}`;
}
