// Makes dist/ of src/. Fails when a text has no Chinese.
import { build } from "esbuild";
import { copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { zh } from "./src/lib/zh.js";

const files = (folder) => readdirSync(folder, { withFileTypes: true }).flatMap((one) => one.isDirectory() ? files(`${folder}/${one.name}`) : `${folder}/${one.name}`);
const source = files("src").filter((name) => /\.jsx?$/.test(name)).map((name) => readFileSync(name, "utf8")).join("\n");
const texts = new Set([...source.matchAll(/\bt\(\s*"((?:[^"\\]|\\.)*)"/g)].map((match) => JSON.parse(`"${match[1]}"`)));
const missing = [...texts].filter((text) => !(text in zh));
if (missing.length) {
  console.error("src/lib/zh.js lacks:\n" + missing.map((text) => `  ${JSON.stringify(text)}: "",`).join("\n"));
  process.exit(1);
}

const OUT = "dist.new"; // takes the place of dist when it is whole
rmSync(OUT, { recursive: true, force: true });
mkdirSync(OUT);
await build({
  entryPoints: ["src/main.jsx"], outfile: OUT + "/app.js", bundle: true, minify: true, format: "esm", target: ["es2022", "chrome111", "firefox113", "safari16.4"],
  jsx: "automatic", jsxImportSource: "preact", charset: "utf8", legalComments: "none", logLevel: "warning",
});
for (const name of ["index.html", "icon.svg"]) copyFileSync("src/" + name, `${OUT}/${name}`);
writeFileSync(OUT + "/licenses.txt", ["preact", "uplot"].map((name) => `${name}\n\n${readFileSync(`node_modules/${name}/LICENSE`, "utf8").trim()}\n`).join("\n\n"));
rmSync("dist", { recursive: true, force: true });
renameSync(OUT, "dist");
for (const name of readdirSync("dist").sort()) console.log(String(statSync("dist/" + name).size).padStart(8), name);
